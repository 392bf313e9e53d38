"""What an audience does with a release: recompute the aggregates from the rows it was given, unseal the partials, combine [P1.4, P5.5].

The ciphertexts are tied to the ticket by the aggregate's hash, which custodians checked and which is checked here again; that the
rows are the owners' and proven is for the caller, by ``nodes.evidence.receipt`` or ``check_rows``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crypto.contribution import check_contribution
from crypto.encoding import sha256, to_fixed
from crypto.errors import KeyFormatError
from crypto.paillier import DEFAULT_MIN_BITS, Opening, PublicKey, check_ciphertexts
from crypto.proofs import KnowledgeProof
from crypto.sealing import Private
from crypto.statements import VerifyKey, check_signature, parse_envelope
from nodes.errors import SettingsError
from nodes.runtime.replica.disputes import Disputes, OpenerOf, all_opened, attempt
from nodes.runtime.replica.zone import load_packs, read_public
from protos.errors import WireFormatError
from scoring.custody.generations import Generation, GenerationRecord, first_generation, generation_of
from scoring.errors import AggregateError, TicketInputsError, WrongModelError, WrongOwnerError, WrongSignerError
from scoring.exchange.contributions import owns
from scoring.exchange.registry import MemberHistory, MemberRegistry
from scoring.exchange.view import verify_key
from scoring.indicators.model import Model
from scoring.release.aggregate import aggregate, aggregate_hash
from scoring.release.ceremony import check_ceremony
from scoring.release.members import member_history
from scoring.release.opening import Opener, SealedPartial
from scoring.release.percentiles import band_of
from scoring.release.receipt import Evidence, ReceiptRow
from scoring.statements import Ceremony, EpochRelease, Member, Registry, Row, Ticket, parse_statement

COMBINED_AT_ONCE = 4
Published = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Released:
    """An opened release. ``aggregates`` and ``openings`` stand in the ticket's order."""

    ticket: Ticket
    digest: str
    model: Model
    evidence: Evidence
    aggregates: tuple[int, ...]
    openings: tuple[Opening, ...]


def exact_bytes(text: str) -> bytes:
    """Bytes of a base64 text that was handed over. Raises WireFormatError."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise WireFormatError("what was handed over is not base64") from error


def published_band(released: Released, name: str, hundredths: int) -> str | None:
    """Percentile band of a value of functional ``name`` by the epoch's published table; None before RELEASED or without bands [P7.3]."""
    if released.evidence.quantile_table is None:
        return None
    envelope = parse_envelope(exact_bytes(released.evidence.quantile_table.envelope))
    release = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(release, EpochRelease):
        raise WireFormatError("what was handed over as quantile table is no release of an epoch")
    tables = [table for table in release.tables if (table.functional, table.stage) == (name, released.ticket.stage)]
    return band_of(tables[0], hundredths) if tables else None


class ReleaseOpener:
    """An audience with the zone's public files: opens what the gateway hands over. ``private`` keys are given call by call."""

    def __init__(
        self, registry: MemberRegistry, packs: Mapping[str, Model], ceremony: Ceremony, min_bits: int = DEFAULT_MIN_BITS,
        published: Published | None = None, disputes: Disputes | None = None,
    ) -> None:  # fmt: skip
        self._registry, self._packs, self._published, self._disputes = registry.copied(), packs, published, disputes
        self._registry.appoint(ceremony.custodians, ceremony.threshold)
        key = check_ceremony(ceremony, min_bits).public_key
        self._generations = {0: first_generation(ceremony, key)}
        self._members: dict[str, Member] = {}  # that joined after the registry was pinned

    @classmethod
    def load(
        cls, public_dir: Path, min_bits: int = DEFAULT_MIN_BITS, published: Published | None = None, disputes: Disputes | None = None
    ) -> ReleaseOpener:
        """From the zone's public directory. ``published`` reads the gateway's /v1/keys, where generations after the ceremony's are found.

        Raises SettingsError, KeyFormatError, ModelError, SignatureError, SignerUnknownError.
        """
        registry = _statement(public_dir / "registry.dsse.json", Registry)[0]
        members = MemberRegistry(registry)
        ceremony, key_ids, raw = _statement(public_dir / "ceremony.dsse.json", Ceremony)
        dealer = members.key(key_ids[0])
        if "authority" not in dealer.member.roles:
            raise SettingsError(f"{public_dir / 'ceremony.dsse.json'} is not signed by the authority")
        check_signature(parse_envelope(raw), verify_key(dealer.key))
        return cls(members, load_packs(public_dir / "packs"), ceremony, min_bits, published, disputes)

    @property
    def key(self) -> PublicKey:
        """The zone's public key."""
        return self._generations[0].sharing.public_key

    @property
    def blocking(self) -> int:
        """Number of custodians without which nothing opens: l − t + 1."""
        newest = self._generations[max(self._generations)].sharing
        return newest.parties - newest.threshold + 1

    def open(self, answer: Mapping[str, Any], private: Private) -> Released:
        """The opened release in the gateway's ``answer``, for the holder of the X25519 key ``private``.

        Raises WireFormatError and CiphertextError for a malformed answer, AggregateError when the rows do not give what the ticket names,
        PartialError and OpeningError when the custodians' answers do not open it.
        """
        evidence, sealed = _parse(answer)
        envelope = parse_envelope(exact_bytes(evidence.ticket))
        ticket = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(ticket, Ticket):
            raise WireFormatError("what was handed over is not a ticket")
        model = self._packs.get(ticket.model)
        if model is None:
            raise WrongModelError(f"no pack with the hash {ticket.model} is in the public directory")
        digest = sha256(envelope.raw).hex()
        aggregates = self._aggregates(ticket, model, evidence)
        members = self._history(evidence).now
        with ThreadPoolExecutor(COMBINED_AT_ONCE, thread_name_prefix="combine") as pool:  # long powers run beside each other
            if self._disputes is None:
                found, _ = attempt(self._opener_of(private, members), ticket, digest, aggregates, sealed, pool, range(len(aggregates)))
                openings = all_opened(found)
            else:
                openings = self._disputes.open(self._opener_of(private, members), ticket, digest, aggregates, sealed, pool)
        return Released(ticket, digest, model, evidence, aggregates, openings)

    def generation(self, number: int) -> Generation:
        """A generation of the key's shares: the ceremony's, or a later one as the gateway publishes it. A false one only fails to open.

        Raises KeyFormatError when there is none, or it is no sharing of the zone's key; GatewayRefusal and PeerUnavailableError.
        """
        if number not in self._generations and self._published is not None:
            self._learn(self._published())
        if number not in self._generations:
            raise KeyFormatError(f"the zone's key has no generation {number}")
        return self._generations[number]

    def check_rows(self, released: Released) -> None:
        """Every row is what its owner signed for this subject, audience and epoch, and proven [P4.1–P4.3, P4.6].

        Raises WrongOwnerError, TicketInputsError, and the errors of ``check_contribution`` and ``check_signature``.
        """
        members = self._history(released.evidence)
        for row in released.evidence.rows:
            self._check_row(row, released, members.at(int(row.leaf_index)))

    def _history(self, evidence: Evidence) -> MemberHistory:
        """Members over time, by the changes handed over: keys of custodians now, of departments when they signed."""
        shown = ((int(item.leaf_index), exact_bytes(item.leaf), exact_bytes(item.envelope)) for item in evidence.members)
        return member_history(self._registry, shown, self._generations[0])

    def _check_row(self, row: ReceiptRow, released: Released, members: MemberRegistry) -> None:
        envelope = parse_envelope(exact_bytes(row.envelope))
        statement = parse_statement(envelope.payload_type, envelope.payload)
        signer = members.key(envelope.key_ids[0])
        check_signature(envelope, verify_key(signer.key))
        if not isinstance(statement, Row) or signer.member.id != statement.header.sender:
            raise WrongSignerError("a row is signed by its sender")
        header, ticket = statement.header, released.ticket
        said = (header.epoch, header.model, header.key, header.subject, header.audience)
        if said != (ticket.epoch, ticket.model, self.key.key_hash.hex(), ticket.subject, ticket.audience):
            raise TicketInputsError(f"the row of {header.sender} is not of this release")
        for entry in header.entries:
            if entry.indicator not in released.model.indicators or not owns(released.model, signer.member, entry.indicator):
                raise WrongOwnerError(f"{header.sender} does not own {entry.indicator}")
        data = b"".join(to_fixed(int(item), self.key.ciphertext_size) for item in row.ciphertexts)
        proof = KnowledgeProof.from_json(statement.proof.model_dump(mode="json"))
        check_contribution(self.key, header.model_dump(mode="json"), proof, data)

    def _aggregates(self, ticket: Ticket, model: Model, evidence: Evidence) -> tuple[int, ...]:
        rows = {int(row.leaf_index): row for row in evidence.rows}

        def ciphertext(leaf_index: int, position: int) -> int:
            row = rows.get(leaf_index)
            if row is None or not 0 <= position < len(row.ciphertexts):
                raise AggregateError(f"the row at leaf {leaf_index} was not handed over")
            value = int(row.ciphertexts[position])
            check_ciphertexts(self.key, (value,))
            return value

        values = []
        for opening in ticket.openings:
            value = aggregate(self.key, model, opening.functionals, ticket.stage, None, ticket.inputs, ciphertext)
            if aggregate_hash(self.key, value) != opening.aggregate:
                raise AggregateError("the rows handed over do not give the aggregate that the ticket names")
            values.append(value)
        return tuple(values)

    def _opener_of(self, private: Private, members: MemberRegistry) -> OpenerOf:
        return lambda number: Opener(self.generation(number), private, lambda name: self._keys_of(name, members))

    def _learn(self, document: Mapping[str, Any]) -> None:
        try:
            records = [GenerationRecord.model_validate(item, strict=False) for item in document["generations"]]
            members = [Member.model_validate(item, strict=False) for item in document["members"]]
        except (ValidationError, KeyError, TypeError) as error:
            raise WireFormatError("the gateway's keys do not fit their form") from error
        for record in records:
            if record.generation not in self._generations:
                self._generations[record.generation] = generation_of(record, self.key)
        self._members = {member.id: member for member in members}

    def _keys_of(self, name: str, members: MemberRegistry) -> list[VerifyKey]:
        """Keys of a member as the release shows it; of another as the gateway has them, since whom it takes for a custodian only fails to open."""
        known = members.members.get(name) or self._members.get(name)
        return [] if known is None else [verify_key(key) for key in known.keys]


def _parse(answer: Mapping[str, Any]) -> tuple[Evidence, list[SealedPartial]]:
    try:
        evidence = Evidence.model_validate(answer["evidence"], strict=False)
        sealed = [_sealed(item) for item in answer["sealed"]]
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise WireFormatError("the gateway's answer does not fit its form") from error
    return evidence, sealed


def _sealed(item: Mapping[str, Any]) -> SealedPartial:
    enc, ciphertext = bytes.fromhex(item["enc"]), bytes.fromhex(item["ciphertext"])
    return SealedPartial(str(item["custodian"]), int(item["opening"]), enc, ciphertext, int(item.get("generation", 0)))


def _statement(path: Path, cls: type[Any]) -> tuple[Any, tuple[str, ...], bytes]:
    raw = read_public(path)
    envelope = parse_envelope(raw)
    statement = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(statement, cls):
        raise SettingsError(f"{path} is not a {cls.kind} statement")
    return statement, envelope.key_ids, raw
