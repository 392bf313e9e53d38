"""``xinqiao connector``: what a department's operator does with the systems that feed the node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.connect import connect
from connectors.errors import DeliveryError
from connectors.mapping import load_mapping
from connectors.records import Delivery, Malformed, Outcome, Record
from crypto.subjects import examine_uscc
from nodes.commands.departments.mapping_check import disagreements
from nodes.commands.departments.reaching import reach
from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.packs import read_pack
from nodes.runtime.clock import Timer
from scoring.indicators.model import Model

SAMPLE = 5
SHOWN = 20
_WORDS = {
    Outcome.TAKEN: "可全部读入 all of it can be read",
    Outcome.PARTLY: "部分隔离 partly quarantined",
    Outcome.REFUSED: "整体拒收 refused as a whole",
}
_TELL_EVERY_S = 2.0

app = typer.Typer(no_args_is_help=True, help="Connectors of a department's node.")


@app.callback()
def _group() -> None:
    """Connectors of a department's node."""


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The mapping, a YAML file.")],
    limit: Annotated[int, typer.Option(help="Rows to look at in each delivery; 0 looks at all of them.", min=0)] = 0,
    pack: Annotated[list[str] | None, typer.Option(help="Model that will read the records: a shipped pack's id or a path; may be repeated.")] = None,
    public: Annotated[Path | None, typer.Option(help="The zone's public directory: every model there will read the records.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what would be read through a mapping, and what refused and why, with a sample. Nothing is stored or moved, no cursor is kept.

    With --pack or --public it also compares the fields with those that models ask for: names, types, units.

    Exit code 0: everything can be read; 1: something would be quarantined or refused, or there is nothing, or a field does not fit a model; 2: the
    mapping is wrong; 4: the source cannot be reached.
    """
    with reporting(as_json) as report:
        mapping = load_mapping(file)
        connector = connect(mapping, file.absolute().parent)
        found = Trial(connector.id, fields={name: Counter() for name in mapping.fields})
        if pack or public is not None:
            found.disagreements = disagreements(mapping, _models(pack or [], public))
        reach(mapping.source)
        timer = Timer(_TELL_EVERY_S)
        for delivery in connector.deliveries(""):
            found.deliveries.append({"name": delivery.name})
            for read in _tried(found, delivery, limit):
                found.add(read)
                if timer.left_s() <= 0:
                    report.progress(f"{delivery.name}: {found.records + found.malformed} rows so far …")
                    timer = Timer(_TELL_EVERY_S)
        report.result(found.document(), found.text(), ExitCode.DONE if found.clean else ExitCode.NOT_HOLDING)


@dataclass
class Trial:
    """What a dry run has met so far. ``cut_short``: a limit left rows unseen. ``about``: of each period, hashes of the enterprises that records
    speak of: several may speak of one, as each message of a declaration does."""

    connector: str
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    records: int = 0
    about: dict[str, set[int]] = field(default_factory=dict)
    malformed: int = 0
    cut_short: bool = False
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    sample: list[Record] = field(default_factory=list)
    refused: list[Malformed] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether there is something, all of it can be read, and the models that were named can use it."""
        return not self.disagreements and self.records > 0 and all(delivery["outcome"] == Outcome.TAKEN for delivery in self.deliveries)

    def add(self, read: Record | Malformed) -> None:
        """Count one row."""
        if isinstance(read, Malformed):
            self.malformed += 1
            self.reasons[f"{read.field}: {read.reason}" if read.field else read.reason] += 1
            if len(self.refused) < SHOWN:
                self.refused.append(read)
            return
        self.records += 1
        self.about.setdefault(read.period, set()).add(hash(read.uscc))
        for name, value in read.values.items():
            self.fields.setdefault(name, Counter())["given" if value else "empty"] += 1
        if examine_uscc(read.uscc):
            self.remarks["outer check character of the code is not the standard's; taken all the same 代码末位校验码与标准不符，仍予读入"] += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(read)

    def document(self) -> dict[str, Any]:
        """The answer in JSON."""
        return {
            "connector": self.connector,
            "deliveries": self.deliveries,
            "records": self.records,
            "enterprises": {period: len(self.about[period]) for period in sorted(self.about)},
            "malformed": self.malformed,
            "complete": not self.cut_short,
            "fields": {name: {"given": count["given"], "empty": count["empty"]} for name, count in self.fields.items()},
            "remarks": dict(self.remarks),
            "disagreements": self.disagreements,
            "reasons": dict(self.reasons.most_common(SHOWN)),
            "sample": [
                {"uscc": read.uscc, "period": read.period, "valid_from": read.valid_from, "values": dict(read.values), "place": read.origin.place}
                for read in self.sample
            ],
            "refused": [
                {"delivery": bad.origin.delivery, "place": bad.origin.place, "field": bad.field, "reason": bad.reason, "content": bad.content}
                for bad in self.refused
            ],
        }

    def text(self) -> str:
        """The answer for a person."""
        lines = [f"{self.connector}: {self.records} 条可读入 records would be read, {self.malformed} 条将隔离 rows quarantined"]
        lines += [f"  其中 of which period {period}: {len(self.about[period])} 户 enterprises" for period in sorted(self.about)[-SHOWN:]]
        if self.cut_short:
            lines[0] += " (only the first rows of each delivery were looked at) 仅查看了每批的前几行"
        lines += [f"  {item['name']}: {_WORDS[item['outcome']]}{': ' if item['reason'] else ''}{item['reason']}" for item in self.deliveries]
        if not self.deliveries:
            lines.append("  没有新数据 there is nothing to read now: all was read before, does not match the pattern, or changed within quiet_s")
        lines += [f"  与指标体系不符 does not fit a model: {fault}" for fault in self.disagreements]
        lines += [f"  字段 field {name}: {count['given']} given, {count['empty']} empty" for name, count in self.fields.items()]
        lines += [f"  提示 note: {count} × {remark}" for remark, count in self.remarks.items()]
        lines += [f"  原因 reason: {count} × {reason}" for reason, count in self.reasons.most_common(SHOWN)]
        lines += [f"  样例 sample {read.uscc} {read.period} {read.valid_from or '-'} {_pairs(read)}" for read in self.sample]
        lines += [
            f"  {bad.origin.delivery}, {bad.origin.place}: {bad.field or 'row'}: {bad.reason} | {' '.join(bad.content[:80].split())}"
            for bad in self.refused
        ]
        return "\n".join(lines)


def _models(packs: list[str], public: Path | None) -> list[Model]:
    names = [*packs, *([] if public is None else map(str, sorted((public / "packs").glob("*.yaml"))))]
    if public is not None and not names:
        raise SettingsError(f"{public} has no packs: it is no public directory of a zone")
    return [read_pack(name) for name in names]


def _pairs(read: Record) -> str:
    return " ".join(f"{name}={value}" for name, value in read.values.items())


def _tried(found: Trial, delivery: Delivery, limit: int) -> Iterator[Record | Malformed]:
    """The items of one delivery up to the limit; how it would end is noted in its entry."""
    entry, reason = found.deliveries[-1], ""
    good, bad = found.records, found.malformed
    try:
        items = delivery.items()
        yield from islice(items, limit) if limit else items
        if limit and next(items, None) is not None:
            found.cut_short = True
    except DeliveryError as error:
        reason = str(error)
    outcome = Outcome.REFUSED if reason else Outcome.PARTLY if found.malformed > bad else Outcome.TAKEN
    entry |= {"outcome": outcome, "reason": reason, "records": found.records - good, "malformed": found.malformed - bad}
