"""Nothing that belongs to one party is in another's state, or on the wire: every byte is searched, and the search itself is tested."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from simulators.population import firm_panel
from simulators.population.tables import Firm
from tests.scenario.conftest import DemoRun
from tests.support.needles import DISTINCTIVE_DIGITS, canonical, found_in, raw_values, unfolded

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(400)]

BLIND = ("coordinator", "log", "gateway", "bank-a", "bank-b")  # processes that may see no record


@pytest.fixture(scope="module")
def firms() -> tuple[Firm, ...]:
    return firm_panel.load(1995, 0).firms


def state_of(out: Path, process: str, apart: str = "register.db") -> bytes:
    """Every byte of a process's directory but its log of this run, which another function reads, and files whose names begin with ``apart``:
    the gateway's register of public facts, which has a test of its own."""
    files = [path for path in sorted((out / "state" / process).rglob("*")) if path.is_file() and path.name != "process.log"]
    files = [path for path in files if not path.name.startswith(apart)]
    return unfolded(b"\x00".join(path.read_bytes() for path in files))


def register_of(out: Path) -> bytes:
    """Every byte of the gateway's register, its write-ahead log included."""
    return unfolded(b"\x00".join(path.read_bytes() for path in sorted((out / "state" / "gateway").glob("register.db*"))))


def payloads_of(run: DemoRun, process: str) -> bytes:
    """Every gRPC message that a process sent or received."""
    return unfolded((run.wire / f"{process}.bin").read_bytes())


def own_lines(out: Path, process: str) -> bytes:
    """The structured log lines of a process."""
    text = (out / "state" / process / "process.log").read_bytes()
    return b"\n".join(line for line in text.split(b"\n") if line.startswith(b"{"))


def consenting(out: Path, bank: str) -> set[bytes]:
    """Codes that a bank may hold: of enterprises that consented to it [P5.0]."""
    subjects = {json.loads(path.read_text(encoding="utf-8"))["subject"] for path in (out / "receipts").glob("*.json")}
    with (out / "totals.csv").open(encoding="utf-8", newline="") as file:
        return {row["uscc"].encode() for row in csv.DictReader(file) if row["subject_id"] in subjects}


@pytest.mark.parametrize("process", BLIND)
def test_no_name_code_or_raw_value_is_in_the_state_of(process: str, demo: DemoRun, firms: tuple[Firm, ...]) -> None:
    state = state_of(demo.out, process)
    assert len(state) > 10_000
    assert not found_in(state, {firm.company.encode() for firm in firms})
    allowed = consenting(demo.out, process) if process.startswith("bank") else set()
    assert not found_in(state, {firm.uscc.encode() for firm in firms}) - allowed
    assert not found_in(state, set(raw_values(firms)))


def test_the_gateways_register_holds_public_facts_and_no_value(demo: DemoRun, firms: tuple[Firm, ...]) -> None:
    """The authority may name whom it evaluates; what it names them by is what market supervision publishes."""
    register = register_of(demo.out)
    names, codes = ({getattr(firm, name).encode() for firm in firms} for name in ("company", "uscc"))
    assert found_in(register, codes) == codes
    assert found_in(register, names) == names
    assert not found_in(register, set(raw_values(firms)))


@pytest.mark.parametrize("process", ["coordinator", "log", "gateway", "bank-a", "tax-hangzhou", "market-zhejiang", "notary-hangzhou", "auditor"])
def test_no_name_code_or_raw_value_crosses_the_wire_of(process: str, demo: DemoRun, firms: tuple[Firm, ...]) -> None:
    payloads = payloads_of(demo, process)
    assert b"payloadType" in payloads, "the trace does not show what is sent"
    assert b'"nonce"' in payloads, "the search does not look into envelopes"
    assert not found_in(payloads, {firm.company.encode() for firm in firms})
    assert not found_in(payloads, {firm.uscc.encode() for firm in firms})
    assert not found_in(payloads, set(raw_values(firms)))


def test_no_process_writes_a_name_code_or_raw_value_into_its_log(demo: DemoRun, firms: tuple[Firm, ...]) -> None:
    needles = {firm.company.encode() for firm in firms} | {firm.uscc.encode() for firm in firms} | set(raw_values(firms))
    for directory in (demo.out / "state").iterdir():
        lines = own_lines(demo.out, directory.name)
        assert b"process.ready" in lines
        assert not found_in(lines, needles), directory.name


def test_each_owner_holds_what_is_its_own_and_nothing_else(demo: DemoRun, firms: tuple[Firm, ...]) -> None:
    """The positive control: the same search finds every value where it belongs."""
    owners = firm_panel.load(1995, 0).owners
    values = {
        member: {canonical(firm.values[field]).encode() for firm in firms for field in fields if firm.values.get(field)}
        for member, fields in owners.items()
    }
    for member, fields in owners.items():
        state = state_of(demo.out, member)
        assert found_in(state, {firm.uscc.encode() for firm in firms}), member
        mine = {value for value in values[member] if len(value) >= DISTINCTIVE_DIGITS}
        assert found_in(state, mine) == mine, member
        together = b"\n".join(values[member])
        foreign = {value for other in owners if other != member for value in values[other] if value not in together}
        distinctive = {value for value in foreign if len(value.replace(b".", b"").strip(b"0")) >= DISTINCTIVE_DIGITS}
        assert not found_in(state, distinctive), member
        assert fields or member == "credit-binjiang"
    registrar = state_of(demo.out, "market-zhejiang")
    names = {firm.company.encode() for firm in firms}
    assert found_in(registrar, names) == names
