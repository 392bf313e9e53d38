"""Scores and portraits: a signed request in, a ticket with sealed answers out. What is sealed, nobody here can read [P5.4]."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.intake import Raw, SignedIntake
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.web.problems import Refused
from nodes.runtime.web.request_document import PORTRAITS, SCORES, SCORES_BATCH, RequestDocument
from protos.errors import refusal_of
from protos.v1.exchange_pb2 import ReleaseReply
from scoring.errors import RowsAwaitedError
from scoring.release.asking import asked, batch_items

BATCH_WORKERS = 4
AWAITED = refusal_of(RowsAwaitedError())


class Releases:
    """What the gateway does with signed requests, once they are admitted."""

    def __init__(self, intake: SignedIntake, exchange: ExchangeClient) -> None:
        self._intake, self._exchange = intake, exchange

    def score(self, raw: Raw) -> dict[str, Any] | None:
        """The answer to one score request; None while rows are awaited. Raises Refused."""
        document, request = self._intake.admit(raw, SCORES)
        with self._intake.refusing(document.digest, request.key_id), self._intake.turn(request.key_id):
            asked(SCORES.path, request.body)
            return self._release(document, "")

    def portrait(self, raw: Raw) -> dict[str, Any] | None:
        """The answer to one portrait request; None while rows are awaited. Raises Refused."""
        document, request = self._intake.admit(raw, PORTRAITS)
        with self._intake.refusing(document.digest, request.key_id), self._intake.turn(request.key_id):
            asked(PORTRAITS.path, request.body)
            return self._release(document, "")

    def batch(self, raw: Raw) -> dict[str, Any]:
        """One result for each item of a batch, in order; a refused item does not stop the others. Raises Refused for the whole."""
        document, request = self._intake.admit(raw, SCORES_BATCH)
        with self._intake.refusing(document.digest, request.key_id):
            items = batch_items(request.body)
            turn = self._intake.turn(request.key_id, len(items))
        with turn, ThreadPoolExecutor(BATCH_WORKERS, thread_name_prefix="batch") as pool:
            return {"results": list(pool.map(lambda item: self._item(document, request.key_id, item.subject), items))}

    def _item(self, document: RequestDocument, key_id: str, subject: str) -> dict[str, Any]:
        try:
            with self._intake.refusing(document.digest, key_id):
                answer = self._release(document, subject)
        except Refused as refused:
            return {"subject": subject, **refused.document()}
        if answer is None:
            return {"subject": subject, "status": AWAITED.http, "reason": AWAITED.reason}
        return {"subject": subject, "status": 200, **answer}

    def _release(self, document: RequestDocument, subject: str) -> dict[str, Any] | None:
        reply = self._exchange.release(document.to_bytes(), subject)
        return None if reply.awaiting_rows else _answer(reply)


def _answer(reply: ReleaseReply) -> dict[str, Any]:
    evidence = json.loads(reply.evidence)
    return {
        "ticket": base64.b64encode(reply.ticket_envelope).decode(),
        "ticket_leaf_index": reply.ticket_leaf_index,
        "sealed": [
            {
                "custodian": item.custodian,
                "opening": item.opening,
                "generation": item.generation,
                "enc": item.enc.hex(),
                "ciphertext": item.ciphertext.hex(),
            }
            for item in reply.partials
        ],
        "inputs": evidence["inputs"],
        "checkpoint": reply.checkpoint.decode(),
        "evidence": evidence,
    }
