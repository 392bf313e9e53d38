"""What a signed request asks for: a score, one item of a batch, or a portrait; and what that comes to under the model [P5.1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from scoring.errors import ConsentScopeError, EpochUnknownError, NotDisclosedError, RequestFormatError, WrongSignerError
from scoring.exchange.epoch import EpochState, Phase
from scoring.indicators.model import Model
from scoring.statements import Consent, Hex16, Name, Record, Ticket

if TYPE_CHECKING:
    from scoring.exchange.view import ZoneView

MAX_BATCH = 1000
R = TypeVar("R", bound=Record)
SCORES_PATH = "/v1/scores"
BATCH_PATH = "/v1/scores:batch"
PORTRAITS_PATH = "/v1/portraits"


class ScoreAsked(Record):
    """One score: a product's line for one enterprise, under one consent."""

    subject: Hex16
    product: Name
    purpose: Name
    consent_id: Hex16


class BatchAsked(Record):
    items: tuple[ScoreAsked, ...]


class PortraitAsked(Record):
    """An enterprise's own points, under its own consent."""

    subject: Hex16
    consent_id: Hex16


def asked(path: str, body: dict[str, Any], subject: str = "") -> ScoreAsked | PortraitAsked:
    """What the request to ``path`` with JSON ``body`` asks about ``subject`` (needed for a batch only).

    Raises RequestFormatError when the body does not fit, or a batch has no or several items about the subject.
    """
    if path == PORTRAITS_PATH:
        return _parse(PortraitAsked, body)
    if path == SCORES_PATH:
        return _parse(ScoreAsked, body)
    if path != BATCH_PATH:
        raise RequestFormatError(f"{path} takes no signed request")
    found = [item for item in batch_items(body) if item.subject == subject]
    if len(found) != 1:
        raise RequestFormatError(f"the batch has {len(found)} items about this subject, it must have one")
    return found[0]


@dataclass(frozen=True, slots=True)
class Target:
    """What one enterprise's request comes to. ``openings``: functionals by opening; several names in one are packed [P5.6]."""

    audience: str
    purpose: str
    product: str
    subject: str
    consent_id: str
    openings: tuple[tuple[str, ...], ...]

    @property
    def functionals(self) -> tuple[str, ...]:
        """Every functional that is opened, once."""
        return tuple(dict.fromkeys(name for opening in self.openings for name in opening))


def target_of(view: ZoneView, epoch: EpochState, key_id: str, wanted: ScoreAsked | PortraitAsked) -> Target:
    """The target of a request signed by ``key_id``, answered from ``epoch``.

    Raises WrongSignerError when the signer may not ask this, NotDisclosedError for a product that the model does not have.
    """
    model = view.model(epoch.opened.model)
    if isinstance(wanted, PortraitAsked):
        enrolment = view.enrolments.get(key_id)
        if enrolment is None or enrolment.statement.subject != wanted.subject:
            raise WrongSignerError("a portrait is asked for with the enterprise's own key")
        names, slots = model.disclosures("enterprise"), epoch.opened.slots
        packed = tuple(names[start : start + slots] for start in range(0, len(names), slots))
        return Target(key_id, "portrait", "", wanted.subject, wanted.consent_id, packed)
    member = view.registry.key(key_id).member
    if "bank" not in member.roles:
        raise WrongSignerError(f"{member.id} is not a financial institution of the zone")
    if wanted.purpose in {"portrait", "epoch"}:
        raise ConsentScopeError(f"a bank does not ask for purpose {wanted.purpose}")
    product = model.products.get(wanted.product)
    if product is None:
        raise NotDisclosedError(f"{model.id}@{model.version} has no product {wanted.product!r}: it has {', '.join(model.products)}")
    openings = tuple((name,) for name in product.openings)
    return Target(member.id, wanted.purpose, wanted.product, wanted.subject, wanted.consent_id, openings)


def check_target(ticket: Ticket, target: Target) -> None:
    """The ticket opens what its request asks for, no more and no less. Raises ConsentScopeError."""
    said = (ticket.audience, ticket.purpose, ticket.subject, tuple(opening.functionals for opening in ticket.openings))
    if said != (target.audience, target.purpose, target.subject, target.openings):
        raise ConsentScopeError("the ticket is not what its request asks for")


def answering_epoch(view: ZoneView, consent: Consent) -> EpochState:
    """The epoch that a release under ``consent`` is answered from: of each model the newest RELEASED one, else the newest; of those the newest
    whose model discloses what the consent names, else the newest. Raises EpochUnknownError when there is none.
    """
    current = [(released or epochs)[-1] for epochs, released in _by_model(view)]
    if not current:
        raise EpochUnknownError("no epoch has been opened yet")
    fitting = [state for state in current if answers(view.model(state.opened.model), consent)]
    return max(fitting or current, key=lambda state: state.open_index)


def row_epochs(view: ZoneView) -> list[EpochState]:
    """Epochs that still take rows: of each model that answers releases at all, from the newest RELEASED one on [P4.3]; the oldest first."""
    found = [state for epochs, released in _by_model(view) for state in epochs if not released or state.open_index >= released[-1].open_index]
    return sorted(found, key=lambda state: state.open_index)


def answers(model: Model, consent: Consent) -> bool:
    """Whether ``model`` discloses to the consent's audience all that the consent names. A portrait's consent may name models as its products:
    it is then of these alone."""
    own = consent.purpose == "portrait"
    if own and consent.products and model.id not in consent.products:
        return False
    return set(consent.functionals) <= set(model.disclosures("enterprise" if own else "bank"))


def answering_epochs(view: ZoneView) -> list[EpochState]:
    """Epochs whose model discloses anything to banks or enterprises, the oldest first: one for the authority alone answers no release."""
    epochs = sorted(view.epochs.values(), key=lambda state: state.open_index)
    return [state for state in epochs if view.model(state.opened.model).answers_releases]


def _by_model(view: ZoneView) -> list[tuple[list[EpochState], list[EpochState]]]:
    """For each model, whatever its version: its epochs, and those that are RELEASED, the oldest first."""
    found: dict[str, list[EpochState]] = {}
    for state in answering_epochs(view):
        found.setdefault(view.model(state.opened.model).id, []).append(state)
    return [(epochs, [state for state in epochs if state.phase is Phase.RELEASED]) for epochs in found.values()]


def batch_items(body: dict[str, Any]) -> tuple[ScoreAsked, ...]:
    """Items of a batch, 1 to 1,000, each subject once. Raises RequestFormatError."""
    items = _parse(BatchAsked, body).items
    if not 1 <= len(items) <= MAX_BATCH:
        raise RequestFormatError(f"a batch has 1 to {MAX_BATCH} items, this one {len(items)}")
    if len({item.subject for item in items}) != len(items):
        raise RequestFormatError("a batch names a subject twice")
    return items


def _parse(cls: type[R], body: dict[str, Any]) -> R:
    try:
        return cls.model_validate(body, strict=False)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise RequestFormatError(f"body: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
