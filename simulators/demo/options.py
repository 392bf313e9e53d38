"""What a demonstration is asked for, checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nodes.errors import SettingsError
from simulators.population import binjiang, firm_panel
from simulators.population.tables import Population
from simulators.zone.configs import choose_addresses
from simulators.zone.layout import ZonePlan, demo_plan

FIRM_PANEL, HANGZHOU = "firm-panel", "hangzhou-binjiang"
DEFAULT_ENTERPRISES = 200
YEARS = range(1991, 2000)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``consents``: enterprises that consent to a bank. ``out`` must be absent or empty. ``base_port``: None takes free ports."""

    out: Path
    pack: str = FIRM_PANEL
    year: int = firm_panel.DEFAULT_YEAR
    enterprises: int | None = None
    consents: int = 4
    seed: int = 0
    key_bits: int = 3072
    keep_running: bool = False
    base_port: int | None = None
    witnesses: int = 1

    @property
    def plan(self) -> ZonePlan:
        """The zone of this run."""
        return demo_plan(witnesses=self.witnesses)

    def check(self) -> None:
        """Raises SettingsError naming the option and what would be right."""
        if self.pack not in {FIRM_PANEL, HANGZHOU}:
            raise SettingsError(f"--pack is {FIRM_PANEL} or {HANGZHOU}: these have a population to run on")
        if self.key_bits not in {2048, 3072}:
            raise SettingsError("--key-bits is 3072, or 2048 for 112-bit security")
        if self.year not in YEARS:
            raise SettingsError(f"--year is from {YEARS.start} to {YEARS.stop - 1}")
        if self.enterprises is not None and not 5 <= self.enterprises <= 200_000:
            raise SettingsError("--enterprises is from 5 to 200000")
        if self.witnesses not in {1, 3}:
            raise SettingsError("--witnesses is 1 or 3")
        if self.consents < 1:
            raise SettingsError("--consents is at least 1")
        if self.base_port is not None:
            choose_addresses(self.plan, self.base_port)
        if self.out.exists() and any(self.out.iterdir()):
            raise SettingsError(f"--out {self.out} is not empty: a run begins in a new directory")

    def population(self) -> Population:
        """The enterprises of this run: the same for the same pack, year, number and seed."""
        if self.pack == FIRM_PANEL:
            return firm_panel.load(self.year, self.seed).first(self.enterprises)
        return binjiang.generate(self.enterprises or DEFAULT_ENTERPRISES, self.seed)
