"""Which ciphertexts a member owes, and whether a contribution's header is what the model and the epoch ask for [P4.1–P4.3].

Checks headers only; the ciphertexts themselves are checked by ``crypto.contribution``.
"""

from __future__ import annotations

from collections.abc import Iterable

from scoring.errors import LayoutError, WrongKeyError, WrongModelError, WrongOwnerError, WrongRosterError
from scoring.exchange.epoch import EpochState
from scoring.indicators.functional import functional
from scoring.indicators.model import Model
from scoring.indicators.pack import Contributors
from scoring.statements import ContributionHeader, Entry, EpochOpen, Member

NO_FUNCTIONAL = "-"


def gated_entries(model: Model, functionals: Iterable[str]) -> tuple[Entry, ...]:
    """One entry for each (gate, functional) that the functionals use in any stage [P2.3], in model order."""
    found: dict[tuple[str, str], None] = {}
    for name in functionals:
        for stage in model.stages:
            for term in functional(model, name, stage.id).terms:
                if term.functional != NO_FUNCTIONAL:
                    found[term.indicator, term.functional] = None
    return tuple(Entry(indicator=indicator, functional=name) for indicator, name in found)


def required_entries(model: Model, functionals: Iterable[str]) -> tuple[Entry, ...]:
    """Everything that the zone must contribute so that ``functionals`` can be formed: all indicators, then the gates."""
    plain = tuple(Entry(indicator=name) for name, indicator in model.indicators.items() if not indicator.gate)
    return (*plain, *gated_entries(model, functionals))


def owed_entries(model: Model, member: Member, functionals: Iterable[str]) -> tuple[Entry, ...]:
    """The part of ``required_entries`` that ``member`` owes as columns. Empty when it owns nothing of the model."""
    return tuple(entry for entry in required_entries(model, functionals) if owns(model, member, entry.indicator))


def row_entries(model: Model, member: Member, functionals: Iterable[str]) -> tuple[Entry, ...]:
    """What ``member`` owes as a row: its columns' entries, but for what is summed over banks, of which there are no rows [M7]."""
    return tuple(entry for entry in owed_entries(model, member, functionals) if not model.indicators[entry.indicator].summed)


def owns(model: Model, member: Member, indicator: str) -> bool:
    """Whether the model assigns ``indicator`` to this member's department and level, or to every member of its role."""
    owner = model.indicators[indicator].owner
    if isinstance(owner, Contributors):
        return owner.sum in member.roles
    return "department" in member.roles and (owner.department, owner.level) == (member.department, member.level)


def check_header(header: ContributionHeader, member: Member, model: Model, epoch: EpochState, functionals: Iterable[str]) -> None:
    """The header is what ``member`` owes to ``epoch`` for ``functionals`` (those disclosed to the authority, or those of the consent).

    Raises WrongModelError, WrongKeyError, WrongOwnerError, WrongRosterError or LayoutError, in that order.
    """
    opened = epoch.opened
    if header.model != opened.model or model.sha256 != opened.model:
        raise WrongModelError(f"the model of epoch {opened.epoch} is {opened.model}, not {header.model}")
    if header.key != opened.key:
        raise WrongKeyError("the contribution is encrypted under another key than the epoch's")
    for entry in header.entries:
        if entry.indicator not in model.indicators or not owns(model, member, entry.indicator):
            raise WrongOwnerError(f"{member.id} does not own indicator {entry.indicator!r} in {model.id}@{model.version}")
        if member.id not in opened.contributors[entry.indicator]:
            raise WrongOwnerError(f"epoch {opened.epoch} froze {', '.join(opened.contributors[entry.indicator])} as owners of {entry.indicator!r}")
    wanted = roster_named(model, opened, header.entries)
    if header.roster != wanted or header.period != opened.period:
        raise WrongRosterError(f"the roster of epoch {opened.epoch} is {wanted} for period {opened.period}")
    if header.kind == "column":
        _check_column(header, epoch, owed_entries(model, member, functionals))
    else:
        _check_row(header, row_entries(model, member, functionals))


def roster_named(model: Model, opened: EpochOpen, entries: Iterable[Entry]) -> str:
    """The document, by SHA-256, over which a contribution of these entries is made: the ordered roster, or for banks, which are given no
    more, its order alone [M7]."""
    return opened.order if any(model.indicators[entry.indicator].summed for entry in entries) else opened.roster


def _check_column(header: ContributionHeader, epoch: EpochState, owed: tuple[Entry, ...]) -> None:
    opened = epoch.opened
    if len(header.entries) != 1 or header.entries[0] not in owed:
        raise LayoutError("a column carries exactly one indicator, and a gate names a functional that is disclosed")
    if (header.slot_bits, header.slots, header.batches) != (opened.slot_bits, opened.slots, opened.batches):
        raise LayoutError(f"the epoch's layout is {opened.batches} batches of {opened.slots} slots of {opened.slot_bits} bits")
    if header.subject or header.audience or header.consent:
        raise LayoutError("a column names no subject, audience or consent")


def _check_row(header: ContributionHeader, owed: tuple[Entry, ...]) -> None:
    if header.entries != owed:
        wanted = ", ".join(f"{e.indicator}/{e.functional}" for e in owed)
        raise LayoutError(f"a row carries all of its sender's entries in the model's order: {wanted}")
    if (header.slot_bits, header.slots, header.batches) != (0, 1, len(header.entries)):
        raise LayoutError("a row has slot_bits 0, slots 1 and one ciphertext for each entry")
