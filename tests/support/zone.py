"""A zone in memory for tests: registry, ceremony, model, epochs, consents and tickets, really signed, logged and replayed.

Keys have 512 bits and the roster a dozen firms, so that a released zone is built in a fraction of a second; nothing else is simplified.
Every step is a method that says one statement; a test takes a ``fork()`` of a finished zone and says something wrong. What a zone
looks like on disk is ``tests.support.artifacts``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.request_document import PORTRAITS, SCORES, RequestDocument
from nodes.runtime.web.signed_requests import sign_request
from scoring.exchange.contributions import owed_entries
from scoring.exchange.tickets import COLUMN_POSITION, derive_inputs
from scoring.exchange.view import Logged
from scoring.release.aggregate import aggregate
from scoring.release.asking import PortraitAsked, ScoreAsked, target_of
from scoring.statements import Consent, Enrolment, Revocation, Row, Ticket
from tests.support.epoch import EPOCH, EpochLedger
from tests.support.ledger import PACK
from tests.support.members import DEPARTMENTS, ORGANISATIONS, ZONE

BASE = "https://gateway.test:8443"
PRODUCT = "base-line"


@dataclass(frozen=True, slots=True)
class Asked:
    """A signed request and the ticket that it comes to, not logged yet, with the aggregates that it names."""

    document: RequestDocument
    ticket: Ticket
    aggregates: tuple[int, ...]


@dataclass
class MemoryZone(EpochLedger):
    """A whole zone. ``own_key``: the newest enrolled key id of a subject."""

    own_key: dict[str, str] = field(default_factory=dict)

    def fork(self) -> Self:
        other = super().fork()
        other.own_key = dict(self.own_key)
        return other

    # --- enterprises ---

    def enrolment(self, subject: str, service: str = "enterprise") -> Enrolment:
        """Fresh keys of a subject, not yet registered."""
        name = f"e-{secrets.token_hex(8)}"
        self.keys.make(name, enterprise=True)
        key, hpke = self.keys.signing(name), self.keys.sealing(name).hex()
        return Enrolment(zone=self.name, nonce=fresh_nonce(), subject=subject, key=key, hpke=hpke, service=service)

    def enrol(self, subject: str) -> str:
        """Register keys of a subject; their id."""
        key_id: str = self.say(self.enrolment(subject), "market").statement.key.key_id
        self.own_key[subject] = key_id
        return key_id

    def consent_statement(self, subject: str, audience: str = "bank-a", **changes: Any) -> Consent:
        """A loan consent of an enrolled subject for a bank, or a portrait consent when the audience is a key id."""
        own = audience not in ORGANISATIONS
        said: dict[str, Any] = {
            "zone": self.name, "nonce": fresh_nonce(), "id": secrets.token_hex(16), "subject": subject, "audience": audience,
            "purpose": "portrait" if own else "loan", "products": () if own else (PRODUCT,),
            "functionals": self.model.disclosures("enterprise" if own else "bank"),
            "not_before": self.now - 60, "not_after": self.now + 86_400, "service": "enterprise", "signed_by": "enterprise",
        }  # fmt: skip
        return Consent(**(said | changes))

    def consent(self, subject: str, audience: str = "bank-a", *, rows: bool = True) -> Logged:
        """Enrolment where there is none, consent, and the departments' rows. ``audience`` "own": a portrait for the enterprise itself."""
        key = self.own_key.get(subject) or self.enrol(subject)
        logged = self.say(self.consent_statement(subject, key if audience == "own" else audience), key)
        if rows:
            self.contribute_rows(logged)
        return logged

    def revocation(self, consent: Logged) -> Revocation:
        said: Consent = consent.statement
        return Revocation(zone=self.name, nonce=fresh_nonce(), consent=said.id, subject=said.subject, service="enterprise")

    # --- rows ---

    def row(self, sender: str, consent: Logged, revision: int = 0, epoch: str = EPOCH) -> Row | None:
        """The sender's row for a consent, its ciphertexts kept as a blob; None when it owes none."""
        said: Consent = consent.statement
        entries = owed_entries(self.model, self.keys.member(sender), said.functionals)
        if not entries:
            return None
        layout = {"slot_bits": 0, "slots": 1, "batches": len(entries), "subject": said.subject, "audience": said.audience, "consent": consent.digest}
        header = self._header("row", sender, entries, revision, epoch) | layout
        values = [self._value(header, place, said.subject, entry) for place, entry in enumerate(entries)]
        return Row(zone=self.name, nonce=fresh_nonce(), **self._encrypted(sender, header, values))

    def contribute_rows(self, consent: Logged, revision: int = 0, epoch: str = EPOCH) -> list[Logged]:
        """Every row that the departments owe for a consent."""
        made = [(name, self.row(name, consent, revision, epoch)) for name in DEPARTMENTS]
        return [self.say(row, name) for name, row in made if row is not None]

    # --- requests and tickets ---

    def request(self, consent: Logged, nonce: str | None = None) -> RequestDocument:
        """The audience's signed request for what a consent allows, created now."""
        said: Consent = consent.statement
        endpoint = PORTRAITS if said.purpose == "portrait" else SCORES
        body = canonical_json(self._wanted(said).model_dump(mode="json"))
        return sign_request(self.keys.signers[said.audience], endpoint, BASE, body, now=self.now, nonce=nonce or secrets.token_urlsafe(16))

    def asked(self, consent: Logged, nonce: str | None = None, epoch: str = EPOCH) -> Asked:
        """A request under a consent and the ticket for it, ready to be said by the coordinator."""
        nonce = nonce or secrets.token_urlsafe(16)
        said, document, state = consent.statement, self.request(consent, nonce), self.view.epoch(epoch)
        target = target_of(self.view, state, self.keys.signers[said.audience].key_id, self._wanted(said))
        stage = self.placement.stage(said.subject)
        inputs = derive_inputs(self.view, state, target.functionals, stage, subject=said.subject, audience=said.audience)
        values = tuple(aggregate(self.public_key, self.model, names, stage, None, inputs, self.ciphertext) for names in target.openings)
        openings = tuple(self._opening(names, stage, COLUMN_POSITION, value) for names, value in zip(target.openings, values, strict=True))
        fields = {
            "epoch": epoch, "audience": said.audience, "purpose": said.purpose, "subject": said.subject, "stage": stage,
            "consent": consent.digest, "request": document.digest, "request_nonce": nonce,
        }  # fmt: skip
        return Asked(document, self._ticket(**fields, openings=openings, inputs=inputs), values)

    def _wanted(self, said: Consent) -> ScoreAsked | PortraitAsked:
        if said.purpose == "portrait":
            return PortraitAsked(subject=said.subject, consent_id=said.id)
        return ScoreAsked(subject=said.subject, product=said.products[0], purpose=said.purpose, consent_id=said.id)


def open_zone(private_key: PrivateKey, pack: Path = PACK, name: str = ZONE) -> MemoryZone:
    """A zone with an open epoch and no contribution."""
    zone = MemoryZone(private_key, pack=pack, name=name)
    zone.found()
    zone.open_epoch()
    return zone


def closed_zone(private_key: PrivateKey, pack: Path = PACK, name: str = ZONE) -> MemoryZone:
    """A zone whose epoch is closed with all columns; nothing is opened."""
    zone = open_zone(private_key, pack, name)
    zone.contribute_columns()
    zone.close_epoch()
    return zone


def released_zone(private_key: PrivateKey, pack: Path = PACK, name: str = ZONE) -> MemoryZone:
    """A zone whose epoch is RELEASED (a dozen firms give no quantile bands), and no consent."""
    zone = closed_zone(private_key, pack, name)
    zone.open_totals()
    zone.say(zone.release_statement(), "authority")
    return zone
