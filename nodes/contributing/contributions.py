"""From a contributor's records to final contributions: points by the model's rules, then ciphertexts, proof and signature.

Plaintext comes in here and only messages come out [P4.1, P4.2, P4.4]. A value that is missing or unusable counts as 0 and is reported
by number, never by content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from crypto.contribution import EncryptedContribution, encrypt_contribution, gate_mask
from crypto.encoding import canonical_json, digest, xof
from crypto.packing import pack
from crypto.paillier import Encryptor
from crypto.statements import SignKey
from nodes.contributing.outbox import Message, Prepared
from nodes.contributing.trust import OpenEpoch
from nodes.runtime import logging
from nodes.runtime.peers.signing import sign_statement
from scoring.exchange.contributions import NO_FUNCTIONAL, owed_entries, roster_named
from scoring.rules.points import contributed_points
from scoring.statements import Column, ContributionHeader, Entry, KnowledgeProof, Member, Row

POINTS_COMPUTED = "points.computed"
Records = Mapping[str, Mapping[str, str]]
_log = logging.logger("contributing.points")


@dataclass(frozen=True, slots=True)
class Scored:
    """Points of one indicator, hundredths, in roster order; ``incomplete``: positions whose data is missing or unusable, ascending."""

    indicator: str
    points: list[int]
    incomplete: list[int]


@dataclass(frozen=True, slots=True)
class Contributor:
    """Makes the contributions of one member to one epoch.

    ``records`` are its own, by subject id, as they were at ``version`` of the store and as far as it knew its enterprises at version ``placed``
    (0: it knows all of them); ``secret`` is its K of this epoch. Equal
    arguments give equal bytes, as long as ``signer`` signs deterministically. Without a signer messages carry the statement alone: people
    let it go before it is signed [A3].
    """

    member: Member
    signer: SignKey | None
    encryptor: Encryptor
    epoch: OpenEpoch
    secret: bytes
    records: Records
    version: int = 0
    placed: int = 0

    def columns(self) -> Iterator[tuple[Prepared, Scored]]:
        """One column for each entry that the member owes the epoch: indicators, and gates for each functional that they close.

        With each come its points in roster order, to be kept under its source: rows of the epoch say the same [P4.5]. Who came to know other
        enterprises says every column again, with other points or not: that it did tells nobody whether it holds a record of them [M7].
        """
        known: dict[str, Scored] = {}
        for entry in owed_entries(self.epoch.model, self.member, self.epoch.model.disclosures("authority")):
            if entry.indicator not in known:
                known[entry.indicator] = self._scored(entry.indicator)
            place = f"column/{self.epoch.opened.epoch}/{entry.indicator}/{entry.functional}"
            scored = known[entry.indicator]
            source = self._source([entry.indicator, self.placed] if self.placed else entry.indicator, scored.points)
            yield Prepared(place, source, partial(self._column, place, entry, scored.points, source)), scored

    def row(
        self, entries: tuple[Entry, ...], subject: str, audience: str, consent: str, said: Callable[[str], list[int] | None]
    ) -> tuple[Prepared, list[int]]:
        """The row of ``entries``, which the member owes, for ``audience`` under the consent with that digest, with their points.

        ``said(indicator)`` gives the points of the column that the epoch has of us; only where there is none are they computed [P4.5].
        """
        place = f"row/{self.epoch.opened.epoch}/{subject}/{audience}"
        points = [self._single(entry.indicator, subject, said) for entry in entries]
        source = self._source([subject, audience, [[entry.indicator, entry.functional] for entry in entries]], points)
        return Prepared(place, source, partial(self._row, place, entries, points, source, subject, audience, consent)), points

    def _single(self, indicator: str, subject: str, said: Callable[[str], list[int] | None]) -> int:
        column = said(indicator)
        if column is not None:
            return column[self.epoch.position_of[subject]]
        return contributed_points(self.epoch.model, indicator, self.records.get(subject, {}), self.epoch.stage_of[subject])[0]

    def _scored(self, indicator: str) -> Scored:
        """Points in roster order, and a line in the log about how many could not be read."""
        points, incomplete = [], []
        for position, (subject, stage) in enumerate(self.epoch.subjects):
            value, missing = contributed_points(self.epoch.model, indicator, self.records.get(subject, {}), stage)
            points.append(value)
            if missing:
                incomplete.append(position)
        _log.info(POINTS_COMPUTED, epoch=self.epoch.opened.epoch, indicator=indicator, subjects=len(points), incomplete=len(incomplete))
        return Scored(indicator, points, incomplete)

    def _column(self, place: str, entry: Entry, points: list[int], source: str, revision: int) -> Message:
        opened = self.epoch.opened
        header = self._header("column", (entry,), revision) | {
            "slot_bits": opened.slot_bits, "slots": opened.slots, "batches": opened.batches, "subject": "", "audience": "", "consent": "",
        }  # fmt: skip
        values = [input_of(self.epoch, self.secret, entry, value, header, position) for position, value in enumerate(points)]
        plaintexts = [pack(values[b.first_position : b.first_position + b.count], opened.slot_bits) for b in self.epoch.batches]
        return self._message(place, Column, header, plaintexts, revision, source)

    def _row(
        self, place: str, entries: tuple[Entry, ...], points: list[int], source: str, subject: str, audience: str, consent: str, revision: int
    ) -> Message:
        header = self._header("row", entries, revision) | {
            "slot_bits": 0, "slots": 1, "batches": len(entries),
            "subject": subject, "audience": audience, "consent": consent,
        }  # fmt: skip
        paired = zip(entries, points, strict=True)
        plaintexts = [input_of(self.epoch, self.secret, entry, value, header, index) for index, (entry, value) in enumerate(paired)]
        return self._message(place, Row, header, plaintexts, revision, source)

    def _header(self, kind: str, entries: tuple[Entry, ...], revision: int) -> dict[str, object]:
        opened = self.epoch.opened
        return {
            "sender": self.member.id, "zone": opened.zone, "key": opened.key, "kind": kind, "epoch": opened.epoch, "period": opened.period,
            "model": opened.model, "roster": roster_named(self.epoch.model, opened, entries),
            "entries": [entry.model_dump(mode="json") for entry in entries],
            "revision": revision, "proof": "djn",
        }  # fmt: skip

    def _message(self, place: str, kind: type[Column | Row], header: dict[str, object], plaintexts: list[int], revision: int, source: str) -> Message:
        made = encrypt_contribution(self.encryptor, self.secret, header, plaintexts)
        statement = kind(
            zone=self.epoch.opened.zone,
            nonce=xof("contribution-nonce", 16, self.secret, canonical_json(made.header)).hex(),
            header=ContributionHeader.model_validate_json(canonical_json(made.header)),
            proof=_proof(made),
        )
        said = statement.payload() if self.signer is None else sign_statement(statement, self.signer)
        return Message(place, revision, "contribute", said, made.ciphertext_bytes, source=source)

    def _source(self, about: object, points: list[int]) -> str:
        """Digest of what a contribution says, under the secret: equal for equal values, and tells nothing else."""
        return digest("contribution-source", self.secret, canonical_json([self.epoch.digest, about, points])).hex()


def input_of(epoch: OpenEpoch, secret: bytes, entry: Entry, points: int, header: Mapping[str, object], index: int) -> int:
    """What a contribution carries for ``points``: those, or a gate's masked value, drawn for place ``index`` of the header [P2.3]."""
    if entry.functional == NO_FUNCTIONAL:
        return points
    draw = partial(gate_mask, secret, header, index, entry.functional.encode())
    return epoch.model.gate_value(entry.indicator, entry.functional, points > 0, draw)


def _proof(made: EncryptedContribution) -> KnowledgeProof:
    return KnowledgeProof(type="djn", t=f"{made.proof.t:x}", z1=f"{made.proof.z1:x}", z2=f"{made.proof.z2:x}")
