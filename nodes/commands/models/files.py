"""``xinqiao model export|import|overview``: models as workbooks that officials edit, and as docs/models.md. Works on files alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nodes.commands.models.workbook import read_workbook, write_workbook
from nodes.commands.output import JsonFlag, reporting
from nodes.packs import pack_bytes, pack_path, read_pack, shipped_packs
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.indicators.model import Model, checked, load_pack
from scoring.notation.overview import overview_markdown
from scoring.notation.pack_text import pack_text
from scoring.notation.workbook.reading import read_sheets
from scoring.notation.workbook.sheets import workbook_sheets

MODELS = "Models of zones"
GROUPS = {"packs": MODELS, "libraries": "Libraries of enterprises", "policies": "Policies"}  # by the folder that a pack's own lies in


def export(
    pack: Annotated[str, typer.Argument(help="A shipped pack's id (or id@version), or the path of a pack.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The workbook to write, .xlsx.")],
    as_json: JsonFlag = False,
) -> None:
    """Write a model as a workbook (XLSX) that officials can read and edit: everything but comments; a pack that extends another one is resolved."""
    with reporting(as_json) as report:
        model = read_pack(pack)
        value = parse_document(pack_bytes(pack)).value
        assert isinstance(value, dict)
        write_workbook(workbook_sheets(value), output)
        report.result(_summary(model, output), f"{model.id}@{model.version}, {len(model.indicators)} indicators: {output}")


def import_(
    workbook: Annotated[Path, typer.Argument(help="A workbook as `model export` writes it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The pack to write, .yaml.")],
    as_json: JsonFlag = False,
) -> None:
    """Read a model from a workbook and write it as a pack.

    Mistakes are named by sheet and cell, with what would be right; nothing is written then.
    """
    with reporting(as_json) as report:
        with _named(workbook):
            document = read_sheets(read_workbook(workbook))
            checked(document)
            assert isinstance(document.value, dict)
            text = pack_text(document.value)
            model = load_pack(text.encode())
        output.write_text(text, encoding="utf-8", newline="\n")
        report.result(_summary(model, output), f"{model.id}@{model.version}, {len(model.indicators)} indicators, sha256 {model.sha256}: {output}")


def overview(as_json: JsonFlag = False) -> None:
    """Print, as Markdown, the shipped models beside each other (docs/models.md): shape, owners, provenance, products, audiences."""
    with reporting(as_json) as report:
        groups: dict[str, list[Model]] = {heading: [] for heading in GROUPS.values()}
        for name in shipped_packs():
            groups[GROUPS.get(pack_path(name).parent.parent.name, MODELS)].append(read_pack(name))
        document = {heading: [model.id for model in models] for heading, models in groups.items()}
        report.result(document, overview_markdown(groups).rstrip("\n"))


def _summary(model: Model, output: Path) -> dict[str, object]:
    return {
        "id": model.id, "version": model.version, "sha256": model.sha256, "indicators": len(model.indicators), "output": str(output),
    }  # fmt: skip


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Every line of a ModelError names the file."""
    try:
        yield
    except ModelError as error:
        raise ModelError("\n".join(f"{path}, {line}" for line in str(error).splitlines())) from error
