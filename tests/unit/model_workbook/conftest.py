"""The workbook of a shipped model, as it was written and after an official's hand."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from nodes.commands.models.workbook import write_workbook
from scoring.notation.workbook.sheets import workbook_sheets
from tests.support.workbooks import document


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """sme-tech as a workbook."""
    path = tmp_path_factory.mktemp("exported") / "model.xlsx"
    write_workbook(workbook_sheets(document("sme-tech")), path)
    return path.read_bytes()


@pytest.fixture
def edited(exported: bytes, tmp_path: Path) -> Callable[[Callable[[Workbook], None]], Path]:
    """A file of sme-tech's workbook after an official's hand."""

    def make(edit: Callable[[Workbook], None]) -> Path:
        book = load_workbook(io.BytesIO(exported))
        edit(book)
        path = tmp_path / "edited.xlsx"
        book.save(path)
        return path

    return make
