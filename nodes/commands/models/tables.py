"""The document of `model show` as tables for a terminal: what a reader asks first, or all of it."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

LEAST_WIDTH = 140
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?(?![\w.])")
_LONG = re.compile(r"(?<![\w.,])[0-9]{5,}(?![\w])")
_LEARNERS = {"authority": "主管部门 authority", "bank": "银行 bank", "enterprise": "企业 enterprise"}
_BESIDE = {
    "authority": "榜单与分位 ranks and percentiles",
    "bank": "随总积分：阶段、分位区间、额度 with the total: stage, percentile band, line",
    "enterprise": "本企业各项得分 all of its own points",
}


def model_tables(document: Mapping[str, Any], *, full: bool = False) -> str:
    """Tables of a described model (``scoring.indicators.describe.describe``), as wide as the terminal and at least 140 columns.

    Without ``full``, the rules of stages that differ in numbers alone are one rule, an exposure's reason stands once, and parts of which nothing
    is published say so by a dash.
    """
    stream = io.StringIO()
    console = Console(file=stream, width=max(shutil.get_terminal_size((LEAST_WIDTH, 0)).columns, LEAST_WIDTH), highlight=False, markup=False)
    console.print(f"{document['id']}@{document['version']}  {_both(document['title'])}")
    console.print(f"sha256 {document['sha256']}; zone {document['zone']}; a slot has {document['slot_bits']} bits\n")
    console.print(_learned(document["audiences"]))
    console.print(_table("阶段 Stages", ("id", "title", "values"), ((s["id"], _both(s["title"]), _values(s["on"])) for s in document["stages"])))
    console.print(f"published by {document['stage_owner']}; default {document['default_stage']}; {_provenance(document['stages_provenance'])}\n")
    stages = [stage["id"] for stage in document["stages"]]
    console.print(_indicators(document["indicators"], stages, full))
    if not full:
        console.print(
            f"阶段次序 stages in order: {', '.join(stages)}; numbers that differ by stage stand in braces, one weight is that of all stages."
        )
        console.print("未注明者均为示例性数字 what is not called published is illustrative; --full: every stage's rule, definitions, notes\n")
    for table in _rest(document, full):
        console.print(table)
    if document["qualification"] is not None:
        console.print(f"Qualification: {_both(document['qualification'])}")
        for name, fact in document["public_facts"].items():
            console.print(f"  judged in clear, from a public register: {_both(fact['title'])} ({name}): {_grouped(fact['rule'])}")
    if document["resolved_from"]:
        console.print(_table("Made of 由以下指标包合成", ("pack", "sha256", "adds", "changes", "removes"), map(_source, document["resolved_from"])))
    return "\n".join(line.rstrip() for line in stream.getvalue().rstrip("\n").split("\n"))


def _rest(document: Mapping[str, Any], full: bool) -> Iterator[Table]:
    functionals = document["functionals"]
    columns = ("name", "title", "gates", "disclosed to", *(["values by stage"] if full else []))
    rows = (
        (f["name"], _both(f["title"]), ", ".join(f["gates"]), ", ".join(f["disclosed_to"]), *([_intervals(f)] if full else [])) for f in functionals
    )
    yield _table("得分函数 Functionals", columns, rows)
    if document["products"]:
        names = ("id", "title", "line", "months", "vetoes", "conditions", "provenance")
        yield _table("产品 Products", names, map(_product, document["products"]))
    if document["rankings"]:
        shares = "of each stage, from the top"
        yield _table("榜单 Lists of the best", ("id", "title", "functional", shares, "provenance"), map(_ranking, document["rankings"]))
    if document["exposures"] and full:
        columns = ("indicator", "to", "stages", "at most", "accepted by", "reason")
        yield _table("披露例外 Exposures that owners accept", columns, map(_exposure, document["exposures"]))
    elif document["exposures"]:
        yield _table("披露例外 Exposures that owners accept, by reason", ("to", "at most", "reason", "indicators"), _by_reason(document["exposures"]))


def _learned(audiences: Mapping[str, Mapping[str, Sequence[str]]]) -> Table:
    """Who learns what, in full: what is told with a total, single indicators, and what follows from totals by an owner's leave."""
    rows = []
    for audience, given in audiences.items():
        learns = bool(given["functionals"] or given["single"])
        single = "–" if audience == "enterprise" else ", ".join(given["single"]) or "–"
        exposed = f"{len(given['exposed'])} 项 indicators, below" if given["exposed"] else "–"
        rows.append((_LEARNERS[audience], ", ".join(given["functionals"]) or "–", single, exposed, _BESIDE[audience] if learns else "–"))
    columns = ("", "totals", "单项 single indicators", "例外 guessed from totals, accepted", "另知 also")
    return _table("谁获知什么 Who learns what (of one consenting enterprise; the authority of all)", columns, rows)


def _indicators(indicators: Sequence[Mapping[str, Any]], stages: list[str], full: bool) -> Table:
    sourced = full or any(_published(item["provenance"]) or item["packs"] for item in indicators)
    columns = ("id", "title", *(["definition"] if full else []), "owner", "points", "weights", *(["provenance"] if sourced else []))
    rows = []
    for item in indicators:
        each = [str(item["weights"][stage]) for stage in stages] if item["role"] == "points" else ["–"]
        kind = "" if item["role"] == "points" else f" [{item['role']}]"
        rules = [item["rule_by_stage"].get(stage, item["rule"]) for stage in stages]
        said = [item["rule"], *(f"{stage}: {rule}" for stage, rule in item["rule_by_stage"].items())] if full else _merged(rules)
        notes = _provenance(item["provenance"]) if full else _published(item["provenance"])
        title = (_both(item["title"]), _both(item["definition"])) if full else (_both(item["title"]),)
        weights = " ".join(each if full or len(set(each)) > 1 else each[:1])
        provenance = [(notes or "–") + _from(item)] if sourced else []
        rows.append((item["id"] + kind, *title, item["owner"], _grouped("\n".join(said)), weights, *provenance))
    return _table("指标 Indicators", columns, rows)


def _merged(rules: Sequence[str]) -> list[str]:
    """The rules of all stages: one where they differ in numbers alone, which then stand in braces in the order of the stages.

    >>> _merged(["x >= 0.5: 1", "x >= 0.5: 2"]), _merged(["a", "a"]), _merged(["a 1", "b"])
    (['x >= 0.5: {1 | 2}'], ['a'], ['a 1', 'b'])
    """
    shapes = {_NUMBER.sub("#", rule) for rule in rules}
    if len(shapes) > 1:
        return list(dict.fromkeys(rules))
    places = [[*dict.fromkeys(numbers)] and list(numbers) for numbers in zip(*(_NUMBER.findall(rule) for rule in rules), strict=True)]
    texts = iter(numbers[0] if len(set(numbers)) == 1 else f"{{{' | '.join(numbers)}}}" for numbers in places)
    return [_NUMBER.sub(lambda _: next(texts), rules[0])]


def _by_reason(exposures: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row for each reason, limit and audience, with the indicators and the stages that it is accepted in."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for exposure in exposures:
        key = (", ".join(exposure["audiences"]), _limits(exposure), _both(exposure["reason"]))
        found.setdefault(key, []).append(f"{exposure['indicator']} ({', '.join(exposure['stages'])}; {exposure['accepted_by']})")
    for key, indicators in found.items():
        yield *key, "; ".join(indicators)


def _product(product: Mapping[str, Any]) -> tuple[str, ...]:
    if "relative_to" in product:
        line = f"{_pairs(product['times'])} times {product['relative_to']}"
    else:
        yuan = product["yuan"]
        slopes = [f"points · ({_pairs(product['yuan_per_point'])})"] if product["yuan_per_point"] else []
        slopes += [f"{slope} · {figure}" for figure, slope in product["yuan_per_unit"].items()]
        line = f"{' + '.join([str(yuan['base']), *slopes])}, from {yuan['floor']} to {yuan['cap']} yuan"
    return (
        product["id"], _both(product["title"]), _grouped(line), str(product["term_months"]), ", ".join(product["vetoes"]),
        ", ".join(product["eligibility"]), _provenance(product["provenance"]) + _from(product),
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
    return (
        exposure["indicator"], ", ".join(exposure["audiences"]), ", ".join(exposure["stages"]), _limits(exposure), exposure["accepted_by"],
        _both(exposure["reason"]),
    )  # fmt: skip


def _limits(exposure: Mapping[str, Any]) -> str:
    limits = {"pinned": exposure["pinned_at_most"], "ratio from": exposure["ratio_at_least"]}
    return ", ".join(f"{name} {value}" for name, value in limits.items() if value is not None)


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
    bands = [f"{axis} {' and '.join(f'{signs[side]} {_grouped(bound)}' for side, bound in band.items())}" for axis, band in on.items()]
    return "; ".join(bands) or "all"


def _intervals(functional: Mapping[str, Any]) -> str:
    return "; ".join(f"{stage} {low} to {high}" for stage, (low, high) in functional["intervals"].items())


def _pairs(by_stage: Mapping[str, str]) -> str:
    return ", ".join(f"{stage} {value}" for stage, value in by_stage.items())


def _grouped(text: str) -> str:
    """Whole numbers of five and more digits with their thousands apart.

    >>> _grouped("1 · x_2023 / 200000000, from 0 to 1")
    '1 · x_2023 / 200,000,000, from 0 to 1'
    """
    return _LONG.sub(lambda found: f"{int(found[0]):,}", text)


def _provenance(notes: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(f"{', '.join(note['of'])}{_in(note)}: {note['status']}{_said(note)}" for note in notes)


def _said(note: Mapping[str, Any]) -> str:
    text = note.get("source") or note.get("note")
    return f" ({text})" if text else ""


def _published(notes: Iterable[Mapping[str, Any]]) -> str:
    found = [f"{', '.join(note['of'])}{_in(note)}" for note in notes if note["status"] == "published"]
    return f"published: {'; '.join(found)}" if found else ""


def _in(note: Mapping[str, Any]) -> str:
    return f" in {', '.join(note['stages'])}" if "stages" in note else ""
