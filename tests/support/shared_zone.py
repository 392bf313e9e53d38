"""One running zone for several modules of tests: what each of them needs is configured from the beginning or for as long as it runs.

Three witnesses, checkpoints that grow old quickly, epochs of one period one after the other, two models. The enterprise service reads a
customs client's folders, one department a folder that its register exports to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scoring.statements import DisclosurePolicy
from simulators.zone.layout import demo_plan
from tests.support.customs import USCC, Client
from tests.support.live_zone import PACK, LiveZone, live_zone
from tests.support.otlp import receiver

GROUP = "zone"
"""Of tests that run in one worker, so that they find the same zone."""

ORDER = (
    "test_commands_live",
    "test_draws_live",
    "test_live_zone",
    "test_npm_client",
    "test_observed_zone",
    "test_keys_over_time",
    "test_witnesses_and_splits",
)
"""Modules that share the zone: the first finds no epoch, the last but one leaves a custodian's lie in the log, the last makes the log fork."""

CUSTODIANS = ("tax-hangzhou", "credit-binjiang", "notary-hangzhou", "archive-zhejiang", "university-hangzhou")
OFFICE = "ip-zhejiang"
TRACED = ("gateway", "coordinator", "log")
MAX_AGE_S = 10
LOANS = "loan-performance"
_REGISTER = """\
format: xinqiao/connector/v1
id: patents
title: {zh: 专利登记, en: patents}
source: {kind: csv, folder: register, pattern: "*.csv", encoding: gb18030, quiet_s: 0}
keys: {uscc: 统一社会信用代码, period: {column: 年度, as: year}}
fields: {patents: {column: 专利数, type: integer}}
"""


@contextmanager
def shared_zone(out: Path) -> Iterator[LiveZone]:
    """The zone in ``out``, all of its processes running, its key usable, no epoch opened."""
    plan = replace(demo_plan(witnesses=3), checkpoint_max_age_s=MAX_AGE_S, disclosure=DisclosurePolicy(epoch_interval_s=0))
    with receiver() as traces:

        def tune(out: Path) -> None:
            _configure(out)
            _observe(out, traces.url)

        with live_zone(out, plan=plan, tune=tune, packs=(PACK, LOANS)) as running:
            running.traces = traces
            yield running


@contextmanager
def configured(zone: LiveZone, changes: Mapping[str, Callable[[str], str]]) -> Iterator[None]:
    """For the block, the processes that ``changes`` names run with a changed configuration: it gives the new text for the old one."""
    paths = {name: zone.out / "config" / f"{name}.toml" for name in changes}
    before = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    _restart(zone, {name: changes[name](text) for name, text in before.items()})
    try:
        yield
    finally:
        _restart(zone, before)


def _restart(zone: LiveZone, texts: Mapping[str, str]) -> None:
    zone.processes.stop(texts)
    for name, text in texts.items():
        (zone.out / "config" / f"{name}.toml").write_text(text, encoding="utf-8")
    zone.processes.start(texts)
    zone.processes.wait_ready(120, texts)


def _configure(out: Path) -> None:
    config, client = out / "config", Client(out.parent / "ImpPath")
    for name in (*CUSTODIANS, "auditor"):  # notices twice a second: tests need not wait for a turn
        path = config / f"{name}.toml"
        path.write_text(path.read_text(encoding="utf-8").rstrip() + "\nnotices_s = 0.5\n", encoding="utf-8")
    (out.parent / "register").mkdir()
    (out.parent / "register.yaml").write_text(_REGISTER, encoding="utf-8")
    _extend(config / f"{OFFICE}.toml", "[department]\n", f'scan_s = 0.5\nconnectors = ["{out.parent / "register.yaml"}"]\n')
    customs = f'\n[[enterprise.customs]]\nuscc = "{USCC}"\nfolder = "{client.root}"\ndialect = "a"\nquiet_s = 0\n'
    _extend(config / "enterprise-binjiang.toml", "[enterprise]\n", "customs_scan_s = 0.2\n", customs)


def _observe(out: Path, traces: str) -> None:
    """Every process tells of itself on loopback; those between a bank's query and its ticket's leaf trace."""
    for path in (out / "config").glob("*.toml"):
        lines = '\n[observe]\nlisten = "127.0.0.1:0"\n' + (f'traces = "{traces}"\n' if path.stem in TRACED else "")
        path.write_text(path.read_text(encoding="utf-8").rstrip() + "\n" + lines, encoding="utf-8")


def _extend(path: Path, table: str, lines: str, tables: str = "") -> None:
    text = path.read_text(encoding="utf-8")
    assert table in text
    path.write_text(text.replace(table, table + lines) + tables, encoding="utf-8")
