"""A department that contributes what is not its own: another's ciphertexts, its own over many times, values that run into other slots."""

from __future__ import annotations

from collections.abc import Sequence

from crypto.merkle import root
from crypto.paillier import PublicKey, encode_ciphertext
from crypto.statements import SignKey
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from protos.v1.exchange_pb2 import Receipt
from scoring.statements import Column, KnowledgeProof, Row


class HostileDepartment:
    """A registered department with its own keys, in touch with the real coordinator."""

    def __init__(self, key: PublicKey, signer: SignKey, exchange: ExchangeClient) -> None:
        self._key, self._signer, self._exchange = key, signer, exchange

    def contribute(self, own: Column | Row, ciphertexts: Sequence[int], proof: KnowledgeProof | None = None) -> Receipt:
        """Send ``ciphertexts`` under the header of its ``own`` contribution, whose Merkle root is made to fit, signed as it should be;
        with its own proof, or another. Raises RpcRefusal when the coordinator sees through it."""
        encoded = [encode_ciphertext(self._key, value) for value in ciphertexts]
        header = own.header.model_copy(update={"merkle_root": root(encoded).hex(), "batches": len(encoded)})
        said = own.model_copy(update={"nonce": fresh_nonce(), "header": header, "proof": proof or own.proof})
        return self._exchange.contribute(sign_statement(said, self._signer), b"".join(encoded))
