"""Which zones run beside each other, where each has its directory and its ports, and who their enterprises are; checked before anything starts.

A zone of the federation is as small as it can be without being another thing: every department that its model needs, three custodians of
which two are departments, one bank. What a zone has of keys, model, members and log it shares with none of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from nodes.errors import SettingsError
from nodes.packs import shipped_pack
from scoring.indicators.model import Model, load_pack
from scoring.indicators.plain import score_plain
from simulators.demo.options import LENDING_PACKS
from simulators.population.firm_panel import DEFAULT_YEAR, PACK
from simulators.population.naming import BRANDS
from simulators.population.select import population_for
from simulators.population.tables import Firm, Population
from simulators.zone.configs import LAST_PORT
from simulators.zone.layout import MemberPlan, ZonePlan, ZoneSize, data_bureau, plan_for, with_members

FEWEST_ZONES, MOST_ZONES = 2, 6
DEFAULT_ENTERPRISES, DEFAULT_BITS = 20, 2048
FEWEST_ENTERPRISES = 5
PORTS_A_ZONE: Final = 50
"""A zone's own listeners take the first of them, the links on which other zones reach it the last."""

OWN_PORTS: Final = 20
SIZE: Final = ZoneSize(custodians=3, banks=1)
THRESHOLD = 2


@dataclass(frozen=True, slots=True)
class PlannedZone:
    """One zone: its model and plan, the directory that is its alone, its enterprises. ``first_port``: None takes free ones."""

    pack: str
    model: Model
    plan: ZonePlan
    directory: Path
    first_port: int | None
    population: Population

    @property
    def id(self) -> str:
        """The zone's name, which is also its directory's."""
        return self.plan.zone

    def enterprise(self, place: int) -> Firm:
        """One of the enterprises that no gate holds back, by its place among them. Raises SettingsError where there are fewer."""
        return scored_by_place(self.population, self.model, place)

    def link_ports(self) -> Iterator[int]:
        """Ports for the links to this zone, one a call; 0, which takes a free one, where no ports were chosen."""
        first = self.first_port
        yield from (0 for _ in range(PORTS_A_ZONE - OWN_PORTS)) if first is None else range(first + OWN_PORTS, first + PORTS_A_ZONE)


@dataclass(frozen=True)
class FederationOptions:
    """``packs``: one a zone, the first being the home zone's. ``out`` must be absent or empty. ``base_port``: None takes free ports."""

    out: Path
    packs: tuple[str, ...]
    enterprises: int = DEFAULT_ENTERPRISES
    seed: int = 0
    key_bits: int = DEFAULT_BITS
    keep_running: bool = False
    base_port: int | None = None

    def check(self) -> None:
        """Raises SettingsError naming the option and what would be right."""
        if not FEWEST_ZONES <= len(self.packs) <= MOST_ZONES:
            raise SettingsError(f"--zones names {FEWEST_ZONES} to {MOST_ZONES} zones, with commas between them: --zones hangzhou-binjiang,suzhou-snd")
        if unknown := [name for name in self.packs if name not in LENDING_PACKS]:
            raise SettingsError(f"--zones: no zone for {', '.join(map(repr, unknown))}; there are {', '.join(LENDING_PACKS)}")
        names = [plan_of(name).zone for name in self.packs]
        if len({*names}) < len(names):
            raise SettingsError(f"--zones: {', '.join(self.packs)} are models of the zones {', '.join(names)}: each zone once")
        if self.key_bits not in {2048, 3072}:
            raise SettingsError("--key-bits is 3072, or 2048 for 112-bit security")
        if not FEWEST_ENTERPRISES <= self.enterprises <= BRANDS:
            raise SettingsError(f"--enterprises is from {FEWEST_ENTERPRISES} to {BRANDS}")
        highest = LAST_PORT + 1 - PORTS_A_ZONE * len(self.packs)
        if self.base_port is not None and not 0 < self.base_port <= highest:
            raise SettingsError(f"--base-port is 1 to {highest}: {len(self.packs)} zones have {PORTS_A_ZONE} ports each, one zone after the other")
        if self.out.exists() and any(self.out.iterdir()):
            raise SettingsError(f"--out {self.out} is not empty: a run begins in a new directory")

    @cached_property
    def zones(self) -> tuple[PlannedZone, ...]:
        """The zones in the order in which they were named. Requires checked options."""
        planned = [self._planned(place, pack) for place, pack in enumerate(self.packs)]
        populations = with_mover([zone.population for zone in planned], [zone.model for zone in planned])
        return tuple(replace(zone, population=population) for zone, population in zip(planned, populations, strict=True))

    @property
    def mover(self) -> str:
        """Code of the enterprise that works in every zone."""
        home = self.zones[0]
        return scored(home.population, home.model).uscc

    def _planned(self, place: int, pack: str) -> PlannedZone:
        model = model_of(pack)
        plan = among(plan_of(pack), [plan_of(other) for other in self.packs if other != pack])
        first = None if self.base_port is None else self.base_port + place * PORTS_A_ZONE
        population = population_for(model, plan, self.enterprises, self.seed, DEFAULT_YEAR if pack == PACK else None)
        return PlannedZone(pack, model, plan, self.out.absolute() / plan.zone, first, population)


@cache
def model_of(pack: str) -> Model:
    """The model of a shipped pack."""
    return load_pack(shipped_pack(pack))


@cache
def plan_of(pack: str) -> ZonePlan:
    """The plan of the zone that a shipped pack is made for."""
    return plan_for([model_of(pack)], threshold=THRESHOLD, size=SIZE)


def node_of(zone: str) -> str:
    """Id of the member by which ``zone`` takes part in each of the others: its peer node."""
    return f"zone-{zone}"


def among(plan: ZonePlan, others: Sequence[ZonePlan]) -> ZonePlan:
    """The plan of a zone whose log the others witness from its founding: their nodes are members, and most of all witnesses must sign.

    They are not its processes: each of the others runs its own node. With one other zone the province's data bureau is a third witness,
    so that no log stands still because one of them is away.
    """
    nodes = tuple(MemberPlan(node_of(other.zone), other.title, ("witness",)) for other in others)
    own = with_members(plan, data_bureau(plan.place)) if len(nodes) == 1 else plan
    members = own.members + nodes
    count = sum("witness" in member.roles for member in members)
    return replace(own, members=members, witnesses_required=count // 2 + 1, outside=tuple(node.id for node in nodes))


def with_mover(populations: Sequence[Population], models: Sequence[Model]) -> list[Population]:
    """The populations with one enterprise in all of them: in every zone but the first it takes the place of one that is scored there.

    It keeps its code and its name; what departments know of it in another zone is that zone's own. Raises SettingsError where nobody is scored.
    """
    mover = scored(populations[0], models[0])
    further = zip(populations[1:], models[1:], strict=True)
    return [populations[0], *(_joined(population, scored(population, model), mover) for population, model in further)]


def scored(population: Population, model: Model) -> Firm:
    """The first enterprise that no gate of ``model`` holds back. Raises SettingsError where there is none."""
    return scored_by_place(population, model, 0)


def scored_by_place(population: Population, model: Model, place: int) -> Firm:
    """As ``scored``, the one at ``place`` among them."""
    found = [firm for firm in population.firms if not score_plain(model, firm.values).gated]
    if len(found) <= place:
        raise SettingsError(
            f"{model.id}: {len(found)} of {len(population.firms)} enterprises are not gated; take more --enterprises or another --seed"
        )
    return found[place]


def _joined(population: Population, left: Firm, mover: Firm) -> Population:
    firms = (replace(firm, uscc=mover.uscc, company=mover.company) if firm == left else firm for firm in population.firms)
    return replace(population, firms=tuple(firms))
