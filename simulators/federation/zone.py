"""One of several zones on this machine: made, run and worked in by its own people, with nothing of another zone's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from crypto.encoding import canonical_json
from crypto.subjects import subject_id
from nodes.commands.output import ExitCode
from nodes.errors import NodeError
from nodes.packs import shipped_pack
from nodes.recovery.keys import make_recovery_key
from nodes.runtime.files import PRIVATE_DIR, make_private_directory, read_private, write_private
from nodes.runtime.peers.identity import load_signing_key
from nodes.runtime.settings import read_toml
from simulators.demo.people import Authority, Bank, Desk, EnterpriseService, score_request
from simulators.demo.refused import Granted
from simulators.demo.written import artifacts
from simulators.demo.written.metering import Meter
from simulators.federation.plan import PlannedZone
from simulators.population.records import write_records
from simulators.population.register import publish_register
from simulators.zone.build import build_zone, processes_of
from simulators.zone.configs import read_endpoints, to_toml
from simulators.zone.people import add_people
from simulators.zone.processes import START_S, Usage, ZoneProcesses

EPOCH_TIMEOUT_S, NOTICE_TIMEOUT_S = 600.0, 60.0

Tell = Callable[[str], None]


class FederatedZone:
    """A zone of the federation. A context manager: leaving it stops every process of the zone."""

    def __init__(self, planned: PlannedZone, key_bits: int, tell: Tell) -> None:
        self.planned, self.plan, self.out = planned, planned.plan, planned.directory
        self._key_bits = key_bits
        self._processes: ZoneProcesses | None = None
        self.meter = Meter(self.usage, lambda text: tell(f"{self.id}: {text}"))
        self.audited: dict[str, Any] = {}
        self._epoch = f"e{planned.population.period}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._processes is not None:
            self._processes.close()

    @property
    def id(self) -> str:
        """The zone's name."""
        return self.planned.id

    @property
    def processes(self) -> ZoneProcesses:
        """Its processes, by the configurations that there are when they are first asked for. Requires a zone that was made."""
        if self._processes is None:
            self._processes = processes_of(self.out)
        return self._processes

    @property
    def public(self) -> Path:
        """The zone's public directory, from which its keys are pinned."""
        return self.out / "public"

    @property
    def endpoints(self) -> Mapping[str, Any]:
        """Addresses of its own listeners."""
        return read_endpoints(self.out)

    @property
    def recovery_key(self) -> Path:
        """The private half of the zone's recovery key, on its medium."""
        return self.out / "offline" / "recovery.key"

    def keys_of(self, member: str) -> Path:
        """The directory of a member's keys."""
        return self.out / "members" / member

    def config_of(self, process: str) -> Path:
        """The configuration of a process."""
        return self.out / "config" / f"{process}.toml"

    # --- life ---

    def make(self) -> None:
        """Members and their keys, public directory, key ceremony, configurations; the departments' records lie where their nodes read."""
        with self.meter.step(
            "ceremony", f"密钥仪式 key ceremony: {self.plan.threshold} of {len(self.plan.with_role('custodian'))}, {self._key_bits} bits"
        ):
            self.out.mkdir(parents=True, exist_ok=True)
            self.out.chmod(PRIVATE_DIR)
            write_records(self.planned.population, self.out)
            publish_register(self.planned.population, self.plan, self.out)
            packs = [shipped_pack(self.planned.pack)]
            configs = build_zone(self.plan, self.out, packs, key_bits=self._key_bits, base_port=self.planned.first_port, progress=lambda _text: None)
            self._seal_for_peers()
            accounts = add_people(self.plan, configs)
            write_private(self.out / "accounts.json", canonical_json([account.to_json() for account in accounts]))

    def _seal_for_peers(self) -> None:
        """A recovery key, whose private half no process has; the coordinator seals to the public half."""
        make_private_directory(self.recovery_key.parent)
        public = self.public / "recovery.pub"
        make_recovery_key(self.id, self.recovery_key, public)
        path = self.config_of("coordinator")
        document = read_toml(path)
        document["coordinator"]["recovery_key"] = f"../public/{public.name}"
        write_private(path, to_toml(document).encode())

    def start(self) -> None:
        """Start every process. Raises PeerUnavailableError when one is not ready in time. Its people cannot work yet: a zone's releases need
        checkpoints that other zones' witnesses have signed, which may not run."""
        with self.meter.step("start", f"启动 start: {len(self.processes.names())} processes"):
            self.start_processes()

    def start_processes(self, names: Sequence[str] | None = None) -> None:
        """As ``start``, unmeasured; of ``names`` alone where it is given."""
        self.processes.start(names)
        self.processes.wait_ready(START_S, names)

    def open_desks(self) -> None:
        """The zone's people sit down at their interfaces. Returns when the key is usable; raises NotReadyError when it takes too long."""
        endpoints, ca, state = self.endpoints, self.public / "ca.pem", self.out / "state"
        service, bank = self.plan.with_role("enterprise-service")[0].id, self.bank_name
        self.authority = Authority(endpoints["gateway"], ca, state / "gateway" / "admin.token")
        self.service = EnterpriseService(endpoints["enterprise"], ca, state / service / "api.token")
        self.bank = Bank(endpoints["bank"][bank], ca, state / bank / "api.token")
        self.authority.wait_usable(START_S)

    def kill(self) -> list[str]:
        """End every process at once, as a power cut would; their names."""
        names = [name for name in self.processes.names() if self.processes.alive(name)]
        for name in names:
            self.processes.kill(name)
        return names

    def usage(self) -> dict[str, Usage]:
        """What its processes have used, by ``<zone>/<process>``."""
        return {} if self._processes is None else {f"{self.id}/{name}": used for name, used in self._processes.usage().items()}

    # --- work ---

    @property
    def bank_name(self) -> str:
        """Its bank."""
        return self.plan.with_role("bank")[0].id

    @property
    def product(self) -> str:
        """What its bank is asked for: the first that its model states."""
        return next(iter(self.planned.model.products))

    def subject(self, uscc: str) -> str:
        """The subject id of an enterprise in this zone: another one in each, since each has a roster key of its own."""
        return subject_id(bytes.fromhex(read_private(self.keys_of("authority") / "roster.key").decode().strip()), uscc)

    def evaluate(self) -> None:
        """One epoch of its own model; totals.csv is the authority's result."""
        with self.meter.step("totals", f"评价 epoch {self._epoch} of {self.planned.model.id}@{self.planned.model.version}"):
            self.authority.open_epoch(self._epoch, self.planned.population.period, self.planned.model.id)
            self.authority.wait_for_columns(self._epoch, EPOCH_TIMEOUT_S, _quietly)
            self.authority.release(self._epoch, EPOCH_TIMEOUT_S, _quietly)
            totals = self.authority.totals(self._epoch)
        artifacts.write_totals(self.out / "totals.csv", totals, {self.subject(firm.uscc): firm for firm in self.planned.population.firms})
        self.meter.tell(f"    {len(totals)} enterprises have a total")

    def granted(self, uscc: str) -> Granted:
        """An enterprise enrols its keys and consents to the zone's bank, which knows of it when this returns."""
        self.service.enrol(uscc)
        consent = self.service.consent(uscc, self.bank_name, self.product)
        self.bank.wait_for_consent(consent, NOTICE_TIMEOUT_S)
        return Granted(uscc, self.subject(uscc), self.bank_name, self.product, consent)

    def score(self, uscc: str) -> Path:
        """An enterprise consents to the zone's bank and is scored; its receipt, in receipts/."""
        with self.meter.step("score", f"授信 {self.bank_name} asks about an enterprise that consented"):
            granted = self.granted(uscc)
            answer = self.bank.query(granted.subject, granted.product)
            path = self.out / "receipts" / f"{answer['receipt_id']}.json"
            artifacts.write_json(path, self.bank.receipt(answer["receipt_id"]))
        return path

    def ask(self, granted: Granted) -> str:
        """The gateway's word on a fresh signed request of the bank: the reason of a refusal, nothing when it is answered."""
        signer = load_signing_key(granted.bank, self.keys_of(granted.bank) / "sign.pem")
        gateway = Desk(self.endpoints["gateway"], self.public / "ca.pem")
        response = gateway.send(score_request(signer, gateway.base, granted.subject, granted.product, granted.consent_id))
        gateway.close()
        return "" if response.is_success else str(response.json()["reason"])

    def audit(self) -> None:
        """Its auditor copies the log with everything behind it and gives a verdict from pinned keys. Raises NodeError when it cannot be copied."""
        with self.meter.step("audit", "审计 audit: mirrored, replayed and recomputed"):
            keys = ("--keys", str(self.public))
            access = ("--identity", str(self.keys_of("auditor")))
            copied = artifacts.run_command("audit", self.endpoints["gateway"], *keys, *access, "--mirror", str(self.out), "--tree-only", "--json")
            if copied.exit_code != ExitCode.DONE:
                raise NodeError(f"the log of {self.id} could not be copied: {copied.document}")
            self.audited = artifacts.run_command("audit", str(self.out), *keys, "--json").document

    def report(self) -> dict[str, Any]:
        """What report.json says of it; written to the zone's own directory too."""
        document = {
            "zone": self.id,
            "pack": f"{self.planned.model.id}@{self.planned.model.version}",
            "enterprises": len(self.planned.population.firms),
            "indicators": len(self.planned.model.indicators),
            "key_bits": self._key_bits,
            "gateway": self.endpoints["gateway"],
            "audit": {name: self.audited.get(name) for name in ("verdict", "tree_size")},
            "steps": [step.to_json() for step in self.meter.steps],
            "processes": [
                {"name": name.partition("/")[2], "peak_rss_mb": round(used.peak_rss_mb, 1), "pss_mb": round(used.peak_pss_mb, 1)}
                for name, used in sorted(self.usage().items())
            ],
        }
        artifacts.write_json(self.out / "report.json", document)
        return document


def _quietly(_done: int, _total: int) -> None:
    """Nobody watches each column: several zones work, one after the other."""
