"""Wire ↔ domain, as far as more than one process needs it: large content in parts, receipts of submissions.

Content crosses the wire in parts of half a mebibyte; whoever puts parts together states how much it will take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from protos.errors import WireFormatError
from protos.v1 import exchange_pb2

PART_BYTES = 512 << 10


@dataclass(frozen=True, slots=True)
class SubmissionReceipt:
    """Where a submitted statement stands in the log: the leaf's exact bytes, its index, and the envelope's SHA-256."""

    leaf: bytes
    leaf_index: int
    digest: bytes


def parts(content: bytes) -> Iterator[bytes]:
    """``content`` cut into parts of at most PART_BYTES, none empty."""
    view = memoryview(content)
    for start in range(0, len(content), PART_BYTES):
        yield bytes(view[start : start + PART_BYTES])


def join(pieces: Iterable[bytes], limit: int) -> bytes:
    """The content that was cut. Raises WireFormatError for an empty part, or as soon as there are more than ``limit`` bytes."""
    out = bytearray()
    for piece in pieces:
        if not piece:
            raise WireFormatError("a part is empty")
        out += piece
        if len(out) > limit:
            raise WireFormatError(f"the content has more than {limit} bytes")
    return bytes(out)


def contribution_parts(envelope: bytes, ciphertexts: bytes) -> Iterator[exchange_pb2.ContributionPart]:
    """The messages of one contribution: its envelope, then its ciphertexts. To be made anew for each attempt."""
    yield exchange_pb2.ContributionPart(envelope=envelope)
    for part in parts(ciphertexts):
        yield exchange_pb2.ContributionPart(ciphertexts=part)


def document_parts(envelope: bytes, content: bytes) -> Iterator[exchange_pb2.DocumentPart]:
    """The messages of one published document: the statement that names it, then its bytes. To be made anew for each attempt."""
    yield exchange_pb2.DocumentPart(envelope=envelope)
    for part in parts(content):
        yield exchange_pb2.DocumentPart(content=part)


def blob_parts(content: bytes) -> Iterator[exchange_pb2.BlobPart]:
    """The messages that answer a blob request."""
    for part in parts(content):
        yield exchange_pb2.BlobPart(content=part)


def join_blob(messages: Iterable[exchange_pb2.BlobPart], limit: int) -> bytes:
    """Content of a blob's messages. Raises WireFormatError as ``join``."""
    return join((message.content for message in messages), limit)


def receipt_to_wire(receipt: SubmissionReceipt) -> exchange_pb2.Receipt:
    """The message of a receipt."""
    return exchange_pb2.Receipt(leaf=receipt.leaf, leaf_index=receipt.leaf_index, digest=receipt.digest)


def receipt_from_wire(message: exchange_pb2.Receipt) -> SubmissionReceipt:
    """Receipt of a message. Raises WireFormatError when there is no leaf or the digest has not 32 bytes."""
    if not message.leaf or len(message.digest) != 32:
        raise WireFormatError("a receipt holds a leaf and a digest of 32 bytes")
    return SubmissionReceipt(message.leaf, message.leaf_index, message.digest)
