"""What a signed request asks for: the body of a score request, of one item of a batch, or of a portrait [P5.1]."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from scoring.errors import RequestFormatError
from scoring.statements import Hex16, Name, Record

MAX_BATCH = 1000
SCORES_PATH = "/v1/scores"
BATCH_PATH = "/v1/scores:batch"
PORTRAITS_PATH = "/v1/portraits"


class ScoreAsked(Record):
    """One score: a product's line for one enterprise, under one consent."""

    subject: Hex16
    product: Name
    purpose: Name
    consent_id: Hex16


class BatchAsked(Record):
    items: tuple[ScoreAsked, ...]


class PortraitAsked(Record):
    """An enterprise's own points, under its own consent."""

    subject: Hex16
    consent_id: Hex16


def asked(path: str, body: dict[str, Any], subject: str = "") -> ScoreAsked | PortraitAsked:
    """What the request to ``path`` with JSON ``body`` asks about ``subject`` (needed for a batch only).

    Raises RequestFormatError when the body does not fit, or a batch has no or several items about the subject.
    """
    if path == PORTRAITS_PATH:
        return _parse(PortraitAsked, body)
    if path == SCORES_PATH:
        return _parse(ScoreAsked, body)
    if path != BATCH_PATH:
        raise RequestFormatError(f"{path} takes no signed request")
    found = [item for item in batch_items(body) if item.subject == subject]
    if len(found) != 1:
        raise RequestFormatError(f"the batch has {len(found)} items about this subject, it must have one")
    return found[0]


def batch_items(body: dict[str, Any]) -> tuple[ScoreAsked, ...]:
    """Items of a batch, 1 to 1,000, each subject once. Raises RequestFormatError."""
    items = _parse(BatchAsked, body).items
    if not 1 <= len(items) <= MAX_BATCH:
        raise RequestFormatError(f"a batch has 1 to {MAX_BATCH} items, this one {len(items)}")
    if len({item.subject for item in items}) != len(items):
        raise RequestFormatError("a batch names a subject twice")
    return items


def _parse(cls: type[Any], body: dict[str, Any]) -> Any:
    try:
        return cls.model_validate(body, strict=False)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise RequestFormatError(f"body: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
