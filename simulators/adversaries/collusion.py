"""Members that put together everything they hold after a run: directories, databases, keys. What they can open, and what they then know.

Reads a run's directory (docs/specs/artifacts.md) with the processes' own code. A coalition always has coordinator, log and the authority's
front; custodians, contributors and banks are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crypto.errors import OpeningError, PartialError
from crypto.packing import unpack
from crypto.subjects import subject_id
from crypto.threshold import Share, combine, partial
from nodes.coordinator.keeping.blobs import BlobStore
from nodes.coordinator.keeping.store import Store as CoordinatorStore
from nodes.custodian.shares.holding import read_holding
from nodes.log.storage import LogStore
from nodes.records.store import RecordStore
from nodes.roster_key import read_roster_key
from nodes.runtime.database import open_database
from nodes.runtime.files import read_private
from nodes.runtime.peers.identity import load_private_key
from nodes.runtime.replica.zone import load_packs, read_public
from scoring.exchange.contributions import owns
from scoring.exchange.roster import Stages, parse_stages
from scoring.exchange.view import Logged, ZoneView, verify_key
from scoring.indicators.functional import NO_FUNCTIONAL, functional, read
from scoring.indicators.model import Model
from scoring.release.aggregate import Placement, recompute
from scoring.release.opening import Opener
from scoring.rules.points import contributed_points
from scoring.statements import Member

AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class Fact:
    """Σ weight·unknown = ``value`` in hundredths, about one firm. Unknowns are indicators, and masks "functional / gate"."""

    subject: str
    row: Mapping[str, int]
    value: int


@dataclass(frozen=True)
class Coalition:
    """Who puts together what: the members' ids. Coordinator, log and the authority with its front always belong to it."""

    run: Path
    custodians: tuple[str, ...]
    contributors: tuple[str, ...]
    banks: tuple[str, ...]

    # --- what they hold ---

    @cached_property
    def view(self) -> ZoneView:
        """The zone as the log's own database tells it."""
        log = LogStore(open_database(self.run / "state" / "log", "log"))
        view = ZoneView(read_public(self.run / "public" / "registry.dsse.json"), load_packs(self.run / "public" / "packs"))
        for entry in log.entries(0, log.head().size, 1 << 40):
            view.apply(entry.index, entry.leaf, entry.envelope)
        return view

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """The custodians' shares of the key."""
        paths = [(self.run / "state" / name / "custodian" / "share.json", self.run / "members" / name / "passphrase") for name in self.custodians]
        held = [read_holding(path, read_private(passphrase).strip()).share for path, passphrase in paths]
        return tuple(share for share in held if share is not None)

    @cached_property
    def sealing_keys(self) -> dict[str, bytes]:
        """Private sealing keys of the audiences among them."""
        return {name: self._sealing_key(name) for name in (AUTHORITY, *self.banks)}

    def ciphertext(self, leaf_index: int, position: int) -> int:
        """Ciphertext ``position`` of the contribution at a leaf: the coordinator has them all."""
        key = self.view.public_key
        assert key is not None
        data = self._blobs.get(self.view.contributions[leaf_index].statement.header.merkle_root)
        return int.from_bytes(data[position * key.ciphertext_size : (position + 1) * key.ciphertext_size], "big")

    # --- what they can open ---

    @cached_property
    def opened(self) -> dict[str, list[int]]:
        """By digest of a ticket, the values of its openings: of each that they can open, by answers sealed to one of them and their own shares."""
        found = {digest: self.open(ticket) for digest, ticket in self.view.tickets.items()}
        return {digest: values for digest, values in found.items() if values is not None}

    def told(self) -> Iterator[Fact]:
        """What they know of firms' points from the tickets that they can open."""
        for digest, values in self.opened.items():
            yield from self._told(self.view.tickets[digest], values)

    def own(self) -> Iterator[Fact]:
        """What the contributors know of firms' points from their own records."""
        for state in self.view.epochs.values():
            for name in self.contributors:
                yield from self._own(name, state.opened.epoch)

    def open(self, ticket: Logged) -> list[int] | None:
        """As ``opened``, for one ticket; None when they open nothing."""
        said, generation = ticket.statement, self.view.generation()
        placement = Placement.of(self.stages(said.epoch), self.view.epoch(said.epoch).opened.slots)
        values = []
        for place, opening in enumerate(said.openings):
            key = self.view.public_key
            assert key is not None
            aggregate = recompute(key, self.view.model(said.model), said, opening, placement, self.ciphertext)
            own = {share.index: partial(generation.sharing, share, aggregate) for share in self.shares}
            answers = {**self._unsealed(ticket)[place], **own}
            try:
                values.append(combine(generation.sharing, aggregate, answers).m)
            except (PartialError, OpeningError):
                return None
        return values

    def stages(self, epoch: str) -> Stages:
        """The frozen roster with each firm's stage."""
        opened = self.view.epoch(epoch).opened
        return parse_stages(self._blobs.get(opened.roster), [stage.id for stage in self.view.model(opened.model).stages])

    def members(self) -> tuple[Member, ...]:
        """The contributors, as the registry has them."""
        return tuple(self.view.registry.member(name) for name in self.contributors)

    # --- inside ---

    @cached_property
    def _blobs(self) -> BlobStore:
        return BlobStore(self.run / "state" / "coordinator" / "blobs")

    @cached_property
    def _answers(self) -> CoordinatorStore:
        return CoordinatorStore(open_database(self.run / "state" / "coordinator", "coordinator"))

    def _sealing_key(self, name: str) -> bytes:
        private = load_private_key(self.run / "members" / name / "hpke.pem")
        assert isinstance(private, X25519PrivateKey)
        return private.private_bytes_raw()

    def _unsealed(self, ticket: Logged) -> Sequence[Mapping[int, int]]:
        """By opening, the partials in the coordinator's database that were sealed to one of them, by share number."""
        found: list[dict[int, int]] = [{} for _ in ticket.statement.openings]
        for private in self.sealing_keys.values():
            opener = Opener(self.view.generation(), private, lambda name: [verify_key(key) for key in self.view.registry.member(name).keys])
            answers = opener.answers(ticket.statement, ticket.digest, self._answers.partials(ticket.digest))
            for place, usable in enumerate(answers.usable):
                found[place] |= usable
        return found

    def _told(self, ticket: Logged, values: Sequence[int]) -> Iterator[Fact]:
        said, model = ticket.statement, self.view.model(ticket.statement.model)
        stages = self.stages(said.epoch)
        batches = Placement.of(stages, self.view.epoch(said.epoch).opened.slots).batches
        for opening, value in zip(said.openings, values, strict=True):
            slots = [said.subject]
            if not said.subject:
                batch = batches[opening.batch]
                slots = [subject for subject, _, _ in stages.subjects[batch.first_position : batch.first_position + batch.count]]
            packed = unpack(value, model.slot_bits, len(slots) if not said.subject else len(opening.functionals))
            for place, number in enumerate(packed):
                name = opening.functionals[place if said.subject else 0]
                yield self._fact(model, name, said.stage, slots[0 if said.subject else place], number)

    @staticmethod
    def _fact(model: Model, name: str, stage: str, subject: str, value: int) -> Fact:
        """An opened value as an equation. That a firm is not gated is read off the value: its masks are 0 then."""
        form = functional(model, name, stage)
        gated = read(form, value).gated
        row = {term.indicator: term.weight for term in form.terms if term.functional == NO_FUNCTIONAL}
        if gated:
            row |= {f"{name} / {term.indicator}": term.weight for term in form.terms if term.functional != NO_FUNCTIONAL}
        return Fact(subject, row, value - form.constant)

    def _own(self, name: str, epoch: str) -> Iterator[Fact]:
        """A contributor's own points, from its own database by its own roster key."""
        opened, member = self.view.epoch(epoch).opened, self.view.registry.member(name)
        model, keys = self.view.model(opened.model), self.run / "members" / name
        store = RecordStore(open_database(self.run / "state" / name / "department", "records"))
        roster_key = read_roster_key(read_private(keys / "roster.key"))
        records = {subject_id(roster_key, uscc): fields for uscc, fields in store.period(opened.period).items()}
        mine = [item for name, item in model.indicators.items() if owns(model, member, name)]
        for subject, _, stage in self.stages(epoch).subjects:
            for item in mine:
                if item.role == "points":
                    yield Fact(subject, {item.id: 1}, contributed_points(model, item.id, records.get(subject, {}), stage)[0])
