"""The form of roster and stages documents: canonical JSON of a head and rows of text, checked name by name [P3]."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NoReturn

from scoring.errors import RosterError

MAX_SUBJECTS = 1 << 20
MAX_DOCUMENT_BYTES = 1 << 26
MAX_AXES = 8
_SUBJECT = re.compile(r"([0-9a-f]{32}) ([0-9]{6})")
_MODEL = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_PERIOD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}")
_CELL = re.compile(r"-|0|[1-9][0-9]{0,3}")
Rows = list[list[str]]


def read_document(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``. Raises RosterError for anything else, or beyond the size bound."""
    if len(data) > MAX_DOCUMENT_BYTES:
        refuse(f"document has {len(data)} bytes, at most {MAX_DOCUMENT_BYTES} are allowed")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RosterError("document is not JSON") from error
    if not isinstance(document, dict):
        refuse("document is not a JSON object")
    return document


def parts_of(document: dict[str, Any], form: str, names: Iterable[str], width: int) -> tuple[dict[str, str], Rows]:
    """(names of the head, rows of ``width`` cells), all text. Raises RosterError for another format, name, width or type."""
    named = tuple(names)
    if document.keys() != {"format", "subjects", *named} or document["format"] != form:
        refuse(f"document is not of format {form}")
    subjects = document["subjects"]
    if not isinstance(subjects, list) or not all(isinstance(row, list) and len(row) == width for row in subjects):
        refuse(f"subjects must be a list of rows of {width}")
    if not all(isinstance(cell, str) for cell in chain((document[name] for name in named), *subjects)):
        refuse("every field must be a string")
    return {name: document[name] for name in named}, subjects


def check_head(zone: str, epoch: str, period: str, count: int) -> None:
    """Raises RosterError for malformed names, or for none or too many subjects."""
    if not _NAME.fullmatch(zone) or not _NAME.fullmatch(epoch) or not _PERIOD.fullmatch(period):
        refuse("zone and epoch must be names in lower case, period like 1995 or 2023-12")
    if not 1 <= count <= MAX_SUBJECTS:
        refuse(f"{count} subjects: a roster has 1 to {MAX_SUBJECTS}")


def check_model(model: str) -> None:
    """Raises RosterError unless ``model`` is a SHA-256 in hex."""
    if not _MODEL.fullmatch(model):
        refuse("model must be the sha256 of a pack, 64 hex digits")


def check_subject(subject: str, division: str) -> None:
    """Raises RosterError for a malformed subject id or division."""
    if not _SUBJECT.fullmatch(f"{subject} {division}"):
        refuse(f"({subject!r}, {division!r}) is not a subject id of 32 hex digits and a division of six digits")


def check_axes(axes: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    """Raises RosterError for malformed names of axes, none, too many or one twice, or for a row of other than one cell for each."""
    if not 1 <= len(axes) <= MAX_AXES or len(set(axes)) != len(axes) or not all(_NAME.fullmatch(axis) for axis in axes):
        refuse(f"axes are 1 to {MAX_AXES} names of fields, each once")
    for row in cells:
        if len(row) != len(axes) or not all(_CELL.fullmatch(cell) for cell in row):
            refuse(f"a subject has a cell on each axis: a number from 0 on, or - for none; not {list(row)!r}")


def ranks(stage_order: Sequence[str], used: Iterable[str]) -> dict[str, int]:
    """Place of each stage in the model's order. Raises RosterError when one that is used is not of the model."""
    if unknown := set(used) - set(stage_order):
        refuse(f"stage {min(unknown)!r} is not of the model: {', '.join(stage_order)}")
    return {stage: place for place, stage in enumerate(stage_order)}


def refuse(detail: str) -> NoReturn:
    raise RosterError(detail)
