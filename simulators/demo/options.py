"""What a demonstration is asked for, checked before anything starts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nodes.errors import SettingsError
from nodes.packs import lends, shipped_pack, shipped_packs
from scoring.indicators.model import Model, load_pack
from simulators.demo.applications.loans import loans_model
from simulators.demo.applications.policies import further_models
from simulators.population import firm_panel
from simulators.population.beside import beside, with_fields
from simulators.population.naming import BRANDS
from simulators.population.select import population_for
from simulators.population.tables import Population
from simulators.zone.configs import choose_addresses, free_ports
from simulators.zone.layout import INSTITUTIONS, ZonePlan, plan_for, with_members

FIRM_PANEL = firm_panel.PACK
DEFAULT_ENTERPRISES, DEFAULT_BITS = 200, 3072
LENDING_PACKS = tuple(
    sorted((name for name in shipped_packs() if lends(name)), key=lambda name: (name != FIRM_PANEL, name)),
)
"""Shipped packs with products to lend on; the real firms first."""
GUIDELINES = ("national-2024", "sme-tech", "torch-20")
"""Shipped packs that score enterprises and that no bank lends on: what zones build their own on."""


@dataclass(frozen=True)
class DemoOptions:
    """``consents``: enterprises that consent to a bank. ``out`` must be absent or empty. ``base_port``: None takes free ports.

    ``policies``: evaluate a policy and a library too, on invented records, and the sum over banks' loan books. A zone that is kept running has an
    institution of every kind."""

    out: Path
    pack: str = FIRM_PANEL
    year: int = firm_panel.DEFAULT_YEAR
    enterprises: int | None = None
    consents: int = 4
    seed: int = 0
    key_bits: int = DEFAULT_BITS
    keep_running: bool = False
    base_port: int | None = None
    witnesses: int = 1
    policies: bool = False

    @cached_property
    def model(self) -> Model:
        """The indicator model of this run. Raises SettingsError for a pack that is not shipped."""
        return load_pack(shipped_pack(self.pack))

    @cached_property
    def plan(self) -> ZonePlan:
        """The zone of this run: in the place that the model is made for, with the departments that it needs."""
        plan = plan_for([self.model, *self.further], witnesses=self.witnesses)
        return with_members(plan, *INSTITUTIONS) if self.keep_running else plan

    @cached_property
    def further(self) -> tuple[Model, ...]:
        """The flag models of the run's policy and library."""
        return further_models() if self.policies else ()

    @property
    def summed(self) -> tuple[Model, ...]:
        """The model of the banks' loan books, which lie with the banks."""
        return (loans_model(),) if self.policies else ()

    @property
    def recorded(self) -> Model:
        """The model with every record field that departments hold in this run."""
        return with_fields(self.model, self.further)

    def check(self) -> None:
        """Raises SettingsError naming the option and what would be right."""
        packs = LENDING_PACKS + GUIDELINES
        if self.pack not in packs:
            raise SettingsError(f"--pack is one of {', '.join(packs)}")
        if self.key_bits not in {2048, 3072}:
            raise SettingsError("--key-bits is 3072, or 2048 for 112-bit security")
        if self.year not in firm_panel.YEARS:
            raise SettingsError(f"--year is from {firm_panel.YEARS.start} to {firm_panel.YEARS.stop - 1}")
        if self.enterprises is not None and not 5 <= self.enterprises <= BRANDS:
            raise SettingsError(f"--enterprises is from 5 to {BRANDS}")
        if self.witnesses not in {1, 3}:
            raise SettingsError("--witnesses is 1 or 3")
        if self.consents < 1:
            raise SettingsError("--consents is at least 1")
        if self.base_port is not None:
            choose_addresses(self.plan, self.base_port)
        if self.out.exists() and any(self.out.iterdir()):
            raise SettingsError(f"--out {self.out} is not empty: a run begins in a new directory")

    def api_ports(self) -> Callable[[], int]:
        """Ports for the departments' HTTP APIs, one a call: those after the zone's where its ports were chosen, free ones otherwise."""
        if self.base_port is None:
            return lambda: free_ports(1)[0]
        ports = itertools.count(self.base_port + sum(process.listens for process in self.plan.processes))
        return lambda: next(ports)

    def population(self) -> Population:
        """The enterprises of this run: the same for the same pack, year, number and seed."""
        real = self.pack == FIRM_PANEL
        count = self.enterprises or (None if real else DEFAULT_ENTERPRISES)
        population = population_for(self.model, self.plan, count, self.seed, self.year if real else None)
        return beside(population, self.further, self.plan, self.seed) if self.further else population
