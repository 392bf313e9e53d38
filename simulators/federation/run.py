"""Runs the federated demonstration: zones made and started one after the other, each evaluated under its own model, then what they do together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from nodes.runtime.files import PRIVATE_DIR
from simulators.demo.written import artifacts
from simulators.demo.written.metering import Meter
from simulators.federation.between import Federation
from simulators.federation.cases import Case
from simulators.federation.peers import approve_peers, exchange_roots
from simulators.federation.plan import FederationOptions
from simulators.federation.recognition import recognise
from simulators.federation.recovery import kill_zone, restore_zone
from simulators.federation.replication import cut_link, mirror_all
from simulators.federation.rewriting import rewrite
from simulators.federation.zone import FederatedZone, Tell
from simulators.zone.processes import Usage


@dataclass
class FederationResult:
    """What a run left, for the summary and the JSON document."""

    options: FederationOptions
    cases: list[Case] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The command's answer: report.json with what is in federation.json."""
        return {**self.report, "federation": [case.to_json() for case in self.cases]}

    @property
    def held(self) -> bool:
        """Whether every zone's log passed its audit and every case came out as it must."""
        return all(zone["audit"]["verdict"] == "pass" for zone in self.report["zones"]) and all(case.held for case in self.cases)


def run_federation(options: FederationOptions, tell: Tell, linger: Callable[[FederationResult], None]) -> FederationResult:
    """A whole run in ``options.out``, each zone in the folder of its name. ``linger`` is called at the end, while everything still runs.

    Raises SettingsError for options that cannot be; ProcessEndedError, PeerUnavailableError, NotReadyError, RpcRefusal when a step fails.
    """
    options.check()
    options.out.mkdir(parents=True, exist_ok=True)
    options.out.chmod(PRIVATE_DIR)  # it is empty, and keys will lie below it
    with ExitStack() as running:
        zones = [running.enter_context(FederatedZone(planned, options.key_bits, tell)) for planned in options.zones]
        meter = Meter(lambda: _usage(zones), tell)
        federation = running.enter_context(Federation(zones, meter))
        result = FederationResult(options, federation.cases)
        for zone in zones:
            zone.make()
        with meter.step("peering", f"对等 peering: {len(zones)} zones exchange their roots; custodians of both sides approve each pair"):
            exchange_roots(zones)
            tell(f"    {approve_peers(zones)} entries approved")
            federation.connect()
        for zone in zones:  # one after the other: two processors start what some fifty would wait for
            zone.start()
        for zone in zones:
            zone.open_desks()
            zone.evaluate()
        _try(federation, options.mover)
        _finish(result, zones, meter)
        linger(result)
        return result


def _try(federation: Federation, mover: str) -> None:
    """Everything that zones do together, and what goes wrong between them. The last of it leaves a log that nobody trusts."""
    zones, meter = federation.zones, federation.meter
    with meter.step("replication", "复制 replication: every zone mirrors every other's log and items, verified"):
        mirror_all(federation)
    with meter.step("cut", f"断链 cut: the link from {zones[1].id} to {zones[0].id}"):
        cut_link(federation)
    receipt = zones[0].score(mover)
    with meter.step("recognition", f"互认 recognition: an enterprise shows its score of {zones[0].id} in {zones[1].id}"):
        recognise(federation, mover, receipt)
    with meter.step("killed", f"宕机 killed: every process of {zones[0].id} ends at once; its log is read and audited at its peers"):
        kill_zone(federation)
    with meter.step("restored", f"恢复 restored: {zones[0].id} from what {zones[1].id} keeps of it and cannot read"):
        restore_zone(federation)
    for zone in zones:
        zone.processes.check()
        zone.audit()
    with meter.step("rewriting", f"改写 rewriting: the log's operator of {zones[-1].id} shows the others another history"):
        rewrite(federation)


def _finish(result: FederationResult, zones: list[FederatedZone], meter: Meter) -> None:
    """Write report.json and federation.json."""
    result.report = {"zones": [zone.report() for zone in zones], "steps": [step.to_json() for step in meter.steps]}
    out = result.options.out
    artifacts.write_json(out / "report.json", result.report)
    artifacts.write_json(out / "federation.json", [case.to_json() for case in result.cases])


def _usage(zones: list[FederatedZone]) -> dict[str, Usage]:
    return {name: used for zone in zones for name, used in zone.usage().items()}
