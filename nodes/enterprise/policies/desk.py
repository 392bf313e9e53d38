"""An enterprise's side of policies: asks the gateway with its own key, opens its own flags, and signs its own steps [O5, O7]."""

from __future__ import annotations

import base64
import secrets
from typing import Any, Literal

from crypto.encoding import canonical_json, sha256
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.portraits import PortraitDesk
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.request_document import POLICY_MATCHES, POLICY_STEPS
from scoring.policies.errors import ClaimStateError, PolicyUnknownError
from scoring.statements import PaperPayee, PolicyPaper, PolicyStep

OwnStep = Literal["confirmed", "declined", "disputed", "filed"]


class OwnPolicyDesk:
    """Asks and signs for the enterprises that let this service keep their keys. Every method raises GatewayRefusal, PeerUnavailableError, and
    SubjectUnknownError for an enterprise that is not enrolled."""

    def __init__(
        self, identity: Identity, keyring: Keyring, enrolments: Enrolments, portraits: PortraitDesk, gateway: GatewayClient, now: Clock
    ) -> None:
        self._identity, self._keyring, self._enrolments = identity, keyring, enrolments
        self._portraits, self._gateway, self._now = portraits, gateway, now

    def matches(self, uscc: str) -> dict[str, Any]:
        """Every policy in force and every library, with how the enterprise stands, why, and its claim (``gateway.policies.own``)."""
        enterprise = self._enrolments.enrolled(uscc)
        answer = self._gateway.ask(POLICY_MATCHES, canonical_json({"subject": enterprise.subject}), self._keyring.get(enterprise.key_id).signer)
        assert answer.body is not None  # only releases are awaited
        return answer.body

    def missing(self, uscc: str, model: str, wait_s: float) -> list[dict[str, Any]]:
        """The criteria of a flag model that the enterprise does not meet, as its own portrait shows it alone. Raises as ``PortraitDesk.make``."""
        portrait = self._portraits.make(uscc, wait_s, of=model)
        return [
            {"name": item["name"], "title": item["title"]} for item in portrait["values"] if item["kind"] == "indicator" and item["hundredths"] == 0
        ]

    def take(self, uscc: str, policy: str, step: OwnStep, note: str = "", payee: dict[str, str] | None = None) -> dict[str, Any]:
        """Sign and send a step of the enterprise's claim under ``policy``, or a filing where it has none that goes on; logged when this returns.
        ``payee``: name, bank and account of the enterprise's own account.

        Raises PolicyUnknownError when the policy is not in force, ClaimStateError when there is no claim to take the step of.
        """
        enterprise = self._enrolments.enrolled(uscc)
        signer = self._keyring.get(enterprise.key_id).signer
        standing = next((item for item in self.matches(uscc)["policies"] if item["id"] == policy), None)
        if standing is None:
            raise PolicyUnknownError(f"no policy {policy!r} is in force")
        claim = {"id": secrets.token_hex(16), "last": "", "amount_fen": standing["award_fen"]} if step == "filed" else standing["claim"]
        if claim is None:
            raise ClaimStateError("the enterprise has no claim under this policy: it may file one")
        paper = PolicyPaper(
            claim=claim["id"], policy=policy, subject=enterprise.subject, amount_fen=claim["amount_fen"], step=step, by=enterprise.key_id,
            at=self._now(), note=note, payee=None if payee is None else PaperPayee(**payee), nonce=fresh_nonce(),
        ).to_bytes()  # fmt: skip
        statement = PolicyStep(
            zone=self._identity.zone, nonce=fresh_nonce(), claim=claim["id"], step=step, service=self._identity.member, previous=claim["last"],
            paper=sha256(paper).hex(),
        )  # fmt: skip
        envelope = sign_statement(statement, signer)
        parts = {"envelope": base64.b64encode(envelope).decode(), "paper": base64.b64encode(paper).decode()}
        answer = self._gateway.ask(POLICY_STEPS, canonical_json({"subject": enterprise.subject, **parts}), signer)
        assert answer.body is not None  # only releases are awaited
        return answer.body
