"""Joins public facts, opened flags and conditions: who matches a policy or belongs to a library, and why [O3, O4, O7]."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np

from gateway.policies.store import PolicyStore
from gateway.store import Store
from nodes.runtime.replica.zone import Zone
from scoring.exchange.epoch import Phase
from scoring.indicators.model import Model
from scoring.indicators.pack import PublicFact
from scoring.policies.facts import Facts, PublicFacts
from scoring.policies.matching import NOT_OPENED, Criteria, Flags, Matches, match
from scoring.policies.meaning import NO_PLACES, described
from scoring.policies.policy import Policy, public_conditions
from scoring.policies.review import Condition, Review
from scoring.statements import Title

_BOARDS = {"": "none", "star": "growth", "chinext": "growth", "bse": "growth"}  # of the register, as conditions name them
_KINDS_OF = {"listed_board": frozenset({"board"}), "registered_years": frozenset({"founded_years", "founded_date"})}
SCORED_NEEDED = 2


class Enterprise(Protocol):
    """What the register tells of an enterprise (``scoring.enterprises``)."""

    @property
    def subject(self) -> str: ...
    @property
    def uscc(self) -> str: ...
    @property
    def company(self) -> str: ...
    @property
    def division(self) -> str: ...
    @property
    def trade(self) -> str: ...
    @property
    def founded(self) -> str: ...
    @property
    def board(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was asked: in words, the words of the text that it was read from (empty where none), and its verdict."""

    title: Title
    quote: str
    verdict: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How one enterprise stands: ``verdict`` 1 in, 0 unknown, -1 out; ``away``: by one step. ``met`` of ``needed`` flags; met is None where nothing
    was opened, needed 0 where there are none."""

    verdict: int
    away: bool
    reasons: tuple[Reason, ...]
    met: int | None
    needed: int


@dataclass(frozen=True)
class Result:
    """A policy or library judged for everybody. ``epoch``: whose flags were used, empty where none were opened."""

    facts: Facts
    matches: Matches
    asked: tuple[tuple[Title, str], ...]
    flags: Flags | None
    epoch: str
    place: Mapping[str, int]

    def of(self, subject: str) -> Standing | None:
        """How an enterprise stands; None for one that is unknown here."""
        at = self.place.get(subject)
        if at is None:
            return None
        found = self.matches
        reasons = tuple(Reason(title, quote, int(found.reasons[row, at])) for row, (title, quote) in enumerate(self.asked))
        met = None if self.flags is None or self.flags.counts[at] == NOT_OPENED else int(self.flags.counts[at])
        return Standing(int(found.verdict[at]), bool(found.away[at]), reasons, met, 0 if self.flags is None else self.flags.needed)

    def subjects(self, *, away: bool = False) -> list[str]:
        """Those that are in, or one step away."""
        mask = self.matches.away if away else self.matches.verdict == 1
        return [self.facts.subjects[at] for at in np.flatnonzero(mask)]


class Matching:
    """Judges policies and libraries from what the gateway has. ``enterprises`` gives the register as it is now, the same object while it stays."""

    def __init__(
        self, zone: Zone, totals: Store, store: PolicyStore, enterprises: Callable[[], Mapping[str, Enterprise]], today: Callable[[], date],
        places: Mapping[str, Title] = NO_PLACES,
    ) -> None:  # fmt: skip
        """``places``: names of divisions by the codes that conditions have."""
        self._zone, self._totals, self._store, self._enterprises, self._today, self.places = zone, totals, store, enterprises, today, places
        self._lock = threading.Lock()
        self._facts: tuple[Mapping[str, Enterprise], Facts] | None = None
        self._counts: dict[str, Mapping[str, int]] = {}
        self._results: dict[tuple[object, ...], Result] = {}

    @property
    def today(self) -> date:
        """The day as of which everything is judged."""
        return self._today()

    def enterprises(self) -> Mapping[str, Enterprise]:
        """The register's enterprises by subject id."""
        return self._enterprises()

    def policy(self, policy: Policy, review: Review) -> Result:
        """Everybody judged by a policy. A tag that nobody has decided is unknown of everybody: nobody is in before all are."""
        decided = review.meanings()
        conditions = public_conditions(review)
        model = self._model(policy.flags) if policy.flags else None
        unjudged = tuple(item for item in decided if item.meaning.protected) if model is None else ()
        proposed = [Condition(place, review.tags[place].meaning) for place in review.undecided]
        unjudged += tuple(item for item in proposed if item.meaning.public or item.meaning.protected)
        quoted = {place: policy.text[tag.span.start : tag.span.end] for place, tag in enumerate(review.tags)}
        asked, not_judged = ([(described(item.meaning, self.places), quoted[item.tag]) for item in items] for items in (conditions, unjudged))
        return self._result(policy.id, conditions, asked, not_judged, unjudged, model)

    def library(self, model: Model) -> Result:
        """Everybody judged by a library."""
        return self._result(f"library {model.id}", (), [], [], (), model)

    def libraries(self) -> list[Model]:
        """Admitted models that say who qualifies, and are no policy's and no products'."""
        policies = {policy.flags for policy, _ in self._store.policies()}
        with self._zone.reading() as view:
            models = [view.model(sha) for sha in view.admitted if sha in view.models]
        return [item for item in models if item.pack.qualification is not None and not item.products and item.id not in policies]

    def flag_models(self) -> list[Model]:
        """Admitted models that count criteria met: those that a policy may name."""
        with self._zone.reading() as view:
            models = [view.model(sha) for sha in view.admitted if sha in view.models]
        return [item for item in models if counts_criteria(item)]

    def _model(self, name: str) -> Model | None:
        return next((model for model in self.flag_models() if model.id == name), None)

    def _result(
        self, name: str, conditions: Sequence[Condition], asked: list[tuple[Title, str]], blind: list[tuple[Title, str]],
        unjudged: Sequence[Condition], model: Model | None,
    ) -> Result:  # fmt: skip
        facts, epoch = self._columns(), "" if model is None else self._epoch(model)
        today = self._today()
        key = (name, id(facts), tuple(conditions), tuple(unjudged), epoch, None if model is None else model.sha256, today)
        with self._lock:
            if key in self._results:
                return self._results[key]
        public = _facts_beside(model, conditions)
        flags = None if model is None else self._flags(model, epoch, facts)
        titles = [*asked, *((fact.title, "") for fact in public), *blind]
        if flags is not None and model is not None:
            titles.append((_flags_title(model, flags.needed), ""))
        found = match(Criteria(tuple(conditions), public, flags, tuple(unjudged)), facts, today)
        result = Result(facts, found, tuple(titles), flags, epoch, {subject: place for place, subject in enumerate(facts.subjects)})
        with self._lock:
            if len(self._results) > 256:
                self._results.clear()
            self._results[key] = result
        return result

    def _columns(self) -> Facts:
        register = self._enterprises()
        with self._lock:
            if self._facts is None or self._facts[0] is not register:
                self._facts = (register, Facts.of([_public(item) for item in register.values()]))
                self._results.clear()
            return self._facts[1]

    def _epoch(self, model: Model) -> str:
        """The newest RELEASED epoch of a model, whatever its version; empty where there is none."""
        with self._zone.reading() as view:
            found = [
                state
                for state in view.epochs.values()
                if state.phase is Phase.RELEASED and state.opened.model in view.models and view.model(state.opened.model).id == model.id
            ]
        return max(found, key=lambda state: state.open_index).opened.epoch if found else ""

    def _flags(self, model: Model, epoch: str, facts: Facts) -> Flags:
        counts = self._opened(model, epoch)
        needed = _needed(model) if counts_criteria(model) else SCORED_NEEDED
        return Flags(model.id, needed, np.fromiter((counts.get(subject, NOT_OPENED) for subject in facts.subjects), np.int32, len(facts)))

    def _opened(self, model: Model, epoch: str) -> Mapping[str, int]:
        """Criteria met by subject; of a model that gives points, all or nothing: a number of points short is no number of steps."""
        if not epoch:
            return {}
        with self._lock:
            known = self._counts.get(epoch)
        if known is None:
            totals = self._totals.totals(epoch, "total")
            if counts_criteria(model):
                known = {total.subject: total.hundredths // 100 for total in totals}
            else:
                known = {total.subject: SCORED_NEEDED if total.hundredths >= 100 * _needed(model) else 0 for total in totals}
            with self._lock:
                self._counts[epoch] = known
        return known


def counts_criteria(model: Model) -> bool:
    """Whether a model's total is the number of criteria that an enterprise meets."""
    ones = all(not item.gate and item.bounds == (0, 100) and item.spec.weights == 1 for item in model.indicators.values())
    return ones and model.pack.qualification is not None and "total" in model.functionals


def _facts_beside(model: Model | None, conditions: Sequence[Condition]) -> tuple[PublicFact, ...]:
    """The public facts that a flag model asks for, without those that a decided condition of the text asks for already."""
    if model is None or model.pack.qualification is None:
        return ()
    kinds = {condition.meaning.kind for condition in conditions}
    facts = model.pack.qualification.public.values()
    return tuple(fact for fact in facts if not any(_KINDS_OF.get(name, frozenset()) & kinds for name, _ in fact.rule.uses()))


def _needed(model: Model) -> int:
    assert model.pack.qualification is not None  # asked of models that say who qualifies
    return int(model.pack.qualification.minimum_total)


def _flags_title(model: Model, needed: int) -> Title:
    if counts_criteria(model):
        return Title(zh=f"部门数据条件（密文判定，共 {needed} 项）", en=f"{needed} conditions on departments' data, judged under encryption")
    return Title(zh="评价得分达到标准（密文计算）", en="score reaches the standard, computed under encryption")


def _public(item: Enterprise) -> PublicFacts:
    return PublicFacts(
        subject=item.subject,
        founded=date.fromisoformat(item.founded) if item.founded else None,
        division=item.division or None,
        trade=item.trade or None,
        board=_BOARDS.get(item.board, item.board),
    )
