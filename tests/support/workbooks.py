"""A model's workbook in tests: the commands, cells by their row and column, and what reading says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from openpyxl.worksheet.worksheet import Worksheet
from typer.testing import CliRunner, Result

from nodes.packs import pack_bytes
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from xinqiao import app

UNHURRIED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
INDICATORS, FIELDS, STAGES, MAIN = "指标 indicators", "字段 fields", "阶段 stages", "基本信息 model"


def run(*words: str | Path) -> Result:
    """``xinqiao model WORDS``, as wide wherever the tests run."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["model", *(str(word) for word in words)])


def document(name: str) -> Any:
    """A shipped pack's document."""
    return parse_document(pack_bytes(name)).value


def find(page: Worksheet, row: str, column: str) -> Any:
    """The cell of the row that begins so, in the column with this header."""
    titles = [cell.value for cell in page[1]]
    place = next(index for index, title in enumerate(titles, start=1) if str(title).split()[-1] == column)
    return next(page.cell(number, place) for number in range(2, page.max_row + 1) if page.cell(number, 1).value == row)


def told(read: Callable[[], object]) -> list[str]:
    """The lines of the error that reading ends in; none where it succeeds."""
    try:
        read()
    except ModelError as error:
        return str(error).splitlines()
    return []
