"""Content in parts: what is cut is put together again, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.runtime.peers.tls import MESSAGE_LIMIT
from protos import codec
from protos.errors import WireFormatError
from protos.v1 import exchange_pb2

SIZES = st.sampled_from([0, 1, codec.PART_BYTES - 1, codec.PART_BYTES, codec.PART_BYTES + 1, 3 * codec.PART_BYTES])


@given(SIZES)
def test_what_is_cut_is_put_together_again(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    messages = list(codec.blob_parts(content))
    assert codec.join_blob(messages, size) == content
    assert all(0 < len(message.content) <= codec.PART_BYTES for message in messages)


def test_parts_are_within_the_agreed_size_and_fit_a_message() -> None:
    assert 256 << 10 <= codec.PART_BYTES <= 1 << 20 < MESSAGE_LIMIT


def test_more_than_the_limit_is_refused_before_it_is_held() -> None:
    def endless() -> object:
        while True:
            yield exchange_pb2.BlobPart(content=bytes(100))

    with pytest.raises(WireFormatError, match="more than 1000 bytes"):
        codec.join_blob(endless(), 1000)  # type: ignore[arg-type]


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(WireFormatError, match="a part is empty"):
        codec.join([b"x", b""], 10)


def test_a_contribution_begins_with_its_envelope() -> None:
    messages = list(codec.contribution_parts(b"envelope", bytes(codec.PART_BYTES + 5)))
    assert [message.WhichOneof("part") for message in messages] == ["envelope", "ciphertexts", "ciphertexts"]
    assert sum(len(message.ciphertexts) for message in messages) == codec.PART_BYTES + 5


def test_a_document_begins_with_its_envelope() -> None:
    messages = list(codec.document_parts(b"envelope", b"content"))
    assert [message.WhichOneof("part") for message in messages] == ["envelope", "content"]


def test_a_receipt_survives_the_wire() -> None:
    receipt = codec.SubmissionReceipt(b"leaf", 7, bytes(32))
    assert codec.receipt_from_wire(codec.receipt_to_wire(receipt)) == receipt


@pytest.mark.parametrize("message", [exchange_pb2.Receipt(leaf=b"leaf", digest=bytes(31)), exchange_pb2.Receipt(digest=bytes(32))])
def test_a_receipt_without_leaf_or_digest_is_refused(message: exchange_pb2.Receipt) -> None:
    with pytest.raises(WireFormatError):
        codec.receipt_from_wire(message)
