"""The zone of the corpus: 2048-bit keys, thirty firms in two stages, two departments, a bank with each kind of key.

Every statement is really signed, logged, witnessed and replayed; receipts come from the bank's own code through the gateway's.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.encoding import canonical_json
from nodes.bank.queries import Query
from nodes.bank.receipts import build_receipt
from nodes.runtime.peers.identity import SigningKeyPair, key_id
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.relay import SealedBinding, seal_binding
from nodes.runtime.web.request_document import SCORES_BATCH
from nodes.runtime.web.signed_requests import sign_request
from scoring.exchange.view import Logged
from scoring.statements import Binding, MemberChange
from tests.support.artifacts import tables_of
from tests.support.bank import BankNode, bank, opener_of, uscc_of
from tests.support.custody import Custody
from tests.support.gateway import Front, front
from tests.support.key_2048 import private_key_2048
from tests.support.members import CUSTODIANS, ZONE, Keys
from tests.support.zone import BASE, MemoryZone

PACK = Path(__file__).parent / "vectors@1.yaml"
FIRMS = ("S1",) * 22 + ("S2",) * 4
PLAIN, GATED, VETOED, SERVED, BATCHED, EARLY, REKEYED, RESHARED, LARGE = 0, 1, 2, 3, 4, 5, 6, 7, 22  # places of firms
PRODUCTS = ("base-line", "strict-line")


@dataclass
class CorpusKeys(Keys):
    """bank-b has an ECDSA key."""

    def make(self, name: str, *, enterprise: bool = False) -> SigningKeyPair:
        made = super().make(name, enterprise=enterprise)
        if name != "bank-b":
            return made
        private = ec.generate_private_key(ec.SECP256R1())
        public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.signers[name] = SigningKeyPair(key_id(name, public), "ecdsa-p256-sha256", public, private)
        return self.signers[name]


@dataclass
class CorpusZone(MemoryZone):
    """The zone, with what else makes its firms differ."""

    pack: Path = PACK
    firms: tuple[str, ...] = FIRMS
    keys: Keys = field(default_factory=CorpusKeys)

    def __post_init__(self) -> None:
        super().__post_init__()
        for place, subject in enumerate(self.subjects):
            self.points[subject]["arrears"] = 100 if place == VETOED else 0
        self.gated = {self.subjects[GATED]}

    def rekey(self, member: str, custodians: Sequence[str] = CUSTODIANS) -> Logged:
        """A member's new signing key, approved by the custodians and logged."""
        old, sealing = self.keys.signers[member], self.keys.hpke[member]
        new = self.keys.make(member)
        self.keys.hpke[member] = sealing
        change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=self.keys.member(member))
        self.keys.signers[member] = old  # what comes before the change is signed with the keys that count before it
        logged = self.say(self.approved(change, custodians), "authority")
        self.keys.signers[member] = new
        return logged

    def bound(self, place: int, audience: str = "bank-a", signed_by: str = "enterprise", **changes: Any) -> Logged:
        """A logged consent of the firm at ``place``, with the departments' rows; what the registrar binds is sealed to the bank."""
        subject = self.subjects[place]
        key = self.own_key.get(subject) or self.enrol(subject)
        statement = self.consent_statement(subject, audience, products=PRODUCTS, signed_by=signed_by, **changes)
        binding = Binding(zone=ZONE, nonce=fresh_nonce(), subject=subject, uscc=uscc_of(place), service="enterprise")
        sealed = SealedBinding(uscc=uscc_of(place), binding=sign_statement(binding, self.keys.signers["market"]).hex())
        text = seal_binding(sealed, self.keys.sealing(audience), audience, statement.id)
        consent = self.say(statement.model_copy(update={"sealed_binding": text}), key if signed_by == "enterprise" else "enterprise")
        self.contribute_rows(consent)
        return consent


@dataclass
class Made:
    """The finished zone; ``start``: its log's first leaf; ``opened``: up to the opening of its epoch; ``later``: after a member's change of
    keys; ``receipts`` by name, each verified by the bank that made it."""

    zone: CorpusZone
    start: CorpusZone
    opened: CorpusZone
    later: CorpusZone
    consents: dict[str, Logged]
    receipts: dict[str, dict[str, Any]]


class _Banks:
    """The two banks' nodes before one gateway."""

    def __init__(self, zone: CorpusZone, directory: Path) -> None:
        self.zone = zone
        self.site: Front = front(zone, directory / "gateway")
        self.nodes: dict[str, BankNode] = {name: bank(self.site, directory / name, name) for name in ("bank-a", "bank-b")}
        self._told = 0

    def receipt(self, consent: Logged, product: str = "base-line") -> dict[str, Any]:
        """What the consent's bank gets to know, as its receipt."""
        said = consent.statement
        node = self.nodes[said.audience]
        self._told += 1
        node.told(consent, self._told)
        answer = node.queries.answer(Query(product, "loan", subject=said.subject))
        return node.receipts.get(answer["receipt_id"])

    def batch(self, consent: Logged) -> dict[str, Any]:
        """The same by a batch request that names another enterprise first."""
        said, zone = consent.statement, self.zone
        other = {"subject": "0" * 32, "product": "base-line", "purpose": "loan", "consent_id": "0" * 32}
        items = [other, other | {"subject": said.subject, "consent_id": said.id}]
        signer = zone.keys.signers[said.audience]
        document = sign_request(signer, SCORES_BATCH, BASE, canonical_json({"items": items}), now=zone.now, nonce=secrets.token_urlsafe(16))
        answer = next(item for item in self.site.send(document).json()["results"] if item["subject"] == said.subject)
        opener = opener_of(zone)
        released = opener.open({name: value for name, value in answer.items() if name not in {"subject", "status"}}, zone.keys.hpke[said.audience])
        return build_receipt(released, opener.key, "base-line", document).model_dump(mode="json")


def _reshared(zone: CorpusZone, directory: Path) -> tuple[Logged, dict[str, Any]]:
    """A release after the key's shares went from tax to insurance, and the custodians of then approved a member's new key."""
    custody = Custody(zone)
    custody.employ("insurance")
    custody.play(("credit", "notary", "insurance"), 2)
    zone.rekey("science", ("notary", "insurance"))
    banks, consent = _Banks(zone, directory), zone.bound(RESHARED)
    banks.site.exchange.custody, banks.site.exchange.asleep = custody, {"tax"}
    return consent, banks.receipt(consent)


def make_zone() -> Made:
    """A released zone with a receipt of each kind."""
    zone = CorpusZone(private_key_2048())
    start = zone.fork()
    zone.found()
    zone.open_epoch()
    opened = zone.fork()
    zone.contribute_columns()
    zone.close_epoch()
    consents: dict[str, Logged] = {}
    receipts: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as directory:
        banks = _Banks(zone, Path(directory))
        consents["before-release"] = zone.bound(EARLY)
        receipts["before-release"] = banks.receipt(consents["before-release"])
        zone.open_totals()
        zone.say(zone.release_statement(tables_of(zone)), "authority")
        consents["plain"] = zone.bound(PLAIN)
        consents["gated"] = zone.bound(GATED)
        consents["vetoed"] = zone.bound(VETOED)
        consents["by-service"] = zone.bound(SERVED, signed_by="service")
        consents["ecdsa"] = zone.bound(LARGE, "bank-b")
        consents["batch"] = zone.bound(BATCHED)
        for name in ("plain", "gated", "by-service", "ecdsa"):
            receipts[name] = banks.receipt(consents[name])
        receipts["vetoed"] = banks.receipt(consents["vetoed"], "strict-line")
        receipts["batch"] = banks.batch(consents["batch"])
        later = zone.fork()
        later.rekey("science")
        consents["rekeyed"] = later.bound(REKEYED)
        receipts["rekeyed"] = _Banks(later, Path(directory) / "later").receipt(consents["rekeyed"])
        consents["reshared"], receipts["reshared"] = _reshared(zone.fork(), Path(directory) / "reshared")
    return Made(zone, start, opened, later, consents, receipts)
