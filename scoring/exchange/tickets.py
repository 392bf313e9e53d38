"""Which inputs an opening takes, and whether a ticket is what the log, the model and the consent allow [P5.2, P5.3].

Everything here follows from the log alone. The request's signature, the roster's stages and the ciphertexts are checked where
those are at hand: ``scoring.release.aggregate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.disclosure.ledger import GATE, Release, entry_of
from scoring.draws.failures import check_not_frozen
from scoring.errors import (
    AudienceUnknownError,
    EpochDefinitionError,
    NotDisclosedError,
    OwnerLeftError,
    RowsAwaitedError,
    TicketExpiredError,
    TicketInputsError,
    TicketReplayError,
)
from scoring.exchange.consent import check_consent
from scoring.exchange.contributions import NO_FUNCTIONAL, owns
from scoring.exchange.epoch import EpochState, Phase
from scoring.indicators.functional import functional
from scoring.indicators.model import Model
from scoring.statements import Input, Ticket, TicketOpening

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, ZoneView

COLUMN_POSITION = -1


@dataclass(frozen=True, slots=True)
class Combination:
    """The integer combination that an opening evaluates: (indicator, functional or –) → weight, and a constant.

    With several functionals, functional k is shifted by 2^(k·slot_bits) [P5.6].
    """

    weights: Mapping[tuple[str, str], int]
    constant: int


def combination(model: Model, names: Iterable[str], stage: str, slot_bits: int) -> Combination:
    """Combination of the functionals ``names`` in ``stage``. ``slot_bits`` is 0 for a single functional."""
    weights: dict[tuple[str, str], int] = {}
    constant = 0
    for slot, name in enumerate(names):
        shift = 1 << (slot * slot_bits)
        form = functional(model, name, stage)
        constant += form.constant * shift
        for term in form.terms:
            key = (term.indicator, term.functional)
            weights[key] = weights.get(key, 0) + term.weight * shift
    return Combination({key: weight for key, weight in weights.items() if weight}, constant)


def derive_inputs(view: ZoneView, epoch: EpochState, names: Iterable[str], stage: str, *, subject: str = "", audience: str = "") -> tuple[Input, ...]:
    """The inputs of an opening: for every (indicator, functional) with a non-zero weight exactly one of each of its contributors, latest
    revision [P5.3 (5)].

    Rows when ``subject`` is given (up to the first ticket for this audience, subject and epoch), else columns before the close.
    Raises RowsAwaitedError when one is missing: a release with and without one input would reveal it. OwnerLeftError when it cannot come.
    """
    model = view.model(epoch.opened.model)
    needed = {key: None for name in names for key in combination(model, [name], stage, 0).weights}
    if subject:
        return tuple(_row_input(view, epoch, indicator, gate_of, subject, audience) for indicator, gate_of in needed)
    owners = epoch.opened.contributors
    return tuple(_column_input(view, epoch, indicator, gate_of, owner) for indicator, gate_of in needed for owner in owners[indicator])


def check_ticket(view: ZoneView, ticket: Ticket, time: int) -> None:
    """The ticket follows from the log before it, at Unix time ``time``.

    Raises EpochUnknownError, WrongModelError, TicketExpiredError, AudienceUnknownError, SubjectFrozenError, NotDisclosedError,
    TicketReplayError, TicketInputsError; for one enterprise's ticket the errors of ``check_consent`` and of ``DisclosureLedger.check``,
    for a bulk ticket EpochStateError.
    """
    epoch = view.epoch(ticket.epoch)
    if ticket.model != epoch.opened.model:
        raise TicketInputsError("the ticket names another model than its epoch")
    if not time <= ticket.not_after <= time + view.registry.genesis.ticket_max_life_s:
        raise TicketExpiredError("the ticket's life is over, or longer than the zone allows")
    if view.sealing_key(ticket.audience)[1] != ticket.audience_leaf:
        raise AudienceUnknownError("the ticket cites another leaf for the audience's key")
    if not ticket.openings:
        raise TicketInputsError("the ticket opens nothing")
    check_not_frozen(view, ticket)
    if ticket.purpose == "epoch":
        _check_bulk(view, ticket, epoch, time)
    else:
        _check_single(view, ticket, epoch, time)
    _check_functionals(view.model(epoch.opened.model), ticket)
    names = dict.fromkeys(name for opening in ticket.openings for name in opening.functionals)
    if ticket.inputs != derive_inputs(view, epoch, names, ticket.stage, subject=ticket.subject, audience=ticket.audience):
        raise TicketInputsError("the inputs are not exactly the latest ones that the model asks for")
    release = release_of(view, ticket)
    if release is not None:
        view.ledger.check(release, view.registry.genesis.disclosure)


def release_of(view: ZoneView, ticket: Ticket) -> Release | None:
    """What a ticket adds to the disclosure ledger, one entry for each slot; None for a portrait and for an epoch's totals [P7.2].

    Requires a ticket with the inputs that the model asks for.
    """
    if ticket.purpose in {"portrait", "epoch"}:
        return None
    epoch = view.epoch(ticket.epoch)
    model, audience = view.model(epoch.opened.model), view.registry.member(ticket.audience)
    owners = {
        name: GATE if item.gate else item.owner.name
        for name, item in model.indicators.items()
        if item.gate or ("bank" not in item.open_to and not owns(model, audience, name))
    }
    inputs = {(item.indicator, item.functional): (item.leaf_index, item.position) for item in ticket.inputs}
    forms = [functional(model, name, ticket.stage) for opening in ticket.openings for name in opening.functionals]
    entries = tuple(entry_of(form, ticket.epoch, owners, inputs) for form in forms)
    return Release(ticket.audience, ticket.subject, ticket.epoch, epoch.opened.period, ticket.stage, entries)


def _check_single(view: ZoneView, ticket: Ticket, epoch: EpochState, time: int) -> None:
    names = tuple(dict.fromkeys(name for opening in ticket.openings for name in opening.functionals))
    state = view.consent_by_digest(ticket.consent)
    if not ticket.subject or state.consent.subject != ticket.subject:
        raise TicketInputsError("the consent is another subject's")
    check_consent(state, audience=ticket.audience, purpose=ticket.purpose, functionals=names, product="", time=time)
    model = view.model(epoch.opened.model)
    _require_disclosed(model, "enterprise" if ticket.purpose == "portrait" else "bank", names)
    if (ticket.request, ticket.subject) in view.requests:
        raise TicketReplayError("this request has a ticket for this enterprise already: sign a new one")
    if view.nonces.get((ticket.audience, ticket.request_nonce), ticket.request) != ticket.request:
        raise TicketReplayError("another request with this nonce has a ticket already: sign a new one")
    for opening in ticket.openings:
        packed = len(opening.functionals) > 1
        if packed and ticket.purpose != "portrait":
            raise TicketInputsError("only a portrait is packed")
        if opening.batch != COLUMN_POSITION or opening.slot_bits != (model.slot_bits if packed else 0):
            raise TicketInputsError("an opening of rows has batch -1, and slot_bits of the model when packed")
        if len(opening.functionals) > epoch.opened.slots:
            raise TicketInputsError("more functionals than slots")


def _check_bulk(view: ZoneView, ticket: Ticket, epoch: EpochState, time: int) -> None:
    epoch.require(Phase.CLOSED)
    if "authority" not in view.registry.member(ticket.audience).roles:
        raise NotDisclosedError("an epoch opens to the authority alone")
    if ticket.request != epoch.close_digest or ticket.subject or ticket.consent or ticket.request_nonce:
        raise TicketInputsError("a bulk ticket's request is the epoch's closing, and it names no subject, consent or nonce")
    names = {name for opening in ticket.openings for name in opening.functionals}
    _require_disclosed(view.model(epoch.opened.model), "authority", names)
    if len(names) != 1:
        raise TicketInputsError("a bulk ticket opens one functional")
    batches = [opening.batch for opening in ticket.openings]
    if len(set(batches)) != len(batches) or any(len(opening.functionals) != 1 or opening.slot_bits for opening in ticket.openings):
        raise TicketInputsError("each batch is opened once, for one functional")
    for batch in batches:
        if not 0 <= batch < epoch.opened.batches:
            raise EpochDefinitionError(f"the epoch has no batch {batch}")
        earlier = view.bulk.get((ticket.epoch, ticket.openings[0].functionals[0], batch))
        if earlier is not None and earlier.statement.not_after >= time:  # one that ran out unopened is made again: it opens the same value
            raise TicketReplayError(f"batch {batch} has a ticket already")


def _check_functionals(model: Model, ticket: Ticket) -> None:
    if ticket.stage not in {stage.id for stage in model.stages}:
        raise TicketInputsError(f"the model has no stage {ticket.stage!r}")
    for opening in ticket.openings:
        if functional_hashes(model, opening.functionals, ticket.stage) != opening.functional_hashes:
            raise TicketInputsError("a functional's hash is not the model's")


def functional_hashes(model: Model, names: Iterable[str], stage: str) -> tuple[str, ...]:
    """Hashes of the functionals in ``stage``, as a ticket names them."""
    return tuple(functional(model, name, stage).hash for name in names)


def opening_for(model: Model, names: tuple[str, ...], stage: str, batch: int, aggregate: str) -> TicketOpening:
    """The ticket's line for one aggregate (sha256 hex of its fixed-width bytes)."""
    slot_bits = model.slot_bits if len(names) > 1 else 0
    return TicketOpening(
        functionals=names,
        functional_hashes=functional_hashes(model, names, stage),
        slot_bits=slot_bits,
        batch=batch,
        aggregate=aggregate,
    )


def _require_disclosed(model: Model, audience_kind: str, names: Iterable[str]) -> None:
    allowed = model.disclosures(audience_kind)
    for name in names:
        if name not in allowed:
            raise NotDisclosedError(f"{model.id}@{model.version} does not disclose {name!r} to audience {audience_kind}")


def _column_input(view: ZoneView, epoch: EpochState, indicator: str, gate_of: str, owner: str) -> Input:
    found = view.columns.get((epoch.opened.epoch, owner, indicator, gate_of), [])
    return Input(indicator=indicator, functional=gate_of, leaf_index=_latest(found, epoch.close_index, indicator, owner), position=COLUMN_POSITION)


def _row_input(view: ZoneView, epoch: EpochState, indicator: str, gate_of: str, subject: str, audience: str) -> Input:
    opened = epoch.opened
    first = view.first_tickets.get((audience, subject, opened.epoch))
    owner = _owner(epoch, indicator)
    found = view.rows.get((opened.epoch, owner, subject, audience), [])
    if not found and owner not in view.registry.members:
        raise OwnerLeftError(f"{owner} left the zone without a row of {indicator}: the next epoch asks its successor")
    leaf_index = _latest(found, None if first is None else first.index, indicator, owner)
    entries = view.contributions[leaf_index].statement.header.entries
    for position, entry in enumerate(entries):
        if (entry.indicator, entry.functional) == (indicator, gate_of):
            return Input(indicator=indicator, functional=gate_of, leaf_index=leaf_index, position=position)
    raise RowsAwaitedError(f"the row at leaf {leaf_index} has no ciphertext for {indicator}/{gate_of}")


def _owner(epoch: EpochState, indicator: str) -> str:
    owners = epoch.opened.contributors[indicator]
    if len(owners) != 1:
        raise TicketInputsError(f"{indicator} has {len(owners)} owners: there are no rows of it [M7]")
    return owners[0]


def _latest(found: list[Logged], before: int | None, indicator: str, owner: str) -> int:
    usable = [logged.index for logged in found if before is None or logged.index < before]
    if not usable:
        raise RowsAwaitedError(f"no contribution of {indicator} by {owner} is in the log yet")
    return usable[-1]


__all__ = ["NO_FUNCTIONAL", "Combination", "check_ticket", "combination", "derive_inputs", "functional_hashes", "opening_for", "release_of"]
