"""Where a mirror reads from: the public tree over HTTPS, statements and blobs over mutual TLS for an entitled auditor."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx

from nodes.errors import NotFoundError, PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2, log_pb2_grpc

TIMEOUT_S = 30.0
LARGEST_FILE = 17 << 20  # an entry bundle has at most 256 entries of 65,537 bytes
NOT_FOUND, TOO_LARGE = "NOT_FOUND", "MESSAGE_INVALID"


class HttpTree:
    """A log's static tree below ``url``/log. ``ca_file``: the CA that its certificate must come from."""

    def __init__(self, url: str, ca_file: Path) -> None:
        self._base = f"{url.rstrip('/')}/log/"
        self._client = httpx.Client(verify=ssl.create_default_context(cafile=str(ca_file)), trust_env=False, timeout=TIMEOUT_S)

    def read(self, path: str) -> bytes:
        """The file at ``path``. Raises NotFoundError, and PeerUnavailableError when nobody answers, or not with a file of the log."""
        content = bytearray()
        try:
            with self._client.stream("GET", self._base + path) as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    raise NotFoundError(f"the log has no {path}")
                if response.status_code != httpx.codes.OK:
                    raise PeerUnavailableError(f"{self._base}{path}: status {response.status_code}")
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > LARGEST_FILE:
                        raise PeerUnavailableError(f"{self._base}{path} is longer than any file of a log")
        except httpx.ConnectError as error:
            raise PeerUnavailableError(f"{self._base}{path}: no connection: {error}") from error
        except httpx.HTTPError as error:
            raise PeerUnavailableError(f"{self._base}{path}: {type(error).__name__}") from error
        return bytes(content)

    def close(self) -> None:
        """End the connections."""
        self._client.close()


class RpcStatements:
    """Statements from the log and blobs from the coordinator, for the member of ``identity``. Raises RpcRefusal, PeerUnavailableError."""

    def __init__(self, identity: Identity, log: Peer, coordinator: Peer) -> None:
        self._channel = tls.channel(identity, log.address, log.member)
        self._log = log_pb2_grpc.LogStub(self._channel)
        self._exchange = ExchangeClient(identity, coordinator)

    def envelopes(self, digests: Sequence[str]) -> list[bytes | None]:
        """Envelopes by digest, in the order asked; None where there is none for this member."""
        request = log_pb2.EnvelopeRequest(digests=[bytes.fromhex(digest) for digest in digests])
        try:
            found = list(rpc.call(self._log.Envelopes, request, timeout_s=TIMEOUT_S).envelopes)
            if len(found) != len(digests):
                raise PeerUnavailableError(f"the log answers {len(found)} envelopes where {len(digests)} were asked for")
            return list[bytes | None](found)
        except RpcRefusal as refusal:
            if refusal.reason not in {NOT_FOUND, TOO_LARGE}:
                raise
            if len(digests) == 1:
                return [None]
        half = len(digests) // 2
        return self.envelopes(digests[:half]) + self.envelopes(digests[half:])

    def blob(self, digest: str) -> bytes | None:
        """A document by its SHA-256 or ciphertexts by their Merkle root; None where there is none."""
        try:
            return self._exchange.fetch_blob(digest)
        except RpcRefusal as refusal:
            if refusal.reason == NOT_FOUND:
                return None
            raise

    def close(self) -> None:
        """End the connections."""
        self._channel.close()
        self._exchange.close()
