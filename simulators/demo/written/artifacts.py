"""The files that a run leaves in its directory, and the commands that it runs on them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodes.runtime.files import make_private_directory, write_private
from simulators.population.tables import Firm

COLUMNS = ("subject_id", "uscc", "company", "stage", "total", "gated", "percentile")
RANKING_COLUMNS = ("list", "title", "stage", "place", "subject_id", "uscc", "company")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: its exit code and its JSON document."""

    command: str
    exit_code: int
    document: dict[str, Any]


def write_totals(path: Path, totals: Sequence[Mapping[str, Any]], firms: Mapping[str, Firm]) -> None:
    """totals.csv: the authority's result with the names that the authority may give to its subject ids."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for total in totals:
        firm = firms[total["subject"]]
        points = decimal(total["hundredths"])
        writer.writerow((total["subject"], firm.uscc, firm.company, total["stage"], points, int(total["gated"]), total["percentile"]))
    write_private(path, text.getvalue().encode())


def write_rankings(path: Path, rankings: Sequence[Mapping[str, Any]], firms: Mapping[str, Firm]) -> None:
    """rankings.csv: the model's lists of the best of each stage, best first, with names; none where it has no lists."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(RANKING_COLUMNS)
    for ranking in rankings:
        for stage, subjects in ranking["stages"].items():
            for place, subject in enumerate(subjects, 1):
                writer.writerow((ranking["id"], ranking["title"]["zh"], stage, place, subject, firms[subject].uscc, firms[subject].company))
    write_private(path, text.getvalue().encode())


def decimal(hundredths: int) -> str:
    """Hundredths as a decimal with two digits."""
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"


def write_json(path: Path, document: object) -> None:
    """One JSON file, readable by people, for this user alone."""
    make_private_directory(path.parent)
    write_private(path, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())


def run_command(*arguments: str) -> Ran:
    """Run ``xinqiao ARGUMENTS`` as a process of its own; the last argument should be --json."""
    command = [sys.executable, "-m", "xinqiao", *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    return Ran(" ".join(("xinqiao", *arguments)), ended.returncode, json.loads(ended.stdout))
