"""``xinqiao bench``: every benchmark in one go, beside its peers, with the machine that it ran on. Nothing fails on a busy machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from nodes.commands.output import JsonFlag, Report, reporting
from simulators.benchmarks import audit, banks, crypto, epoch, log, matching, pages, peering, plain, tables
from simulators.benchmarks.machine import this_machine
from simulators.benchmarks.rows import Item, to_json, to_text
from simulators.commands.ending import end_on_sigterm


class Part(StrEnum):
    """A group of benchmarks."""

    CRYPTO = "crypto"
    EPOCH = "epoch"
    BANKS = "banks"
    LOG = "log"
    PEERS = "peers"
    AUDIT = "audit"
    TABLES = "tables"
    POINTS = "points"
    POLICIES = "policies"
    PAGES = "pages"


TITLES = {
    Part.CRYPTO: "密码 Mathematics, in processor time, beside phe and plain gmpy2",
    Part.EPOCH: "分区 A whole zone over mutual TLS, in wall time, beside the same epoch in the clear",
    Part.BANKS: "银行 Banks that ask at once, each a process of its own, in wall time",
    Part.LOG: "日志 The exchange log by itself, in wall time",
    Part.PEERS: "对等 A log mirrored by a peer zone's node, both processes of their own, in wall time",
    Part.AUDIT: "审计 An auditor's replay of a whole log, in wall time",
    Part.TABLES: "接入 A department's tables into records, in wall time",
    Part.POINTS: "计分 A zone's records into totals, in wall time",
    Part.POLICIES: "政策 A zone's enterprises against many policies, in wall time",
    Part.PAGES: "页面 Pages of a whole zone and of a long log, in wall time",
}
QUICK_BITS = 2048


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Smaller counts and a 2048-bit key: minutes less, no targets that depend on size.")] = False,
    only: Annotated[list[Part] | None, typer.Option(help="Only this part; may be repeated.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure the program beside its peers and print ratios with the machine that they were taken on.

    Seconds depend on the machine, ratios much less; a target that is missed is printed, and the exit code is 0 all the same.
    """
    end_on_sigterm()
    with reporting(as_json) as report:
        machine = this_machine()
        report.progress(str(machine))
        sections = [(part, _measure(part, quick, report)) for part in only or list(Part)]
        document = {
            "machine": asdict(machine),
            "quick": quick,
            "sections": [{"name": str(part), "items": [to_json(item) for item in items]} for part, items in sections],
            "load_at_end": os.getloadavg()[0],
        }
        text = [str(machine)]
        for part, items in sections:
            text += ["", TITLES[part], *map(to_text, items)]
        report.result(document, "\n".join(text))


def _measure(part: Part, quick: bool, report: Report) -> list[Item]:
    works: dict[Part, Callable[[], list[Item]]] = {
        Part.CRYPTO: lambda: list(crypto.run(QUICK_BITS if quick else crypto.TARGET_BITS, quick)),
        Part.EPOCH: lambda: epoch.run(quick, report.progress),
        Part.BANKS: lambda: banks.run(quick, report.progress),
        Part.LOG: lambda: list(log.run(quick)),
        Part.PEERS: lambda: list(peering.run(quick)),
        Part.AUDIT: lambda: list(audit.run(quick)),
        Part.TABLES: lambda: list(tables.run(quick)),
        Part.POINTS: lambda: list(plain.run(quick)),
        Part.POLICIES: lambda: list(matching.run(quick)),
        Part.PAGES: lambda: list(pages.run(quick, report.progress)),
    }
    report.progress(TITLES[part])
    return works[part]()
