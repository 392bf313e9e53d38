"""What the cockpit's pages work with: which epoch and place an address asks for, and what is to be shown there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import Request

from gateway.cockpit.money import LoanSteps, policy_money
from gateway.cockpit.questions import MOVE, TREND
from gateway.cockpit.results import Results
from gateway.cockpit.scope import Place, chosen, places_for
from gateway.cockpit.store import CockpitStore
from gateway.cockpit.tables import Tables
from gateway.evaluation.conduct import Evaluation
from gateway.policies.store import PolicyStore
from gateway.register.book import Register
from nodes.errors import NotFoundError, RoleMissingError
from nodes.runtime.clock import Clock
from nodes.runtime.pages.accounts import Person
from nodes.runtime.pages.language import N_, day, own
from nodes.runtime.pages.site import Site
from scoring.enterprises.trades import BY_LETTER
from scoring.exchange.epoch import EpochState, Phase
from scoring.indicators.model import Model
from scoring.statements import Title

STEPS = {
    "applied": N_("申请"), "consented": N_("授权"), "queried": N_("查询"), "surveyed": N_("尽调"), "offered": N_("报价"), "declined": N_("拒绝"),
    "guaranteed": N_("担保"), "accepted": N_("接受"), "contracted": N_("签约"), "disbursed": N_("放款"), "drawn": N_("支用"),
    "assigned": N_("转让额度"), "unassigned": N_("收回转让"), "settled": N_("结清转让"), "repaid": N_("还款"), "closed": N_("结清"),
    "bad": N_("不良"), "withdrawn": N_("已撤回申请"), "expired": N_("过期"),
}  # fmt: skip
"""Steps of an application, in the order in which they come."""


@dataclass(frozen=True)
class Cockpit:
    """Everything that the pages use."""

    site: Site
    results: Results
    store: CockpitStore
    register: Register
    evaluation: Evaluation
    policies: PolicyStore
    steps: LoanSteps
    now: Clock

    # --- which epoch, which place ---

    def rating(self, word: str) -> tuple[EpochState, Model] | None:
        """The released rating epoch that an address asks for, the newest without a word; None where none is released.

        Raises NotFoundError for another word.
        """
        released = self.results.ratings()
        if not word:
            return released[-1] if released else None
        found = next((each for each in released if each[0].opened.epoch == word), None)
        if found is None:
            raise NotFoundError(f"no released epoch is called {word}")
        return found

    def place_title(self, place: Place) -> dict[str, Title]:
        """What a place is called: its division and its section."""
        zone = Title(zh="全部地区", en="The whole zone")
        trades = Title(zh="全部行业", en="all trades")
        section = BY_LETTER.get(place.section)
        return {
            "division": self.register.division(place.prefix) if place.prefix else zone,
            "section": trades if section is None else Title(zh=section.zh, en=section.en),
        }

    def named(self, request: Request, place: Place) -> str:
        """One line that names a place."""
        title = self.place_title(place)
        language = self.site.language(request)
        parts = [own(title["division"], language)] + ([own(title["section"], language)] if place.section else [])
        return " · ".join(parts)

    def board(self, request: Request, person: Person, asked: dict[str, str]) -> dict[str, Any]:
        """The values of the first page. Raises NotFoundError for an epoch, RoleMissingError for a place that is not the person's."""
        rating = self.rating(asked.get("epoch", ""))
        document = None if rating is None else self.store.publication(rating[0].opened.epoch)
        common = {"ratings": [state for state, _ in self.results.ratings()][::-1], "open": self.running(), "rating": rating}
        if rating is None or document is None:
            return {**common, "tables": None, "places": [], "place": None, "empty": False}
        places = places_for(person, document)
        if not places and not asked.get("place"):
            return {**common, "tables": None, "places": [], "place": None, "empty": True}
        place = chosen(places, asked.get("place", ""))
        if place is None:
            raise RoleMissingError("this place is for others")
        language = self.site.language(request)
        stages = {stage.id: own(stage.title, language) for stage in rating[1].stages}
        tables = Tables(document, stages, self.site.translator(request))
        below = [other for other in places if other.section == place.section and other.prefix.startswith(place.prefix)]
        across = [other for other in places if other.prefix == place.prefix and other.section != place.section] if not place.section else []
        return {
            **common, "tables": tables, "places": places, "place": place, "titles": {each.word: self.named(request, each) for each in places},
            "coverage": self.coverage(rating[0], person, place), "move": MOVE, "trend": TREND, "rows": tables.by_place([*below, *across]),
            "lending": self.lending(request, person, place), "policies": policy_money(self.policies, self.register, person),
            "steps": [(STEPS[name], count) for name in STEPS if (count := self.steps.counts().get(name))], "language": language, "own": own,
        }  # fmt: skip

    def coverage(self, state: EpochState, person: Person, place: Place) -> tuple[int, int]:
        """(on the roster, in the register) of the enterprises of a place that the person may see: both are public facts [T1.4]."""
        registered = self.register.edition(state.opened.period).enterprises.values()
        mine = [item for item in registered if person.covers(item.division, item.trade) and _inside(item.division, item.trade, place)]
        rated = self.results.rows(state)
        return sum(item.subject in rated for item in mine), len(mine)

    def lending(self, request: Request, person: Person, place: Place) -> tuple[str, Tables] | None:
        """The newest publication of the banks' loan books, by the stages of the epoch that was rated last before: (epoch, tables)."""
        lendings = self.results.lendings()
        document = self.store.publication(lendings[-1][0].opened.epoch) if lendings else None
        if document is None or place.id not in {each.id for each in places_for(person, document)}:
            return None
        rating = self.rating(document["previous"])
        stages = {} if rating is None else {stage.id: own(stage.title, self.site.language(request)) for stage in rating[1].stages}
        return document["epoch"], Tables(document, stages, self.site.translator(request))

    def running(self) -> list[tuple[EpochState, Model]]:
        """Epochs that are not released yet, the newest first."""
        return [each for each in self.results.epochs() if each[0].phase is not Phase.RELEASED][::-1]

    # --- epochs under way ---

    def progress(self, epoch: str) -> dict[str, Any]:
        """How far an epoch is. Raises EpochUnknownError."""
        status = self.evaluation.status(epoch)
        members: dict[str, list[bool]] = {}
        for column in status["columns"]:
            members.setdefault(column["member"], []).append(column["received"])
        planned = self.store.planned(epoch)
        return {
            "found": status, "members": [(name, sum(received), len(received)) for name, received in sorted(members.items())],
            "received": sum(column["received"] for column in status["columns"]), "planned": planned, "left": self._left(planned),
        }  # fmt: skip

    def _left(self, planned: str) -> int | None:
        """Days until a planned day; negative when it has passed, None without one."""
        return (date.fromisoformat(planned) - date.fromisoformat(day(self.now()))).days if planned else None


def _inside(division: str, trade: str, place: Place) -> bool:
    return division.startswith(place.prefix) and trade.startswith(place.section)
