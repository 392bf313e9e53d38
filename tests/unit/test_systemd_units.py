"""The units of systemd: well-formed, hardened, and saying what the program does."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenario.log_zone import ZONE, make_zone
from tests.unit.test_operator_guide import EXAMPLES

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "xinqiao@.service"
DROP_IN, PEER = UNIT.with_name("custodian.conf"), UNIT.with_name("peer.conf")
EXPOSURE = 25  # tenths of systemd's measure from 0 (closed) to 10 (open)
ANALYSE = shutil.which("systemd-analyze")
with_systemd = pytest.mark.skipif(ANALYSE is None, reason="systemd is not on this machine")


def settings(path: Path, section: str) -> dict[str, list[str]]:
    """Keys of a section with all their values."""
    text = path.read_text(encoding="utf-8").split(f"[{section}]", 1)[1].split("\n[", 1)[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, separator, value = line.partition("=")
            assert separator, line
            found.setdefault(key, []).append(value)
    return found


def installed(tmp_path: Path) -> Path:
    """The unit as it would be installed for the log, its program being the one that runs these tests."""
    program = Path(sys.executable).with_name("xinqiao")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/xinqiao/bin/xinqiao", str(program if program.exists() else "/bin/true"))
    place = tmp_path / "xinqiao@.service"
    place.write_text(text.replace("xq-%i", "root"), encoding="utf-8")  # the user is made when it is set up
    return place


def test_the_unit_confines_the_process() -> None:
    service = settings(UNIT, "Service")
    wanted = {"ProtectSystem": "strict", "StateDirectory": "xinqiao/%i xinqiao-pins/%i", "StateDirectoryMode": "0700", "CapabilityBoundingSet": ""}
    wanted |= dict.fromkeys(("NoNewPrivileges", "PrivateTmp", "ProtectHome", "PrivateDevices", "RestrictNamespaces", "LockPersonality"), "yes")
    assert {key: service[key] for key in wanted} == {key: [value] for key, value in wanted.items()}
    assert service["User"] == ["xq-%i"], "each process has a user of its own"
    assert service["ReadWritePaths"] == ["-/srv/xinqiao/%i"], "what its own department's or bank's systems leave it, where there is such a folder"
    assert settings(PEER, "Service") == {"CacheDirectory": ["xinqiao/%i"], "CacheDirectoryMode": ["0755"]}


def test_the_unit_says_what_the_program_does() -> None:
    service = settings(UNIT, "Service")
    assert (service["Type"], service["Restart"]) == (["notify"], ["always"])
    assert service["RestartPreventExitStatus"] == ["2"], "the exit code of a configuration that does not fit"
    assert re.fullmatch(r"/opt/xinqiao/bin/xinqiao node run /etc/xinqiao/%i\.toml", service["ExecStart"][0])
    assert settings(DROP_IN, "Service") == {"LoadCredentialEncrypted": ["passphrase:/etc/credstore.encrypted/xinqiao-%i.passphrase"]}


@with_systemd
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    place = installed(tmp_path)
    drop_ins = place.with_name("xinqiao@notary.service.d")
    drop_ins.mkdir()
    shutil.copy(DROP_IN, drop_ins)
    shutil.copy(PEER, drop_ins)
    for instance in ("log", "notary"):
        shutil.copy(place, place.with_name(f"xinqiao@{instance}.service"))
        ended = _analyse("verify", "--man=no", f"{tmp_path}/xinqiao@{instance}.service")
        ours = [line for line in ended.stderr.splitlines() if "xinqiao" in line]
        assert (ended.returncode, ours) == (0, []), ended.stderr


@with_systemd
def test_systemd_measures_little_exposure(tmp_path: Path) -> None:
    place = installed(tmp_path)
    place.write_text(place.read_text(encoding="utf-8").replace("User=root", "User=nobody"), encoding="utf-8")
    named = place.rename(place.with_name("xinqiao-log.service"))
    ended = _analyse("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(named))
    assert ended.returncode == 0, ended.stdout[-400:]


@pytest.mark.slow
def test_the_unit_s_line_runs_the_log_of_the_guide_and_tells_systemd(tmp_path: Path) -> None:
    """ExecStart and the configuration as they are printed, under a root of the test's own, with the socket that ``Type=notify`` gives."""
    zone = make_zone(tmp_path / "zone")
    example = next(text for text in EXAMPLES if "[log]" in text)
    config = tmp_path / "etc" / "xinqiao" / "log.toml"
    config.parent.mkdir(parents=True)
    shutil.copytree(zone.root / "public", config.with_name("public"))
    shutil.copytree(zone.root / "members" / "log", config.with_name("log"))
    for path in ("var/lib/xinqiao-pins/log", "var/lib/xinqiao/log"):  # by StateDirectory=
        (tmp_path / path).mkdir(parents=True, mode=0o700)
    moved = {name: f"{tmp_path}{name}" for name in ("/var/lib", "/etc")}
    for said, here in {**moved, "0.0.0.0:8445": "127.0.0.1:0", "hangzhou-binjiang": ZONE}.items():
        example = example.replace(said, here)
    config.write_text(example, encoding="utf-8")
    line = settings(UNIT, "Service")["ExecStart"][0].replace("%i", "log").replace("/etc", moved["/etc"]).split()
    assert line.pop(0) == "/opt/xinqiao/bin/xinqiao"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(60)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with subprocess.Popen([sys.executable, "-m", "xinqiao", *line], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
            try:
                assert b"READY=1" in told.recv(4096)
                assert (tmp_path / "var" / "lib" / "xinqiao-pins" / "log" / "head.pin").exists()
            finally:
                process.terminate()
            assert process.wait(30) == 0
        assert b"STOPPING=1" in told.recv(4096)


def _analyse(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYSE is not None
    return subprocess.run([ANALYSE, *arguments], check=False, capture_output=True, text=True)
