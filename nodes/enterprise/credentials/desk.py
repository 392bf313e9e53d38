"""Makes score credentials of receipts and shows them to other zones in the enterprise's name, signed with its own key [F11, F15]."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from crypto.encoding import canonical_json, sha256
from crypto.statements import parse_envelope
from nodes.enterprise.credentials.store import CredentialStore, Shown
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.store import Enterprise
from nodes.errors import NotFoundError
from nodes.evidence.receipt import Verified, parse_receipt, verify_receipt
from nodes.evidence.roots import Roots
from nodes.runtime.clock import Clock
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.errors import WrongSignerError
from scoring.federation.credential import FORMAT, Credential, presentation_digest
from scoring.statements import CredentialShown, Enrolment, Title, parse_statement

MOST_LEAVES = 1 << 53
LIFE_S = 900  # of a presentation: it is sent at once, or carried to a counter


@dataclass(frozen=True, slots=True)
class OtherZone:
    """Another zone to which scores may be shown, and its gateway."""

    title: Title
    gateway: GatewayClient


@dataclass(frozen=True, slots=True)
class Made:
    """A credential and how it is shown to one zone: the exact bytes of both. ``shows``: what its receipt says."""

    credential: bytes
    shown: bytes
    shows: Verified

    def body(self) -> dict[str, str]:
        """As ``POST /v1/credentials`` takes it."""
        return {"credential": base64.b64encode(self.credential).decode(), "shown": base64.b64encode(self.shown).decode()}


class CredentialDesk:
    """Credentials of the enterprises that let this service keep their keys. ``zones``: the other zones, by name."""

    def __init__(
        self, roots: Roots, keyring: Keyring, enrolments: Enrolments, store: CredentialStore, zones: Mapping[str, OtherZone], now: Clock
    ) -> None:
        self._roots, self._keyring, self._enrolments, self.store, self.zones, self._now = roots, keyring, enrolments, store, zones, now

    def make(self, uscc: str, receipt: bytes, audience: str) -> Made:
        """The credential of a receipt that the enterprise holds, shown to the zone ``audience`` for the next quarter of an hour.

        Raises SubjectUnknownError when it is not enrolled; ReceiptError when the receipt does not hold here; WrongSignerError when it is about
        another enterprise, or rests on an older key than the one that the enterprise now signs with: then a new score is needed.
        """
        enterprise = self._enrolments.enrolled(uscc)
        shows = verify_receipt(receipt, self._roots)
        self._check_own(enterprise, shows, receipt)
        credential = Credential(
            format=FORMAT, zone=self._roots.zone, registry=sha256(self._roots.genesis).hex(), model=parse_receipt(receipt).model.sha256,
            receipt=base64.b64encode(receipt).decode(), binding=base64.b64encode(bytes.fromhex(enterprise.binding)).decode(),
        ).to_bytes()  # fmt: skip
        begin = self._now()
        statement = CredentialShown(
            zone=self._roots.zone,
            nonce=fresh_nonce(),
            audience=audience,
            credential=sha256(credential).hex(),
            not_before=begin,
            not_after=begin + LIFE_S,
        )
        return Made(credential, sign_statement(statement, self._keyring.get(enterprise.key_id).signer), shows)

    def show(self, uscc: str, receipt: bytes, zone: str) -> Shown:
        """Make a credential and show it to ``zone``, whose gateway took it when this returns.

        It is kept before it is sent: a zone that takes it and answers otherwise, or nothing, has seen it all the same. Raises as ``make``;
        NotFoundError for a zone that is not in the configuration; GatewayRefusal with that zone's reason, PeerUnavailableError.
        """
        other = self.zones.get(zone)
        if other is None:
            raise NotFoundError(f"this service shows scores to {', '.join(sorted(self.zones)) or 'no other zone'}, not to {zone}")
        made = self.make(uscc, receipt, zone)
        shown = Shown(
            presentation_digest(made.shown), uscc, zone, self._now(), made.shows.epoch, made.shows.total, made.shows.time, None,
        )  # fmt: skip
        self.store.put(shown)
        answer = other.gateway.submit("POST", "/v1/credentials", canonical_json(made.body()))
        return self.store.logged(shown, _leaf_index(answer.get("leaf_index")))

    def _check_own(self, enterprise: Enterprise, shows: Verified, receipt: bytes) -> None:
        if shows.subject != enterprise.subject:
            raise WrongSignerError("the receipt is about another enterprise")
        envelope = parse_envelope(base64.b64decode(parse_receipt(receipt).enrolment))
        enrolment = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(enrolment, Enrolment) or enrolment.key.key_id != enterprise.key_id:
            raise WrongSignerError("the receipt rests on an earlier key of the enterprise: have a new score released")


def _leaf_index(said: object) -> int | None:
    """A place in the other zone's log, if what its gateway said can be one."""
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < MOST_LEAVES else None
