"""Finding packs: those shipped with the program by id, any other by path."""

from __future__ import annotations

import re
from pathlib import Path

import scoring
from scoring.errors import ModelError
from scoring.indicators.model import Model, load_pack

_FILE = re.compile(r"(?P<id>[a-z][a-z0-9_-]*)@(?P<version>[0-9a-z][0-9a-z.-]*)\.yaml")


def shipped() -> dict[str, Path]:
    """File of every shipped pack by ``id@version``, and of the latest version of each by its id alone."""
    found: dict[str, Path] = {}
    for path in sorted((Path(scoring.__file__).parent / "packs").glob("*/*.yaml"), key=_version_order):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise ModelError(f"{path}: a pack's file is named <id>@<version>.yaml")
        found[f"{match['id']}@{match['version']}"] = path
        found[match["id"]] = path
    return found


def pack_path(reference: str) -> Path:
    """The pack that a person means: a shipped id, ``id@version``, or a path. Raises ModelError naming what there is."""
    packs = shipped()
    if reference in packs:
        return packs[reference]
    path = Path(reference)
    if path.is_file():
        return path
    raise ModelError(f"{reference} is neither a file nor a shipped pack; there are {', '.join(name for name in packs if '@' not in name)}")


def read_pack(reference: str) -> Model:
    """The model of ``reference``. Raises ModelError whose every line names file, line and path."""
    path = pack_path(reference)
    try:
        return load_pack(path.read_bytes())
    except ModelError as error:
        raise ModelError("\n".join(f"{path}, {line}" for line in str(error).splitlines())) from error


def _version_order(path: Path) -> tuple[str, tuple[int, ...]]:
    return path.name.partition("@")[0], tuple(int(part) for part in re.findall(r"[0-9]+", path.stem.partition("@")[2]))
