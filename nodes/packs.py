"""Which packs there are: those shipped with the program by id, any other by path; each resolved where it extends another."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import scoring
from scoring.errors import ModelError
from scoring.indicators.extending.extension import Source, resolve
from scoring.indicators.model import Model, load_pack

PACKS = Path(scoring.__file__).parent / "packs"
_PRODUCTS = re.compile(rb"^products:", re.MULTILINE)
_BASE = re.compile(rb"^extends:\n  id: (?P<id>[a-z0-9_-]+)\n  version: \"?(?P<version>[0-9a-z.-]+)\"?$", re.MULTILINE)
_FILE = re.compile(r"(?P<id>[a-z][a-z0-9_-]*)@(?P<version>[0-9a-z][0-9a-z.-]*)\.yaml")


@cache
def shipped() -> dict[str, Path]:
    """File of every shipped pack by ``id@version``, and of the latest version of each by its id alone; libraries and policies included."""
    found: dict[str, Path] = {}
    for path in sorted(PACKS.rglob("*.yaml"), key=_version_order):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise ModelError(f"{path}: a pack's file is named <id>@<version>.yaml 文件名不符")
        found[f"{match['id']}@{match['version']}"] = path
        found[match["id"]] = path
    return found


def shipped_packs() -> list[str]:
    """Ids of the packs that come with the program, in order."""
    return [name for name in shipped() if "@" not in name]


def pack_path(reference: str) -> Path:
    """The pack that a person means: a shipped id, ``id@version``, or a path. Raises ModelError naming what there is."""
    packs = shipped()
    if reference in packs:
        return packs[reference]
    path = Path(reference)
    if path.is_file():
        return path
    raise ModelError(f"{reference} is neither a file nor a shipped pack 既非文件也非随附的指标包; there are 现有 {', '.join(shipped_packs())}")


def pack_bytes(reference: str) -> bytes:
    """The exact bytes of the pack that a person means, resolved: what is signed, admitted and hashed.

    A base is looked for beside the pack, in the folder of its own id beside the pack's folder, then among the shipped ones. Raises
    ModelError, whose every line names file, line and path where the fault lies in one that extends another.
    """
    path = pack_path(reference)
    return resolve(Source(str(path), path.read_bytes()), lambda name, version: _base(path, name, version))


def shipped_pack(pack_id: str) -> bytes:
    """As ``pack_bytes``, of the newest version of a pack that comes with the program. Raises ModelError naming those that there are."""
    if pack_id not in shipped():
        raise ModelError(f"no pack {pack_id!r}: there are 现有 {', '.join(shipped_packs())}")
    return pack_bytes(pack_id)


def lends(reference: str) -> bool:
    """Whether a pack, or one that it extends, states products: read off their text, which is not checked."""
    path = pack_path(reference)
    text = path.read_bytes()
    if _PRODUCTS.search(text):
        return True
    base = _BASE.search(text)
    found = None if base is None else _base(path, base["id"].decode(), base["version"].decode())
    return found is not None and lends(found.name)


def read_pack(reference: str) -> Model:
    """The model of ``reference``. Raises ModelError whose every line names file, line and path."""
    path, data = pack_path(reference), pack_bytes(reference)
    try:
        return load_pack(data)
    except ModelError as error:
        raise ModelError("\n".join(f"{path}, {line}" for line in str(error).splitlines())) from error


def _base(path: Path, name: str, version: str) -> Source | None:
    file = f"{name}@{version}.yaml"
    known = shipped().get(f"{name}@{version}")
    places = (path.parent / file, path.parent.parent / name / file, *(() if known is None else (known,)))
    found = next((place for place in places if place.is_file()), None)
    return None if found is None else Source(str(found), found.read_bytes())


def _version_order(path: Path) -> tuple[str, tuple[int, ...]]:
    return path.name.partition("@")[0], tuple(int(part) for part in re.findall(r"[0-9]+", path.stem.partition("@")[2]))
