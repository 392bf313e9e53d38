"""A whole zone of real processes for tests: 2048-bit key, forty real firms, with the desks of its people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.subjects import subject_id
from nodes.packs import shipped_pack
from nodes.runtime.files import make_private_directory, read_private
from nodes.runtime.peers.identity import SigningKeyPair, load_signing_key
from simulators.demo.people import Authority, Bank, Desk, EnterpriseService, score_request
from simulators.population import firm_panel
from simulators.population.records import write_records
from simulators.population.register import publish_register
from simulators.population.tables import Population
from simulators.zone.build import build_zone, processes_of
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import ZonePlan, demo_plan
from simulators.zone.processes import ZoneProcesses
from tests.support.otlp import Receiver

EPOCH, PACK, PRODUCT_TIMEOUT_S = "e1995", "firm-panel", 60.0
OPENING_TIMEOUT_S = 6.0  # a zone this small opens in well under a second: tests of absent custodians need not wait as long as people would
STANDALONE_CUSTODIANS = ("notary-hangzhou", "archive-zhejiang", "university-hangzhou")
FIRMS = 40


@dataclass
class LiveZone:
    """A running zone. ``subjects``: subject id -> USCC, which only this test harness knows. ``traces``: what its processes' spans come to,
    if to anything."""

    out: Path
    processes: ZoneProcesses
    population: Population
    subjects: dict[str, str]
    authority: Authority
    gateway: Desk
    service: EnterpriseService
    banks: dict[str, Bank]
    traces: Receiver | None = None

    def evaluate(self) -> None:
        """Open, contribute, close, release one epoch."""
        self.authority.open_epoch(EPOCH, self.population.period, PACK)
        self.authority.wait_for_columns(EPOCH, 120, _ignore)
        self.authority.release(EPOCH, 120, _ignore)

    def evaluated(self) -> None:
        """Evaluate, unless it was done before."""
        if not any(epoch["epoch"] == EPOCH and epoch["state"] == "RELEASED" for epoch in self.authority.call("GET", "/v1/epochs")["epochs"]):
            self.evaluate()

    def grant(self, subject: str, bank: str, product: str) -> str:
        """Enrol an enterprise and have it consent to a bank; the consent's id, once the bank has it."""
        self.service.enrol(self.subjects[subject])
        consent_id = self.service.consent(self.subjects[subject], bank, product)
        self.banks[bank].wait_for_consent(consent_id, PRODUCT_TIMEOUT_S)
        return consent_id

    def signer(self, member: str) -> SigningKeyPair:
        """A member's signing key: the harness stands in for the member's own program."""
        return load_signing_key(member, self.out / "members" / member / "sign.pem")

    def ask(self, bank: str, subject: str, product: str, consent_id: str) -> Any:
        """The gateway's raw answer to a fresh signed request."""
        return self.gateway.send(score_request(self.signer(bank), self.gateway.base, subject, product, consent_id))


@contextmanager
def live_zone(
    out: Path,
    without: Iterable[str] = (),
    plan: ZonePlan | None = None,
    tune: Callable[[Path], None] = lambda _out: None,
    packs: Sequence[str] = (PACK,),
) -> Iterator[LiveZone]:
    """A zone in ``out`` with all of its processes but ``without``, its key usable; everything is stopped at the end. ``tune`` may change
    the configurations before anything starts."""
    population = firm_panel.load(1995, 0).first(FIRMS)
    make_private_directory(out)
    write_records(population, out)
    publish_register(population, plan or demo_plan(), out)
    build_zone(plan or demo_plan(), out, [shipped_pack(name) for name in packs], key_bits=2048, progress=lambda _text: None)
    settings = out / "config" / "coordinator.toml"
    settings.write_text(settings.read_text().replace("[coordinator]\n", f"[coordinator]\nopening_timeout_s = {OPENING_TIMEOUT_S}\n"))
    tune(out)
    roster_key = bytes.fromhex(read_private(out / "members" / "authority" / "roster.key").decode().strip())
    with processes_of(out) as processes:
        names = [name for name in processes.names() if name not in set(without)]
        processes.start(names)
        processes.wait_ready(120, names)
        yield connect(out, processes, population, {subject_id(roster_key, firm.uscc): firm.uscc for firm in population.firms})


def connect(out: Path, processes: ZoneProcesses, population: Population, subjects: dict[str, str]) -> LiveZone:
    """Desks at the running processes; waits until the key is usable."""
    endpoints, ca, state = read_endpoints(out), out / "public" / "ca.pem", out / "state"
    authority = Authority(endpoints["gateway"], ca, state / "gateway" / "admin.token")
    authority.wait_usable(60)
    service = EnterpriseService(endpoints["enterprise"], ca, state / "enterprise-binjiang" / "api.token")
    banks = {name: Bank(url, ca, state / name / "api.token") for name, url in endpoints["bank"].items()}
    return LiveZone(out, processes, population, subjects, authority, Desk(endpoints["gateway"], ca), service, banks)


def _ignore(_done: int, _total: int) -> None:
    """Progress is for people."""
