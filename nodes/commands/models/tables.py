"""The document of `model show` as tables for a terminal."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def model_tables(document: Mapping[str, Any]) -> str:
    """Tables of a described model (``scoring.indicators.describe.describe``), as wide as the terminal and at least 100 columns."""
    stream = io.StringIO()
    console = Console(file=stream, width=max(shutil.get_terminal_size((140, 0)).columns, 100), highlight=False, markup=False)
    console.print(f"{document['id']}@{document['version']}  {_both(document['title'])}")
    console.print(f"sha256 {document['sha256']}; zone {document['zone']}; a slot has {document['slot_bits']} bits\n")
    stages = [stage["id"] for stage in document["stages"]]
    console.print(_indicators(document["indicators"], stages))
    console.print(_table("Stages", ("id", "title", "values"), ((s["id"], _both(s["title"]), _values(s["on"])) for s in document["stages"])))
    console.print(f"published by {document['stage_owner']}; default {document['default_stage']}; {_provenance(document['stages_provenance'])}\n")
    console.print(
        _table(
            "Functionals",
            ("name", "title", "gates", "disclosed to", "values by stage"),
            ((f["name"], _both(f["title"]), ", ".join(f["gates"]), ", ".join(f["disclosed_to"]), _intervals(f)) for f in document["functionals"]),
        )
    )
    if document["products"]:
        names = ("id", "title", "line", "months", "vetoes", "conditions", "provenance")
        console.print(_table("Products", names, map(_product, document["products"])))
    if document["rankings"]:
        shares = "of each stage, from the top"
        console.print(_table("Lists of the best 榜单", ("id", "title", "functional", shares, "provenance"), map(_ranking, document["rankings"])))
    if document["exposures"]:
        columns = ("indicator", "to", "stages", "at most", "accepted by", "reason")
        console.print(_table("Exposures that owners accept 披露例外", columns, map(_exposure, document["exposures"])))
    if document["qualification"] is not None:
        console.print(f"Qualification: {_both(document['qualification'])}")
        for name, fact in document["public_facts"].items():
            console.print(f"  judged in clear, from a public register: {_both(fact['title'])} ({name}): {fact['rule']}")
    if document["resolved_from"]:
        parts = ("pack", "sha256", "adds", "changes", "removes")
        console.print(_table("Made of 由以下指标包合成", parts, map(_source, document["resolved_from"])))
    return stream.getvalue().rstrip("\n")


def _indicators(indicators: Iterable[Mapping[str, Any]], stages: list[str]) -> Table:
    columns = ("id", "title", "owner", "points", f"weights ({', '.join(stages)})", "provenance")
    rows = []
    for item in indicators:
        weights = "–" if item["role"] != "points" else " ".join(str(item["weights"][stage]) for stage in stages)
        rules = [item["rule"], *(f"{stage}: {rule}" for stage, rule in item["rule_by_stage"].items())]
        kind = "" if item["role"] == "points" else f" [{item['role']}]"
        said = _provenance(item["provenance"]) + _from(item)
        rows.append((item["id"] + kind, _both(item["title"]), item["owner"], "\n".join(rules), weights, said))
    return _table("Indicators", columns, rows)


def _product(product: Mapping[str, Any]) -> tuple[str, ...]:
    if "relative_to" in product:
        line = f"{_pairs(product['times'])} times {product['relative_to']}"
    else:
        yuan = product["yuan"]
        slopes = [f"points · ({_pairs(product['yuan_per_point'])})"] if product["yuan_per_point"] else []
        slopes += [f"{slope} · {figure}" for figure, slope in product["yuan_per_unit"].items()]
        line = f"{' + '.join([str(yuan['base']), *slopes])}, from {yuan['floor']} to {yuan['cap']} yuan"
    return (
        product["id"], _both(product["title"]), line, str(product["term_months"]), ", ".join(product["vetoes"]), ", ".join(product["eligibility"]),
        _provenance(product["provenance"]) + _from(product),
    )  # fmt: skip


def _source(source: Mapping[str, Any]) -> tuple[str, ...]:
    parts = ("\n".join(source[what]) for what in ("adds", "changes", "removes"))
    return (f"{source['id']}@{source['version']}", source["sha256"][:16], *parts)


def _from(part: Mapping[str, Any]) -> str:
    return f"; from {', changed by '.join(part['packs'])}" if part["packs"] else ""


def _ranking(ranking: Mapping[str, Any]) -> tuple[str, ...]:
    shares = f"from {ranking['from_top']} % to below {ranking['below_top']} %"
    return ranking["id"], _both(ranking["title"]), ranking["functional"], shares, _provenance(ranking["provenance"])


def _exposure(exposure: Mapping[str, Any]) -> tuple[str, ...]:
    limits = {"pinned": exposure["pinned_at_most"], "ratio from": exposure["ratio_at_least"]}
    shown = ", ".join(f"{name} {value}" for name, value in limits.items() if value is not None)
    return (
        exposure["indicator"], ", ".join(exposure["audiences"]), ", ".join(exposure["stages"]), shown, exposure["accepted_by"],
        _both(exposure["reason"]),
    )  # fmt: skip


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _both(title: Mapping[str, str]) -> str:
    return f"{title['zh']} ({title['en']})"


def _values(on: Mapping[str, Mapping[str, str]]) -> str:
    signs = {"from": ">=", "below": "<"}
    bands = [f"{axis} {' and '.join(f'{signs[side]} {bound}' for side, bound in band.items())}" for axis, band in on.items()]
    return "; ".join(bands) or "all"


def _intervals(functional: Mapping[str, Any]) -> str:
    return "; ".join(f"{stage} {low} to {high}" for stage, (low, high) in functional["intervals"].items())


def _pairs(by_stage: Mapping[str, str]) -> str:
    return ", ".join(f"{stage} {value}" for stage, value in by_stage.items())


def _provenance(notes: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(f"{', '.join(note['of'])}{_in(note)}: {note['status']}" for note in notes)


def _in(note: Mapping[str, Any]) -> str:
    return f" in {', '.join(note['stages'])}" if "stages" in note else ""
