"""Every command line in a block of README.md and of the operator guide is run as it stands, or listed here with the reason why not.

Names that stand for something (DIR, KEYS, MEMBER, addresses) are filled in, and keys made shorter; nothing else is changed. The README's
checks of a demonstration's run are in ``test_readme``.
"""

from __future__ import annotations

import csv
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from nodes.ceremony.countersigning import read_members
from nodes.packs import shipped_pack
from nodes.runtime.clock import Timer
from nodes.runtime.peers.identity import key_id
from scoring.statements import SigningKey
from simulators.population import firm_panel
from simulators.population.records import write_records
from simulators.zone.authority import make_zone
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import demo_plan
from tests.support.commands import begun
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("guide"), pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/operator-guide.md")
FIRMS, TIMEOUT_S = 40, 600.0

RESHARING = (
    "abandon --config DIR/config/gateway.toml",
    "reshare --config DIR/config/gateway.toml --threshold 3 --custodian tax-hangzhou --custodian credit-binjiang --custodian notary-hangzhou"
    " --custodian archive-zhejiang --custodian university-hangzhou --wait 3600",
    "approve ROUND --config DIR/config/notary-hangzhou.toml",
)
INTAKE = (
    "connector run /etc/xinqiao/tax-hangzhou.toml --once",
    "connector quarantine list /etc/xinqiao/tax-hangzhou.toml",
    "connector declarations /etc/xinqiao/customs-hangzhou.toml --exceptions",
    "connector quarantine export /etc/xinqiao/tax-hangzhou.toml -o waiting.csv",
    "connector quarantine retry /etc/xinqiao/tax-hangzhou.toml waiting.csv",
    "connector quarantine dismiss /etc/xinqiao/tax-hangzhou.toml 17 18",
    "department person add li-wei --title 李伟 --config /etc/xinqiao/ip-zhejiang.toml",
    "department person remove li-wei --config /etc/xinqiao/ip-zhejiang.toml",
    "department outgoing --config /etc/xinqiao/ip-zhejiang.toml --person li-wei",
    "department approve 6071199f --config /etc/xinqiao/ip-zhejiang.toml --person li-wei",
    "department approve 6071199f --config /etc/xinqiao/ip-zhejiang.toml --person wang-fang",
    'department reject 6071199f --config /etc/xinqiao/ip-zhejiang.toml --person wang-fang --reason "half of last year\'s"',
)
POLICIES = (
    "evaluate policy-high-growth --config DIR/config/gateway.toml --period 1995 --wait 600",
    "add high-growth --config DIR/config/gateway.toml",
    "list --config DIR/config/gateway.toml",
    "bank-file FILE --config DIR/config/gateway.toml -o orders.csv",
    "answer FILE answer.csv --config DIR/config/gateway.toml",
)
REGISTRY = (
    "zone expiry --config DIR/config/gateway.toml",
    "zone renew --days 400 --public /etc/xinqiao/public -o renewal.json",
    "member approve renewal.json --key /etc/xinqiao/tax-hangzhou/sign.pem --member tax-hangzhou --public /etc/xinqiao/public -o first.json",
    "zone renew renewal.json --config DIR/config/gateway.toml --approval first.json --approval second.json --approval third.json",
    "zone extend --days 30 --number 1 --public /etc/xinqiao/public -o extension.json",
    "member approve extension.json --key /etc/xinqiao/notary-hangzhou/sign.pem --member notary-hangzhou --public /etc/xinqiao/public -o first.json",
    "zone extend extension.json --config DIR/config/notary-hangzhou.toml --approval first.json --approval second.json --approval third.json",
    "key plan --config DIR/config/gateway.toml --away notary-hangzhou,archive-zhejiang --from 2027-02-14 --to 2027-02-22"
    " --together tax-hangzhou,credit-binjiang",
)
DATABASES = (
    "current --config /etc/xinqiao/log.toml",
    "check --config /etc/xinqiao/log.toml",
    "upgrade --config /etc/xinqiao/log.toml",
    "downgrade --config /etc/xinqiao/log.toml --database log.db --to log_0001",
)
BACKUPS = (
    "xinqiao backup create --config /etc/xinqiao/bank-a.toml --to /mnt/backup/bank-a-2026-11-25",
    "xinqiao backup check /mnt/backup/bank-a-2026-11-25",
    "xinqiao backup restore /mnt/backup/bank-a-2026-11-25 --config /etc/xinqiao/bank-a.toml",
    "curl -so newest https://gateway.example:8443/log/checkpoint",
    "xinqiao backup restore /mnt/backup/log-2026-11-25 --config /etc/xinqiao/log.toml --checkpoint newest",
    "xinqiao backup open CHUNKS --keys PUBLIC --recovery-key /media/recovery.key --checkpoint CHECKPOINT -o ARCHIVE",
    "xinqiao audit ARCHIVE --keys PUBLIC",
    "xinqiao backup seal-receipts /etc/xinqiao/bank-a.toml --recovery-key /etc/xinqiao/bank-a/recovery.pub --to /mnt/backup/receipts",
    "xinqiao backup open-receipts /mnt/backup/receipts --keys PUBLIC --recovery-key /media/recovery.key -o receipts"
    " --config /etc/xinqiao/bank-a.toml",
    "xinqiao backup recover ARCHIVE --log log.toml --coordinator coordinator.toml --chunks CHUNKS",
)
SERVICES = (
    "useradd --system --shell /usr/sbin/nologin xq-log",
    "install -d -m 0700 -o xq-log -g xq-log /etc/xinqiao/log/keys",
    "install -m 0640 -g xq-log log.toml /etc/xinqiao/log.toml",
    "install -m 0644 deploy/systemd/xinqiao@.service /etc/systemd/system/",
    "systemctl daemon-reload && systemctl enable --now xinqiao@log",
)
KEYS_BY_HAND = (
    "openssl genpkey -algorithm ED25519 -out sign.pem",
    "openssl genpkey -algorithm X25519 -out hpke.pem",
    "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out tls-key.pem",
    'openssl req -new -key tls-key.pem -subj "/CN=xinqiao member" -out request.pem',
    "chmod 600 *.pem",
    'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=zhengzhou CA" -keyout ca-key.pem -out ca.pem',
    'echo "subjectAltName=URI:xinqiao://zhengzhou/bank-a" > names',
    "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -days 90 -extfile names -out cert.pem",
)
NOT_RUN = {
    "make demo": "CI's last step; test_demo runs the command behind it",
    "make test": "runs the quick suite, which CI runs with the slow tests",
    '.venv/bin/xinqiao verify "$(ls run/receipts/*.json | head -n 1)" --keys run/public': "test_readme runs it on a demonstration's run",
    ".venv/bin/xinqiao audit run --keys run/public": "test_readme runs it on a demonstration's run",
    'python3 docs/verifier/verify.py "$(ls run/receipts/*.json | head -n 1)" run/public': "test_readme runs it on a demonstration's run",
    "python3 docs/verifier/verify.py run run/public": "test_readme runs it on a demonstration's run",
    "python3.11 -m venv /opt/xinqiao": "writes to /opt; make does the same in .venv",
    "/opt/xinqiao/bin/pip install -c constraints.txt .": "installs from the network; test_packaging looks at what would be installed",
    "/opt/xinqiao/bin/pip install -c constraints.txt '.[postgresql]'": "installs from the network; make does the same in .venv",
    "xinqiao connector check /etc/xinqiao/tax/returns.yaml --limit 1000 --public /var/lib/xinqiao/public": (
        "needs a department's source; test_connector_command runs it on one"
    ),
    **dict.fromkeys(
        (f"xinqiao {line}" for line in INTAKE),
        "needs what a department's node has taken; the tests of these commands run it on one",
    ),
    **dict.fromkeys(
        (f"xinqiao policy {line}" for line in POLICIES),
        "needs flag models, officials' decisions and days of notice: test_policies_live and test_policy_commands run them",
    ),
    **dict.fromkeys((f"xinqiao {line}" for line in REGISTRY), "needs days to pass; test_front_commands and test_rotation_live run them"),
    **dict.fromkeys((f"xinqiao database {line}" for line in DATABASES), "test_database_commands runs them on both engines"),
    **dict.fromkeys(BACKUPS, "needs a second place and what was lost; test_backups, test_recovery and test_zone_databases run them"),
    **dict.fromkeys(KEYS_BY_HAND, "test_operator_guide runs them as printed and has a node take what they made"),
    **dict.fromkeys(SERVICES, "changes the machine; test_systemd_units has the unit verified"),
    "xinqiao member update https://gateway.example:8443 --public /etc/xinqiao/public": "is of use after a re-sharing; test_front_commands runs it",
    "xinqiao doctor --config /etc/xinqiao/bank-a.toml": "scenario/doctor runs it on a log, sound and unsound",
    "xinqiao audit https://gateway.suzhou.example:8443/peers/hangzhou-binjiang --keys public/peers/hangzhou-binjiang/public --ca public/ca.pem": (
        "needs a second zone; test_peer_mirror and test_federation audit a mirror"
    ),
    "xinqiao simulate departments /tmp/standins --pack suzhou-snd --enterprises 2000 --malformed 30": "goes on until it is ended; test_stand_ins",
    **dict.fromkeys(
        (f"xinqiao key {line}" for line in RESHARING), "needs a custodian that stays away or has lost its share; test_keys_over_time runs it on one"
    ),
}


def command_lines(document: str) -> list[str]:
    """Lines of the blocks without a language, without their comments."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```([a-z]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"\s+# .*$", "", line) for language, block in blocks if language in {"", "sh", "console"} for line in block.splitlines()]


LINES = [line for document in DOCUMENTS for line in command_lines(document)]


@dataclass
class Shop:
    """A scratch directory in which documented lines are run. ``ran``: those that were."""

    root: Path
    ran: list[str] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.root / "zone"

    def line(self, begins: str, *more: str) -> str:
        """The documented line that is ``begins``, or the only one that begins so, filled in, with ``more`` arguments."""
        (found,) = [line for line in LINES if line == begins] or [line for line in LINES if line.startswith(begins)]
        self.ran.append(found)
        members = self.directory / "members"
        filled = found
        for name, value in {
            "MEMBER=KEYS": f"auditor={self.root / 'other' / 'members' / 'auditor'}",
            "DIR/public --dealer-keys KEYS": f"{self.root / 'other' / 'public'} --dealer-keys {self.root / 'other' / 'members' / 'authority'}",
            "DIR": str(self.directory),
            "/etc/xinqiao/log.toml": str(self.directory / "config" / "log.toml"),
            "/etc/xinqiao/public": str(self.directory / "public"),
            "/etc/xinqiao/": f"{members}/",
            "--keys public": f"--keys {self.directory / 'public'}",
            "--identity auditor.toml": f"--identity {self.directory / 'config' / 'auditor.toml'}",
            "https://gateway.example:8443": str(read_endpoints(self.directory)["gateway"]) if members.exists() else "",
        }.items():
            filled = filled.replace(name, value)
        assert filled.startswith("xinqiao ")
        return " ".join([shlex.quote(sys.executable), "-m", filled, *more])

    def start(self, begins: str, *more: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """The line, started in a shell; nothing of it is left when the block is left."""
        return begun("/bin/sh", "-c", f"exec {self.line(begins, *more)}", cwd=self.root)

    def run(self, begins: str, *more: str) -> int:
        """Run the line to its end; its exit code. No traceback."""
        with self.start(begins, *more) as process:
            out, errors = process.communicate(timeout=TIMEOUT_S)
        assert "Traceback" not in out + errors
        return process.returncode

    def stop(self, process: subprocess.Popen[str]) -> int:
        """Ask it to end as an operator does; its exit code."""
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert "Traceback" not in errors
        return process.returncode

    def until_done(self, begins: str, *more: str) -> int:
        """Run the line again while what it asks for is not there yet (exit codes 1 and 4)."""
        timer = Timer(TIMEOUT_S)
        while (code := self.run(begins, *more)) in {1, 4} and timer.left_s() > 0:
            pass
        return code


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.directory.mkdir(mode=0o700)
    write_records(firm_panel.load(1995, 0).first(FIRMS), shop.directory)
    return shop


@pytest.fixture(scope="module")
def running(shop: Shop) -> Iterator[subprocess.Popen[str]]:
    """The guide's zone, made and up."""
    assert shop.run("xinqiao zone init", "--key-bits 2048") == 0
    with shop.start("xinqiao zone up") as process:
        yield process


def test_a_zone_is_made_and_runs(shop: Shop, running: subprocess.Popen[str]) -> None:
    assert shop.until_done("xinqiao zone status") == 0
    assert running.poll() is None


def test_an_epoch_is_opened_watched_and_closed(shop: Shop, running: subprocess.Popen[str]) -> None:
    assert shop.until_done("xinqiao epoch open") == 0  # the custodians accept their shares first
    assert shop.run("xinqiao epoch status") == 0
    assert shop.until_done("xinqiao epoch close") == 0  # the departments send their columns first
    assert shop.run("xinqiao draw show") == 0  # the auditor drew by itself
    assert running.poll() is None


def test_the_shares_are_refreshed(shop: Shop, running: subprocess.Popen[str]) -> None:
    assert shop.run("xinqiao key refresh") == 0
    assert shop.run("xinqiao key status") == 0
    assert running.poll() is None


def test_the_log_is_audited_by_anyone_and_by_the_auditor(shop: Shop, running: subprocess.Popen[str]) -> None:
    public, own = (line for line in LINES if line.startswith("xinqiao audit https://gateway.example"))
    assert shop.run(public) == 0
    assert shop.run(own) == 0
    assert (shop.root / "report" / "audit.html").exists()
    assert (shop.root / "copy").is_dir()
    assert running.poll() is None


def test_a_process_runs_alone_until_it_is_told_to_stop(shop: Shop, running: subprocess.Popen[str]) -> None:
    assert shop.stop(running) == 0
    ready = shop.directory / "state" / "log" / "ready"
    with shop.start("xinqiao node run") as process:
        until(lambda: ready.exists() or process.poll() is not None, "the log runs", TIMEOUT_S)
        assert shop.stop(process) == 0


def test_a_model_is_admitted_and_a_member_changes_its_keys(shop: Shop) -> None:
    """Who signs what, in the guide's order; the bank's new key is made here, as the bank would."""
    public, lines = (
        shop.directory / "public",
        [line for line in LINES if re.match(r"xinqiao (model (sign|admit)|member .*\bchange\.json) ", f"{line} ")],
    )
    bank = read_members(public).member("bank-a")
    new = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    key = SigningKey(key_id=key_id("bank-a", new), algorithm="ed25519", public=new.hex())
    (shop.root / "bank-a.json").write_text(bank.model_copy(update={"keys": (key,)}).model_dump_json())
    assert len(lines) == 9
    for line in lines:
        assert shop.run(line) == 0, line
    assert (public / "packs" / "sme-tech@1.dsse.json").exists()
    assert read_members(public).member("bank-a").keys == (key,)


def test_a_ceremony_is_held(shop: Shop) -> None:
    make_zone(demo_plan(), shop.root / "other", [])
    assert shop.run("xinqiao key ceremony", "--key-bits 2048") == 0
    assert (shop.root / "other" / "public" / "key.json").exists()


def test_models_are_linted_before_they_are_signed(shop: Shop) -> None:
    pack = shipped_pack("firm-panel").decode()
    (shop.root / "new.yaml").write_text(pack.replace('version: "1"', 'version: "2"', 1), encoding="utf-8")
    population = firm_panel.load(1995, 0)
    fields = sorted({name for names in firm_panel.OWNERS.values() for name in names})
    with (shop.root / "panel.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["subject", "year", *fields])
        table.writerows([firm.uscc, population.period, *(firm.values.get(name, "") for name in fields)] for firm in population.firms)
    lines = [line for line in LINES if line.startswith("xinqiao model lint ")]
    assert [shop.run(line) for line in lines] == [0, 0, 0, 0, 1]  # the science office would read its own records beside the totals


def test_every_line_was_run_or_has_its_reason(shop: Shop) -> None:
    """The last of this module: it looks at what the others ran."""
    assert set(LINES) - set(shop.ran) == set(NOT_RUN)
