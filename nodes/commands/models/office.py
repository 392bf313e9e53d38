"""An office's own table of a model, in a workbook: made into a pack over a base, as ``xinqiao model import --base`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nodes.commands.models.workbook import read_workbook
from nodes.errors import SettingsError
from nodes.packs import pack_bytes
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.notation.office_table import TABLE, Identity, read_office_table
from scoring.notation.workbook.builder import CellDocument
from scoring.notation.workbook.cells import Sheet
from scoring.notation.workbook.reading import ASIDE


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ``model import`` was told beside the workbook: the base, and what the pack is to be called; all empty for a workbook of a whole pack."""

    base: str = ""
    id: str = ""
    version: str = ""
    title: str = ""
    source: str = ""

    def check(self) -> None:
        """Raises SettingsError where the options do not belong together."""
        named = {"--id": self.id, "--version": self.version}
        if self.base and not all(named.values()):
            raise SettingsError(
                f"{', '.join(option for option, text in named.items() if not text)}: a pack made with --base has a name and a version 须写名称和版本"
            )
        if not self.base and any((*named.values(), self.title, self.source)):
            raise SettingsError("--id, --version, --title and --source go with --base; else the workbook says all of it 这些选项只与 --base 同用")


def read_office(path: Path, wanted: Wanted) -> tuple[CellDocument, list[str]]:
    """The pack that an office's table makes of the base, with remarks. Raises ModelError, SettingsError, OSError."""
    base = parse_document(pack_bytes(wanted.base)).value
    assert isinstance(base, dict)
    title = {"zh": wanted.title or base["title"]["zh"], "en": wanted.title or base["title"]["en"]}
    return read_office_table(_sheet(read_workbook(path)), base, Identity(wanted.id, wanted.version, title, wanted.source))


def _sheet(sheets: Sequence[Sheet]) -> Sheet:
    """The sheet with the table: the only one that is nobody's note, or the one called 指标表."""
    found = [sheet for sheet in sheets if not sheet.name.startswith(ASIDE)]
    named = [sheet for sheet in found if sheet.name == TABLE]
    if len(named or found) != 1:
        names = ", ".join(sheet.name for sheet in found) or "none"
        raise ModelError(f"one sheet is expected, or one called {TABLE}; there are {names} 应只有一张工作表，或有一张名为“{TABLE}”")
    return (named or found)[0]
