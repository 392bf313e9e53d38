"""``xinqiao model``: read, diff, judge and try out indicator models. Works on files alone; asks nobody."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.ceremony.countersigning import read_members
from nodes.commands.models.lint_inputs import audiences, patience, records_prior
from nodes.commands.models.lint_report import lint_text
from nodes.commands.models.records_file import RecordRow, read_records, score_rows
from nodes.commands.models.tables import model_tables
from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.packs import pack_bytes, read_pack, shipped
from scoring.disclosure.lint import lint
from scoring.indicators.compare import Change, Difference, changes, differences, summaries
from scoring.indicators.describe import describe, points
from scoring.indicators.model import Model
from scoring.indicators.plain import PlainScore
from scoring.indicators.records import records_markdown
from scoring.statements import DisclosurePolicy

app = typer.Typer(no_args_is_help=True, help="Indicator models: show, lint, diff, score, as workbooks, sign.")

PackArgument = Annotated[str, typer.Argument(help="A shipped pack's id (or id@version), or the path of a pack.")]
YearOption = Annotated[int | None, typer.Option("--year", help="Take the rows of this year; F_previous comes from the year before.")]
SHOWN_CHANGES = 20


@app.callback()
def _group() -> None:
    """Indicator models: show, lint, diff, score, as workbooks, sign."""


@app.command("show")
def show(
    pack: PackArgument,
    full: Annotated[bool, typer.Option("--full", help="Also definitions, intervals, each stage's rule, every note and exposure.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print a pack as readable tables: who learns what, indicators with owners, rules and weights, stages, products, provenance."""
    with reporting(as_json) as report:
        document = describe(read_pack(pack))
        report.result(document, model_tables(document, full=full))


@app.command("resolve")
def resolve(
    pack: PackArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the resolved pack goes.")],
    as_json: JsonFlag = False,
) -> None:
    """Put a pack that extends another one together with its base: the bytes that are signed, admitted and hashed.

    A base lies beside the pack, in the folder of its own id beside the pack's folder, or among the shipped packs.
    """
    with reporting(as_json) as report:
        model, data = read_pack(pack), pack_bytes(pack)
        output.write_bytes(data)
        report.result(_identity(model) | {"output": str(output)}, f"{model.id}@{model.version} {model.sha256}: {output}")


@app.command("lint")
def lint_pack(
    pack: PackArgument,
    previous: Annotated[list[str] | None, typer.Option(help="A model used before on the same data period, newest first; up to two.")] = None,
    records: Annotated[Path | None, typer.Option(help="RECORDS.csv of the pack's fields: also measure under these firms' points.")] = None,
    year: YearOption = None,
    holds: Annotated[list[str] | None, typer.Option(help="AUDIENCE=DEPARTMENT/LEVEL: this authority or bank owns these records itself.")] = None,
    public: Annotated[Path | None, typer.Option(help="The zone's public directory: its policy and members, instead of the defaults.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what authority and banks could learn about single indicators, and whether the model may be admitted.

    Exit code 0: it may; 1: it may not, the report says why and what to change; 2: an input file is wrong.
    """
    with reporting(as_json) as report:
        registry = None if public is None else read_members(public)
        policy, members = (DisclosurePolicy(), ()) if registry is None else (registry.genesis.disclosure, tuple(registry.members.values()))
        models = [read_pack(name) for name in (pack, *(previous or ()))]
        priors = () if records is None else (records_prior(records, models, year, report.progress),)
        with patience(report.progress) as progress:
            chosen = audiences(models, members, holds or ())
            found = lint(models[0], models[1:], policy=policy, audiences=chosen, priors=priors, progress=progress)
        code = ExitCode.DONE if found.admissible else ExitCode.NOT_HOLDING
        report.result(found.document() | {"sha256": found.sha256}, lint_text(models[0], found), code)


@app.command("diff")
def diff(
    before: PackArgument,
    after: PackArgument,
    records: Annotated[Path | None, typer.Option(help="RECORDS.csv of both packs' fields: also say for whom the total changes.")] = None,
    year: YearOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what differs between two packs and, with --records, for whom."""
    with reporting(as_json) as report:
        old, new = read_pack(before), read_pack(after)
        found = differences(old, new)
        document: dict[str, Any] = {
            "before": _identity(old),
            "after": _identity(new),
            "differences": [asdict(difference) for difference in found],
            "subjects": None,
        }
        text = _differences_text(found)
        if records is not None:
            changed = _changes(old, new, records, year, report.progress)
            document["subjects"] = _changes_document(old, changed)
            text += "\n\n" + _changes_text(old, changed)
        report.result(document, text)


@app.command("score")
def score(
    pack: PackArgument,
    records: Annotated[Path, typer.Argument(help="RECORDS.csv: column subject, then the record fields of the pack by name.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="OUT.csv; standard output when it is not given.")] = None,
    year: YearOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Plaintext scores for a model's author on his own data."""
    with reporting(as_json) as report:
        model = read_pack(pack)
        rows = read_records(records, model, None if year is None else str(year), report.progress)
        scored = score_rows(records, model, rows)
        table = score_csv(model, scored)
        document = {"pack": _identity(model), "output": None if output is None else str(output), **_score_summary(scored)}
        if output is not None:
            output.write_text(table, encoding="utf-8", newline="")
            report.result(document, f"{len(scored)} subjects scored by {model.id}@{model.version}: {output}")
        else:
            document["rows"] = list(csv.DictReader(io.StringIO(table)))
            report.result(document, table.rstrip("\n"))


@app.command("records")
def records_of(
    packs: Annotated[list[str] | None, typer.Argument(help="Packs; all shipped ones when none is given.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Print, as Markdown, which record fields each department owns (docs/records.md)."""
    with reporting(as_json) as report:
        names = packs if packs else [name for name in shipped() if "@" not in name]
        models = [read_pack(name) for name in names]
        document = {model.id: {field.name: field.record for field in model.fields.values()} for model in models}
        report.result(document, records_markdown(models).rstrip("\n"))


def score_csv(model: Model, scored: list[tuple[RecordRow, PlainScore]]) -> str:
    """OUT.csv: subject, stage, points of each indicator, total, gated; UTF-8 text with LF."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    indicators = [indicator.id for indicator in model.indicators.values() if indicator.role == "points"]
    writer.writerow(["subject", "stage", *indicators, "total", "gated"])
    for row, result in scored:
        writer.writerow([row.subject, result.stage, *(points(result.points[name]) for name in indicators), points(result.total), int(result.gated)])
    return stream.getvalue()


def _score_summary(scored: list[tuple[RecordRow, PlainScore]]) -> dict[str, Any]:
    results = [result for _, result in scored]
    qualified = [result.qualified for result in results if result.qualified is not None]
    return {
        "subjects": len(results),
        "stages": dict(sorted(Counter(result.stage for result in results).items())),
        "gated": sum(result.gated for result in results),
        "vetoed": sum(bool(result.vetoes) for result in results),
        "qualified": sum(qualified) if qualified else None,
        "missing": dict(sorted(Counter(name for result in results for name in result.missing).items())),
    }


def _identity(model: Model) -> dict[str, str]:
    return {"id": model.id, "version": model.version, "sha256": model.sha256}


def _changes(old: Model, new: Model, records: Path, year: int | None, warn: Any) -> tuple[Change, ...]:
    chosen = None if year is None else str(year)
    for model in (old, new):  # reports a malformed value with its line
        score_rows(records, model, read_records(records, model, chosen, warn))
    merged: dict[str, dict[str, str]] = {}
    for model in (old, new):
        for row in read_records(records, model, chosen, lambda _: None):
            merged.setdefault(row.subject, {}).update(row.record)
    return changes(old, new, merged)


def _changes_document(old: Model, changed: tuple[Change, ...]) -> dict[str, Any]:
    return {
        "stages": [asdict(summary) | {"sum_of_differences": points(summary.sum_of_differences)} for summary in summaries(old, changed)],
        "changes": [
            {
                "subject": change.subject,
                "stage_before": change.before.stage,
                "stage_after": change.after.stage,
                "total_before": points(change.before.total),
                "total_after": points(change.after.total),
                "gated_before": change.before.gated,
                "gated_after": change.after.gated,
            }
            for change in changed
            if change.before != change.after
        ],
    }


def _differences_text(found: tuple[Difference, ...]) -> str:
    if not found:
        return "The packs say the same. 两个指标包相同。"
    return "\n".join(map(_difference_text, found))


def _difference_text(item: Difference) -> str:
    if item.before is None:
        return f"{item.path}: 新增 added: {item.after}"
    if item.after is None:
        return f"{item.path}: 删去 removed: {item.before}"
    return f"{item.path}: {item.before} -> {item.after}"


def _changes_text(old: Model, changed: tuple[Change, ...]) -> str:
    lines = [
        f"stage {item.stage}: {item.subjects} subjects, {item.rises} rise, {item.falls} fall, {item.moves} move to another stage, "
        f"{item.newly_gated} newly gated, {item.no_longer_gated} no longer"
        for item in summaries(old, changed)
    ]
    moved = [change for change in changed if change.delta]
    lines += [f"{change.subject}: {points(change.before.total)} -> {points(change.after.total)}" for change in moved[:SHOWN_CHANGES]]
    if len(moved) > SHOWN_CHANGES:
        lines.append(f"and {len(moved) - SHOWN_CHANGES} more")
    return "\n".join(lines)
