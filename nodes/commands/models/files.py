"""``xinqiao model export|import|overview``: models as workbooks that officials edit, and as docs/models.md. Works on files alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.models.office import Wanted, read_office
from nodes.commands.models.workbook import read_workbook, write_workbook
from nodes.commands.output import JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.packs import pack_bytes, pack_path, read_pack, shipped, shipped_packs
from scoring.errors import ModelError
from scoring.indicators.compare import differences
from scoring.indicators.document import parse_document
from scoring.indicators.model import Model, checked, load_pack
from scoring.indicators.provenance import stale_claims
from scoring.notation.office_table import office_table
from scoring.notation.overview import overview_markdown
from scoring.notation.pack_text import pack_text
from scoring.notation.workbook.reading import read_sheets
from scoring.notation.workbook.sheets import workbook_sheets

MODELS = "Models of zones"
GROUPS = {"packs": MODELS, "libraries": "Libraries of enterprises", "policies": "Policies"}  # by the folder that a pack's own lies in


def export(
    pack: Annotated[str, typer.Argument(help="A shipped pack's id (or id@version), or the path of a pack.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The workbook to write, .xlsx.")],
    table: Annotated[
        bool, typer.Option("--table", help="Only the table of full marks by stage, as offices keep it; `import --base` reads it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a model as a workbook (XLSX) that officials can read and edit: everything but comments; a pack that extends another one is resolved."""
    with reporting(as_json) as report:
        _check_new(output, ".xlsx")
        model = read_pack(pack)
        value = parse_document(pack_bytes(pack)).value
        assert isinstance(value, dict)
        write_workbook((office_table(value),) if table else workbook_sheets(value), output)
        report.result(_summary(model, output), f"{model.id}@{model.version}, {len(model.indicators)} indicators: {output}")


def import_(
    workbook: Annotated[Path, typer.Argument(help="A workbook as `model export` writes it, or with --base an office's table of full marks.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The pack to write, .yaml.")],
    base: Annotated[str, typer.Option(help="The pack whose indicators an office's table names: records, owners, stages and rules are its.")] = "",
    id_: Annotated[str, typer.Option("--id", help="With --base: what the new pack is called.")] = "",
    version: Annotated[str, typer.Option(help="With --base: its version.")] = "",
    title: Annotated[str, typer.Option(help="With --base: its title; the base's when not given.")] = "",
    source: Annotated[str, typer.Option(help="With --base: where the marks are published; without it they are illustrative.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Read a model from a workbook and write it as a pack.

    With --base the workbook is the table that offices keep: a row for each indicator with its full marks in each stage and, if wanted, the value
    that earns them. Mistakes are named by sheet and cell, with what would be right; nothing is written then.
    """
    with reporting(as_json) as report:
        wanted = Wanted(base, id_, version, title, source)
        wanted.check()
        _check_new(output, ".yaml")
        with _named(workbook):
            document, remarks = read_office(workbook, wanted) if base else (read_sheets(read_workbook(workbook)), [])
            checked(document)
            assert isinstance(document.value, dict)
            text = pack_text(document.value)
            model = load_pack(text.encode())
            _check_claims(model, document.value)
        output.write_text(text, encoding="utf-8", newline="\n")
        told = f"{model.id}@{model.version}, {len(model.indicators)} indicators, sha256 {model.sha256}: {output}"
        report.result(_summary(model, output) | {"remarks": remarks}, "\n".join([told, *remarks]))


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


def _check_new(output: Path, ending: str) -> None:
    """Somebody's edited file is not to be lost. Raises SettingsError."""
    if output.suffix.lower() != ending:
        raise SettingsError(f"{output}: the file to write ends in {ending} 文件名应以 {ending} 结尾")
    if output.exists():
        raise SettingsError(f"{output} is there already: name another file, or move that one away 文件已存在，请换名或移走")


def _check_claims(model: Model, value: Mapping[str, Any]) -> None:
    """A model that comes with the program is not changed under its own version, and no changed number keeps the note that it was published.

    Raises ModelError naming every such part.
    """
    known = shipped()
    path = known.get(f"{model.id}@{model.version}", known.get(model.id))
    if path is None:
        return
    before = parse_document(pack_bytes(str(path))).value
    assert isinstance(before, dict)
    faults = [
        f"indicator {name}: {aspect} is another than in {path.stem}, and its note still says"
        f" published in {source}: name its own source, or say illustrative 数字已改，不可再注为原出处已公布"
        for name, aspect, source in stale_claims(before, value)
    ]
    if f"{model.id}@{model.version}" in known and differences(read_pack(str(path)), model):
        faults.append(f"{model.id}@{model.version} comes with the program and says otherwise: give the changed model another version 请换版本")
    if faults:
        raise ModelError("\n".join(faults))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Every line of a ModelError names the file."""
    try:
        yield
    except ModelError as error:
        raise ModelError("\n".join(f"{path}, {line}" for line in str(error).splitlines())) from error
