"""The disclosure ledger: what each audience could already open about each enterprise, and what may not be added to it [P7.2].

A pure function of the log: whoever replays it (coordinator, custodian, auditor) keeps the same ledger and refuses the same tickets. A
ticket counts from its leaf on, whether or not anybody ever opened it, and each slot of a packed opening is an entry of its own. It is
judged twice: over the contributions themselves, and with the contributions of one indicator in one data period taken for the same value,
since the same value can be encrypted again. What cannot be seen from the log is whether a value changed between two epochs: a release
after a correction shows the difference that it made, which the enterprise is told before it consents.

An enterprise's own portrait is exempt, and bulk openings to the authority are governed by the frozen columns of their epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from scoring.disclosure.inference.span import isolation, ungated
from scoring.errors import DisclosureFrozenError, DisclosureIsolatesError, DisclosureLimitError
from scoring.indicators.functional import Functional
from scoring.statements import DisclosurePolicy

GATE = ""  # the owner of a gate's input in a row: a mask, not an indicator


@dataclass(frozen=True, slots=True)
class Part:
    """weight · input: one term of an entry. ``owner`` is GATE for a gate's input, which has its own mask in each contribution."""

    indicator: str
    functional: str
    owner: str
    weight: int
    leaf: int
    position: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One functional that an audience could open of an enterprise. Terms whose value the audience has anyway are left out."""

    epoch: str
    name: str
    hash: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """What one ticket lets an audience open of one enterprise."""

    audience: str
    subject: str
    epoch: str
    period: str
    stage: str
    entries: tuple[Entry, ...]


Key = tuple[str, str, int, int]  # indicator, functional, leaf, position
Row = tuple[tuple[str, str, int], ...]
"""(column, owner, weight) of each part; columns are numbered as they first occur, so that equal situations are equal."""


def entry_of(form: Functional, epoch: str, owners: Mapping[str, str], inputs: Mapping[tuple[str, str], tuple[int, int]]) -> Entry:
    """The entry of a functional formed from ``inputs``: (indicator, functional or –) -> (leaf, position).

    ``owners``: of every indicator that is protected from the audience, its owner; of every gate, GATE. Others are known to it.
    """
    parts = [
        Part(term.indicator, term.functional, owners[term.indicator], term.weight, *inputs[term.indicator, term.functional])
        for term in form.terms
        if term.indicator in owners
    ]
    return Entry(epoch, form.name, form.hash, tuple(parts))


@dataclass
class DisclosureLedger:
    """Entries by (audience, subject, data period); the stage, and the leaf of the first ticket, by (audience, subject, epoch)."""

    _held: dict[tuple[str, str, str], tuple[Entry, ...]] = field(default_factory=dict)
    _frozen: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)

    def held(self, audience: str, subject: str, period: str) -> tuple[Entry, ...]:
        """What the audience could already open about the subject, in the order of the log."""
        return self._held.get((audience, subject, period), ())

    def check(self, release: Release, policy: DisclosurePolicy) -> None:
        """The release may be added to what its audience could open before.

        Raises DisclosureFrozenError when the first ticket of its epoch froze another stage or other contributions, DisclosureLimitError
        when the audience would hold more functionals of what is protected from it than the policy allows, DisclosureIsolatesError when some
        combination of all that it holds would be of one department's indicators alone, or free of every gate. Changes nothing.
        """
        held = self.held(release.audience, release.subject, release.period)
        self._check_frozen(release, held)
        added = [item for item in release.entries if item not in held]
        if not added:
            return
        together = (*held, *added)
        if len({item.name for item in together if item.parts}) > policy.bank_functionals:
            raise DisclosureLimitError(f"one bank is given at most {policy.bank_functionals} functionals of an enterprise in a data period")
        for rows in (_over_contributions(together), _over_values(together)):
            what = isolated(rows)
            if what is not None:
                raise DisclosureIsolatesError(f"with what {release.audience} could open before, this would show {what}")

    def enter(self, release: Release, index: int) -> None:
        """Take the release of a valid ticket at leaf ``index`` into account."""
        key = (release.audience, release.subject, release.period)
        held = self._held.get(key, ())
        self._held[key] = (*held, *(item for item in dict.fromkeys(release.entries) if item not in held))
        self._frozen.setdefault((release.audience, release.subject, release.epoch), (release.stage, index))

    def _check_frozen(self, release: Release, held: tuple[Entry, ...]) -> None:
        frozen = self._frozen.get((release.audience, release.subject, release.epoch))
        if frozen is None:
            return
        stage, index = frozen
        if stage != release.stage:
            raise DisclosureFrozenError(f"the first ticket, at leaf {index}, froze stage {stage}")
        parts = [part for item in held if item.epoch == release.epoch for part in item.parts]
        taken = {(part.indicator, part.functional): (part.leaf, part.position) for part in parts}
        for part in (part for item in release.entries for part in item.parts):
            place = (part.leaf, part.position)
            if taken.get((part.indicator, part.functional), place) != place or part.leaf > index:
                raise DisclosureFrozenError(f"the first ticket, at leaf {index}, froze another contribution of {part.indicator}")


@lru_cache(maxsize=1 << 14)
def isolated(rows: tuple[Row, ...]) -> str | None:
    """What some combination of ``rows`` shows that none may: an owner's indicators alone, or what a gate hides; None when nothing.

    The first is asked with every gate open (its input is 0 for almost everyone); the second is a combination in which all masks cancel
    and which is not one of functionals that have no gate.
    """
    owned: dict[str, set[str]] = {}
    for row in rows:
        for column, owner, _ in row:
            owned.setdefault(owner, set()).add(column)
    whole = [{column: weight for column, _, weight in row} for row in rows]
    plain = [{column: weight for column, owner, weight in row if owner != GATE} for row in rows]
    for owner in sorted(owned.keys() - {GATE}):
        if isolation(plain, owned[owner]) is not None:
            return f"indicators of {owner} alone"
    return None if ungated(whole, owned.get(GATE, ())) is None else "a total that its gate hides"


def _over_contributions(entries: Iterable[Entry]) -> tuple[Row, ...]:
    """Rows whose columns are ciphertexts."""
    return _numbered([[(("", "", part.leaf, part.position), part) for part in item.parts] for item in entries])


def _over_values(entries: Iterable[Entry]) -> tuple[Row, ...]:
    """Rows whose columns are indicators; gates stay ciphertexts, since each has a mask of its own."""
    return _numbered([[(_value(part), part) for part in item.parts] for item in entries])


def _value(part: Part) -> Key:
    leaf, position = (part.leaf, part.position) if part.owner == GATE else (-1, -1)
    return part.indicator, part.functional, leaf, position


def _numbered(entries: Iterable[Iterable[tuple[Key, Part]]]) -> tuple[Row, ...]:
    numbers: dict[Key, str] = {}
    return tuple(tuple((numbers.setdefault(key, str(len(numbers))), part.owner, part.weight) for key, part in parts) for parts in entries)
