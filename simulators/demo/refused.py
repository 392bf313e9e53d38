"""Four requests that must be refused, made for real: no consent, a replay, an unregistered key, a revoked consent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodes.runtime.peers.identity import SigningKeyPair, key_id
from simulators.demo.people import Desk, EnterpriseService, score_request


@dataclass(frozen=True, slots=True)
class Granted:
    """An enterprise that consented: to which bank, for which product."""

    uscc: str
    subject: str
    bank: str
    product: str
    consent_id: str


def refused_requests(
    gateway: Desk, service: EnterpriseService, signers: dict[str, SigningKeyPair], granted: Granted, stranger: str
) -> list[dict[str, Any]]:
    """The answers to four requests, in the form of refusals.json. Revokes the consent of ``granted``.

    ``stranger``: subject id of an enterprise that has consented to nobody. Raises AssertionError when one is not refused.
    """
    signer = signers[granted.bank]
    asked = (granted.subject, granted.product, granted.consent_id)
    no_consent = gateway.send(score_request(signer, gateway.base, stranger, granted.product, secrets.token_hex(16)))
    once = score_request(signer, gateway.base, *asked)
    first = gateway.send(once)
    if not first.is_success:
        raise AssertionError(f"the request to be replayed was refused itself: {first.text}")
    replay = gateway.send(once)
    unknown = gateway.send(score_request(_unregistered(), gateway.base, *asked))
    service.revoke(granted.consent_id)
    revoked = gateway.send(score_request(signer, gateway.base, *asked))
    answers = {"no_consent": no_consent, "replay": replay, "unknown_key": unknown, "revoked": revoked}
    return [_refusal(case, answer) for case, answer in answers.items()]


def _unregistered() -> SigningKeyPair:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return SigningKeyPair(key_id("bank-unknown", public), "ed25519", public, private)


def _refusal(case: str, answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        raise AssertionError(f"the request of case {case} was answered, it must be refused")
    problem = answer.json()
    return {"case": case, "status": answer.status_code, "reason": problem["reason"], "leaf_index": problem.get("leaf_index")}
