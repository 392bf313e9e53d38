"""Every Chinese text of every page has its English, and no catalogue says what no page does [W5]."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(path.parent for top in ("nodes", "gateway") for path in (ROOT / top).rglob("en.po"))
METHODS = [("**.py", "python"), ("**.j2", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def test_there_are_catalogues() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_every_text_has_its_english(folder: Path) -> None:
    with (folder / "en.po").open("rb") as file:
        messages = [message for message in read_po(file, locale="en") if message.id]
    known = {_one(message.id): message.string for message in messages}
    used = set(_used(folder))
    assert used - known.keys() == set(), "without English"
    assert known.keys() - used == set(), "used nowhere"
    for message in messages:
        assert all(message.string if isinstance(message.string, tuple) else (message.string,)), message.id
        assert not message.fuzzy, message.id


def _used(folder: Path) -> Iterator[str]:
    nested = [other for other in FOLDERS if folder in other.parents]
    options = {"**.j2": {"trim_blocks": "true", "lstrip_blocks": "true", "extensions": "jinja2.ext.do", "newstyle_gettext": "true"}}
    for name, _line, text, _comments, _context in extract_from_dir(folder, METHODS, options, KEYWORDS):
        if not any(other in (folder / name).parents for other in nested):
            yield _one(text)


def _one(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else text[0]
