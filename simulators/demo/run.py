"""Runs the demonstration, step by step. Each step uses the interface that its people have; nothing reaches into another process's state."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto.encoding import canonical_json
from crypto.subjects import subject_id
from nodes.commands.output import ExitCode
from nodes.errors import NodeError
from nodes.packs import shipped_pack
from nodes.runtime.files import PRIVATE_DIR, read_private, write_private
from nodes.runtime.peers.identity import load_signing_key
from simulators.demo.applications.loans import Lenders, flow_back
from simulators.demo.applications.policies import Town, begin_for_visitors, evaluate_flags, pay_without_application
from simulators.demo.holding import Running
from simulators.demo.intake import FirstReading
from simulators.demo.options import DemoOptions
from simulators.demo.people import Authority, Bank, Desk, EnterpriseService
from simulators.demo.refused import Granted, refused_requests
from simulators.demo.written import artifacts
from simulators.demo.written.coverage import coverage
from simulators.demo.written.metering import Meter
from simulators.departments.systems import Surroundings, System, mappings_of, write_systems
from simulators.identity.accounts import accounts_of
from simulators.identity.zone import add_customs_client, add_enterprise_pages, tell_accounts
from simulators.population.register import publish_register
from simulators.population.tables import Firm, Population
from simulators.tampering import tamper
from simulators.zone.build import build_zone, processes_of
from simulators.zone.configs import read_endpoints
from simulators.zone.people import add_people
from simulators.zone.processes import START_S, ZoneProcesses

EPOCH_TIMEOUT_S, NOTICE_TIMEOUT_S, DRAW_TIMEOUT_S = 1800.0, 60.0, 120.0
BANKS = ("bank-a", "bank-b")

Tell = Callable[[str], None]


@dataclass
class DemoResult:
    """What a run left, for the summary and the JSON document."""

    options: DemoOptions
    enterprises: int
    gateway: str = ""
    receipts: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    portrait: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=dict)
    loans: str = ""
    draw: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    tampering: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


def run_demo(options: DemoOptions, tell: Tell, linger: Callable[[DemoResult], None]) -> DemoResult:
    """A whole run in ``options.out``. ``linger`` is called at the end, while everything still runs.

    Raises SettingsError for options that cannot be; ProcessEndedError, PeerUnavailableError, NotReadyError, RpcRefusal when a step fails.
    """
    options.check()
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    out.chmod(PRIVATE_DIR)  # it is empty, and keys will lie below it
    population = options.population()
    ports = options.api_ports()
    with Running() as running:
        meter = Meter(running.usage, tell)
        with meter.step("systems", f"系统 systems: {len(population.firms)} enterprises in the departments' own systems"):
            systems = write_systems(population, options.recorded, options.plan, Surroundings(out, ports))
            publish_register(population, options.plan, out)
            running.serve(systems)
        _make_zone(options, out, systems, meter)
        if options.keep_running:  # pages are for people who come
            running.provide(add_enterprise_pages(options.plan, out, accounts_of(population.firms, options.seed), ports))
            add_customs_client(options.plan, out, population.firms[-1])
        running.processes = processes_of(out)
        run = _Run(options, out, population, systems, meter, running.processes)
        run.start()
        run.evaluate()
        run.release_scores()
        run.policies()
        run.loans()
        run.audit()
        run.finish()
        linger(run.result)
        return run.result


def _make_zone(options: DemoOptions, out: Path, systems: Sequence[System], meter: Meter) -> None:
    """The zone's members, key and configurations; meanwhile departments' nodes read their systems."""
    packs = [shipped_pack(name) for name in (options.pack, *(model.id for model in (*options.further, *options.summed)))]
    mapped, bits = mappings_of(systems), options.key_bits
    with FirstReading(systems) as reading:
        with meter.step("ceremony", f"密钥仪式 key ceremony: 3 of 5, {bits} bits; members, certificates"):
            begin = reading.begin
            port, told = options.base_port, meter.tell
            configs = build_zone(options.plan, out, packs, key_bits=bits, base_port=port, mapped=mapped, configured=begin, progress=told)
            accounts = add_people(options.plan, configs)
            write_private(out / "accounts.json", canonical_json([account.to_json() for account in accounts]))
        with meter.step("records", f"数据 records: {len(systems)} systems, read into their departments' nodes through connectors"):
            reading.finish(meter.tell)


class _Run:
    """One run's state: who the enterprises are (the demonstration alone knows), and the desks of its people."""

    def __init__(
        self, options: DemoOptions, out: Path, population: Population, systems: Sequence[System], meter: Meter, processes: ZoneProcesses
    ) -> None:
        self._options, self._out, self._model, self._meter, self._processes = options, out, options.model, meter, processes
        roster_key = bytes.fromhex(read_private(out / "members" / "authority" / "roster.key").decode().strip())
        self._firms: dict[str, Firm] = {subject_id(roster_key, firm.uscc): firm for firm in population.firms}
        self._population, self._period, self._systems = population, population.period, systems
        self._epoch = f"e{population.period}"
        self.result = DemoResult(options, len(population.firms))
        self._totals: list[dict[str, Any]] = []

    def start(self) -> None:
        """Start every process and open the people's desks."""
        names = self._processes.names()
        with self._meter.step("start", f"启动 start: {len(names)} processes, mutual TLS"):
            self._processes.start()
            self._processes.wait_ready(START_S)
            endpoints = read_endpoints(self._out)
            ca, state = self._out / "public" / "ca.pem", self._out / "state"
            service = self._options.plan.with_role("enterprise-service")[0].id
            self.result.gateway = endpoints["gateway"]
            self._authority = Authority(endpoints["gateway"], ca, state / "gateway" / "admin.token")
            self._gateway = Desk(endpoints["gateway"], ca)
            self._service = EnterpriseService(endpoints["enterprise"], ca, state / service / "api.token")
            self._banks = {name: Bank(endpoints["bank"][name], ca, state / name / "api.token") for name in BANKS}
            self._authority.wait_usable(START_S)

    def evaluate(self) -> None:
        """One epoch: roster, stages, packed columns, totals opened to the authority, RELEASED."""
        with self._meter.step("contributions", f"贡献 epoch {self._epoch}: roster, stages, encrypted columns with proofs"):
            self._authority.open_epoch(self._epoch, self._period, self._model.id)
            self._authority.wait_for_columns(self._epoch, EPOCH_TIMEOUT_S, self._count("columns received"))
        with self._meter.step("totals", "汇总 totals: added and weighed under encryption, opened by 3 of 5 custodians to the authority"):
            self._authority.release(self._epoch, EPOCH_TIMEOUT_S, self._count("batches opened"))
            self._totals = self._authority.totals(self._epoch)
        artifacts.write_totals(self._out / "totals.csv", self._totals, self._firms)
        artifacts.write_rankings(self._out / "rankings.csv", self._authority.rankings(self._epoch), self._firms)

    def release_scores(self) -> None:
        """Consents, bank queries with receipts, one portrait, and four requests that are refused; the portrait alone where no bank lends."""
        product = next(iter(self._model.products), None)
        if product is None:
            self._portray(self._firms[self._choose(1)[0]].uscc, enrolled=False)
            return
        chosen = self._choose(self._options.consents + 1)
        stranger, consenting = chosen[-1], chosen[:-1]
        granted: list[Granted] = []
        with self._meter.step("consents", f"授权 consents: {len(consenting)} enterprises enrol their keys and consent to a bank"):
            for place, subject in enumerate(consenting):
                bank, firm = BANKS[place % len(BANKS)], self._firms[subject]
                self._service.enrol(firm.uscc)
                granted.append(Granted(firm.uscc, subject, bank, product, self._service.consent(firm.uscc, bank, product)))
        with self._meter.step("scores", f"查询 scores: {len(granted)} signed requests, tickets, sealed partial openings, receipts"):
            for item in granted:
                self._banks[item.bank].wait_for_consent(item.consent_id, NOTICE_TIMEOUT_S)
                answer = self._banks[item.bank].query(item.subject, product)
                receipt = self._banks[item.bank].receipt(answer["receipt_id"])
                artifacts.write_json(self._out / "receipts" / f"{answer['receipt_id']}.json", receipt)
                self.result.receipts.append({"bank": item.bank, "receipt": answer["receipt_id"], "subject": item.subject, **receipt["result"]})
        if self._options.keep_running:
            exporter = list(self._firms.values())[-1].uscc  # whose customs client the service reads
            self._service.enrol(exporter)
            tell_accounts(self._options.plan, self._out, [exporter, *(item.uscc for item in granted)])
        self._portray(granted[0].uscc)
        with self._meter.step("refusals", "拒绝 refusals: no consent, replayed, unregistered key, revoked"):
            signers = {name: load_signing_key(name, self._out / "members" / name / "sign.pem") for name in BANKS}
            self.result.refusals = refused_requests(self._gateway, self._service, signers, granted[-1], stranger)
            artifacts.write_json(self._out / "refusals.json", self.result.refusals)

    def _portray(self, uscc: str, *, enrolled: bool = True) -> None:
        """One enterprise opens its own points; portrait.json keeps what it saw."""
        with self._meter.step("portrait", "画像 portrait: one enterprise opens its own points"):
            if not enrolled:
                self._service.enrol(uscc)
            self.result.portrait = self._service.portrait(uscc)
            write_private(self._out / "portrait.json", canonical_json(self.result.portrait))

    def policies(self) -> None:
        """A policy and a library, where the run has them: flags opened by number, awards without application as far as the public notice."""
        if not self._options.further:
            return
        town = Town(self._authority, self._service, self._firms, self._period, EPOCH_TIMEOUT_S)
        with self._meter.step("flags", "政策与培育库 flags: criteria met, counted under encryption, opened to the authority"):
            evaluate_flags(town, self._count("columns received"))
        with self._meter.step("policies", "免申即享 policies: text in force, matches asked, one enterprise confirms, public notice"):
            self.result.policies = pay_without_application(town, self._out, self.result.gateway)
        if self._options.keep_running:
            begin_for_visitors(self._out, self.result.gateway, self._epoch)

    def loans(self) -> None:
        """What became of the loans that banks gave, where the run has that: summed over all of their books, opened to the authority."""
        product = next(iter(self._model.products), None)
        if not self._options.summed or product is None:
            return
        institutions = [member.id for member in self._options.plan.with_role("bank")]
        lenders = Lenders(self._authority, self._service, self._banks, institutions, self._firms, product, EPOCH_TIMEOUT_S)
        with self._meter.step("loans", f"贷款回流 loans: the books of {len(institutions)} institutions, summed under encryption"):
            self.result.loans = flow_back(lenders, self._population, self._totals, self._out, self._count("columns received or batches opened"))

    def audit(self) -> None:
        """What the auditor drew by lot; then it mirrors the log and gives a verdict, and three tamperings are tried."""
        with self._meter.step("draw", "抽查 draw: the auditor had columns opened to it and compared them with the records shown"):
            config = str(self._out / "config" / "auditor.toml")
            self.result.draw = artifacts.run_command(
                "draw", "show", self._epoch, "--config", config, "--wait", str(DRAW_TIMEOUT_S), "--json"
            ).document
        with self._meter.step("mirror", "镜像 mirror: the auditor copies the log, statements and ciphertexts"):
            keys = ("--keys", str(self._out / "public"), "--identity", str(self._out / "members" / "auditor"))
            copied = artifacts.run_command("audit", self.result.gateway, *keys, "--mirror", str(self._out), "--tree-only", "--json")
            if copied.exit_code != ExitCode.DONE:
                raise NodeError(f"the log could not be copied: {copied.document}")
            for record in self._authority.records(self._epoch):
                name = f"{record['openings'][0]['name']}-{record['batch']}.json"
                artifacts.write_json(self._out / "epochs" / self._epoch / name, record)
        with self._meter.step("audit", "审计 audit: replayed and recomputed offline, against pinned keys"):
            self.result.audit = artifacts.run_command("audit", str(self._out), "--keys", str(self._out / "public"), "--json").document
        with self._meter.step("tampering", "篡改 tampering: a tile's bit, a ciphertext, an opening; each must be found"):
            self.result.tampering = tamper(self._out)
            artifacts.write_json(self._out / "tampering.json", self.result.tampering)

    def finish(self) -> None:
        """Check that everything still runs, and write report.json."""
        self._processes.check()
        usage = self._processes.usage()
        self.result.report = {
            "zone": self._options.plan.zone,
            "pack": f"{self._model.id}@{self._model.version}",
            "enterprises": self.result.enterprises,
            "indicators": len(self._model.indicators),
            "key_bits": self._options.key_bits,
            "coverage": coverage(self._model, self._totals, self._firms).document() if self._model.products else None,
            "systems": [{"member": item.member, "kind": item.kind, "records": item.records} for item in self._systems],
            "steps": [step.to_json() for step in self._meter.steps],
            "processes": [
                {"name": name, "peak_rss_mb": round(item.peak_rss_mb, 1), "pss_mb": round(item.peak_pss_mb, 1)}
                for name, item in sorted(usage.items())
            ],
        }
        artifacts.write_json(self._out / "report.json", self.result.report)

    def _choose(self, count: int) -> list[str]:
        """Subjects that take part in the second half: drawn by the seed from those that are not gated. Raises NodeError when too few."""
        eligible = sorted((total["subject"] for total in self._totals if not total["gated"]), key=lambda subject: self._firms[subject].uscc)
        if len(eligible) < count:
            raise NodeError(f"{len(eligible)} enterprises are not gated, {count} are needed: lower --consents")
        return random.Random(self._options.seed).sample(eligible, count)

    def _count(self, what: str) -> Callable[[int, int], None]:
        last: list[int] = []

        def tell(done: int, total: int) -> None:
            if total and last[-1:] != [done]:
                last.append(done)
                self._meter.tell(f"    {done} of {total} {what}")

        return tell
