"""What a contributor takes for true about its zone, and how it checks what it is asked to do.

Contributors know the pinned registry, the packs and the key in their public directory, follow the log for changes of members
(``nodes.runtime.replica.members``), and believe a request only as far as the signatures in it reach. What else is in the log they may
not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from crypto.encoding import sha256
from crypto.paillier import DEFAULT_MIN_BITS, PublicKey
from crypto.statements import Envelope, check_signature, parse_envelope
from nodes.errors import SettingsError
from nodes.runtime.replica.zone import load_one_pack, read_public
from scoring.errors import (
    ConsentScopeError,
    LayoutError,
    NotDisclosedError,
    StatementFormatError,
    SubjectUnknownError,
    WrongKeyError,
    WrongModelError,
    WrongOwnerError,
    WrongRosterError,
    WrongSignerError,
    ZoneMismatchError,
)
from scoring.exchange.consent import ConsentState, check_consent
from scoring.exchange.contributions import owns
from scoring.exchange.order import check_order, parse_order
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.roster import Batch, Stages, batches, parse_stages
from scoring.exchange.view import verify_key
from scoring.indicators.model import Model
from scoring.rules.stages import Owner
from scoring.rules.values import Field
from scoring.statements import Consent, Enrolment, EpochOpen, Member, Registry, SigningKey, Statement, parse_statement

S = TypeVar("S", bound=Statement)


@dataclass(frozen=True)
class OpenEpoch:
    """An epoch that was opened by the authority, checked, with its roster in order.

    ``subjects``: (id, stage) in order. ``stages``: the roster, where we were given all of it; a bank knows the order alone, and every stage
    is the default one to it: what it contributes does not depend on stages [M7].
    """

    opened: EpochOpen
    digest: str
    model: Model
    subjects: tuple[tuple[str, str], ...]
    batches: tuple[Batch, ...]
    stages: Stages | None = None

    @cached_property
    def stage_of(self) -> dict[str, str]:
        """Subject id -> frozen stage."""
        return dict(self.subjects)

    @cached_property
    def position_of(self) -> dict[str, int]:
        """Subject id -> position in the roster's order, from 0."""
        return {subject: position for position, (subject, _) in enumerate(self.subjects)}


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent whose signer and scope were checked; ``digest`` is that of its envelope."""

    consent: Consent
    digest: str


class ZoneTrust:
    """The pinned zone as the member ``member_id`` knows it. Raises SettingsError when the public directory lacks the registry."""

    def __init__(self, public_dir: Path, zone: str, member_id: str, min_key_bits: int = DEFAULT_MIN_BITS) -> None:
        self._public_dir, self._zone, self._min_key_bits = public_dir, zone, min_key_bits
        envelope = parse_envelope(read_public(public_dir / "registry.dsse.json"))
        genesis = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(genesis, Registry) or genesis.zone != zone:
            raise SettingsError(f"the registry pinned in {public_dir} is not that of zone {zone}")
        self.registry = MemberRegistry(genesis)
        self.member: Member = self.registry.member(member_id)
        self._models: dict[str, Model] = {}

    def model(self, sha: str) -> Model:
        """The pack with this hash. Raises WrongModelError when it is not in the public directory."""
        if sha not in self._models:
            model = load_one_pack(self._public_dir / "packs", sha)
            if model is None:
                raise WrongModelError(f"no pack in our public directory has the hash {sha}")
            self._models[sha] = model
        return self._models[sha]

    def fields(self, name: str) -> list[Field]:
        """What the packs in our public directory say of the field ``name`` of records that we own. Raises ModelError for a malformed pack."""
        digests = [sha256(path.read_bytes()).hex() for path in sorted((self._public_dir / "packs").glob("*.yaml"))]
        models = [self.model(digest) for digest in digests]
        ours = [(model.pack.records[field.record].owner, field) for model in models for field in model.fields.values() if field.name == name]
        mine = (self.member.department, self.member.level)
        return [field for owner, field in ours if isinstance(owner, Owner) and (owner.department, owner.level) == mine]

    def public_key(self, key_hash: str) -> PublicKey:
        """The zone's key, which must have this hash. Raises WrongKeyError."""
        try:
            document = json.loads(read_public(self._public_dir / "key.json"))
        except (ValueError, RecursionError) as error:
            raise SettingsError("key.json in the public directory is not JSON") from error
        key = PublicKey.from_json(document, self._min_key_bits)
        if key.key_hash.hex() != key_hash:
            raise WrongKeyError("the key named is not the one in our public directory")
        return key

    def statement(self, raw: bytes, kind: type[S], role: str) -> S:
        """The statement in an envelope, signed by a member with ``role``. Raises the errors of envelope, registry and signature."""
        envelope, statement = self._read(raw, kind)
        entry = self.registry.key(envelope.key_ids[0])
        if role not in entry.member.roles:
            raise WrongSignerError(f"only a member with role {role} may sign this, not {entry.member.id}")
        check_signature(envelope, verify_key(entry.key))
        return statement

    def epoch(self, raw: bytes, fetch: Callable[[str], bytes]) -> OpenEpoch:
        """The epoch that an EpochOpen envelope opens, with its roster; ``fetch(sha256)`` gives the document.

        Raises WrongModelError, WrongKeyError, LayoutError, WrongOwnerError, WrongRosterError, RosterError when it is not ours, or not
        what the authority, the model and the key make it.
        """
        opened = self.statement(raw, EpochOpen, "authority")
        model, key = self.model(opened.model), self.public_key(opened.key)
        if (opened.slot_bits, opened.slots) != (model.slot_bits, model.slots_per_ciphertext(key.bits)):
            raise LayoutError("the epoch's slots are not those that model and key give")
        self._check_contributors(opened, model)
        if "department" not in self.member.roles:
            return self._ordered(raw, opened, model, fetch)
        content = fetch(opened.roster)
        if sha256(content).hex() != opened.roster:
            raise WrongRosterError("the roster that we were given is not the one that the epoch names")
        stages = parse_stages(content, [stage.id for stage in model.stages])
        if (stages.zone, stages.epoch, stages.period, stages.model) != (self._zone, opened.epoch, opened.period, opened.model):
            raise WrongRosterError("the roster belongs to another zone, epoch, period or model")
        check_order(opened, stages)
        layout = tuple(batches(stages.counts(), opened.slots))
        if len(layout) != opened.batches:
            raise LayoutError(f"the roster fills {len(layout)} batches, the epoch says {opened.batches}")
        placed = tuple((subject, stage) for subject, _, stage in stages.subjects)
        return OpenEpoch(opened, sha256(raw).hex(), model, placed, layout, stages)

    def _check_contributors(self, opened: EpochOpen, model: Model) -> None:
        """We contribute what is ours, and of what is summed over banks so many others do as the model asks: fewer would show ours [M7]."""
        for name, item in model.indicators.items():
            if not owns(model, self.member, name):
                continue
            named = opened.contributors.get(name, ())
            fewest = model.contributors.at_least if item.summed and model.contributors is not None else 1
            if self.member.id not in named or not fewest <= len(set(named)) == len(named) <= item.most_contributors:
                raise WrongOwnerError(f"the epoch names {', '.join(named) or 'nobody'} as contributors of {name!r}")

    def _ordered(self, raw: bytes, opened: EpochOpen, model: Model, fetch: Callable[[str], bytes]) -> OpenEpoch:
        """The epoch as a bank is given it: ids in order, and where each batch ends."""
        content = fetch(opened.order)
        if sha256(content).hex() != opened.order:
            raise WrongRosterError("the order that we were given is not the one that the epoch names")
        order = parse_order(content)
        if (order.zone, order.epoch, order.period) != (self._zone, opened.epoch, opened.period):
            raise WrongRosterError("the order belongs to another zone, epoch or period")
        if len(order.counts) != opened.batches or max(order.counts) > opened.slots:
            raise LayoutError(f"the order fills {len(order.counts)} batches, the epoch says {opened.batches} of {opened.slots} slots")
        placed = tuple((subject, model.default_stage) for subject in order.subjects)
        return OpenEpoch(opened, sha256(raw).hex(), model, placed, order.batches(model.default_stage))

    def consent(self, consent_raw: bytes, enrolment_raw: bytes, epoch: OpenEpoch, now: int) -> GivenConsent:
        """A consent that holds at Unix time ``now``: signed by the enrolled enterprise, or by its service, for what the model discloses.

        Raises WrongSignerError, ConsentScopeError, ConsentExpiredError, NotDisclosedError, SubjectUnknownError. Whether it was revoked
        is known to those who follow the log: a row made in vain is opened to nobody.
        """
        enrolment = self.statement(enrolment_raw, Enrolment, "registrar")
        envelope, consent = self._read(consent_raw, Consent)
        if (consent.subject, consent.service) != (enrolment.subject, enrolment.service):
            raise WrongSignerError("the consent is of another enterprise than the enrolment")
        key = enrolment.key if consent.signed_by == "enterprise" else self._service_key(envelope, consent.service)
        check_signature(envelope, verify_key(key))
        state = ConsentState(consent, -1, sha256(consent_raw).hex())
        check_consent(state, audience=consent.audience, purpose=consent.purpose, functionals=(), product="", time=now)
        kind = self._audience_kind(consent, enrolment)
        withheld = set(consent.functionals) - set(epoch.model.disclosures(kind))
        if withheld:
            raise NotDisclosedError(f"the model does not disclose {min(withheld)} to a {kind}")
        if consent.subject not in epoch.stage_of:
            raise SubjectUnknownError("the subject is not in the epoch's roster")
        return GivenConsent(consent, state.digest)

    def _service_key(self, envelope: Envelope, service: str) -> SigningKey:
        entry = self.registry.key(envelope.key_ids[0])
        if entry.member.id != service or "enterprise-service" not in entry.member.roles:
            raise WrongSignerError(f"the consent is not signed by {service}")
        return entry.key

    def _audience_kind(self, consent: Consent, enrolment: Enrolment) -> str:
        if consent.purpose == "portrait":
            if consent.audience != enrolment.key.key_id:
                raise ConsentScopeError("a portrait is for the enterprise's own key")
            return "enterprise"
        if "bank" not in self.registry.member(consent.audience).roles:
            raise ConsentScopeError(f"{consent.audience} is not a financial institution of the zone")
        return "bank"

    def _read(self, raw: bytes, kind: type[S]) -> tuple[Envelope, S]:
        envelope = parse_envelope(raw)
        statement = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(statement, kind):
            raise StatementFormatError(f"expected a statement of kind {kind.kind}, got {statement.kind}")
        if statement.zone != self._zone:
            raise ZoneMismatchError(f"the statement belongs to zone {statement.zone!r}, this is {self._zone!r}")
        return envelope, statement
