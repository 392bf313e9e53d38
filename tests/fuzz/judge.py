"""What a reader of bytes from outside is, and when it has done well: it returns, or raises an error that the catalogue knows as a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.errors import ConnectorError
from crypto.errors import CryptoError
from nodes.errors import NodeError
from protos.errors import INTERNAL, WireFormatError, detail_of, refusal_of
from scoring.errors import ScoringError

DOMAIN = (ConnectorError, CryptoError, ScoringError, NodeError)


@dataclass(frozen=True)
class Parser:
    """``read`` takes bytes from outside; ``seeds`` are true documents. ``slow``: one reading takes over about ten milliseconds."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    slow: bool = False


def judge(parser: Parser, data: bytes) -> str:
    """The reason for which ``data`` is refused, empty when it is taken. Raises whatever else comes out: a defect."""
    try:
        parser.read(data)
    except DOMAIN as error:
        row = refusal_of(error)
        if row is INTERNAL:
            raise
        detail_of(error, row).encode()  # can be sent
        return row.reason
    return ""


def read_each(reads: Sequence[Callable[[], object]]) -> None:
    """Every one of ``reads``, refused or not; raises the last refusal when none is taken."""
    refused: list[Exception] = []
    for read in reads:
        try:
            read()
        except DOMAIN as error:
            refused.append(error)
    if len(refused) == len(reads):
        raise refused[-1]


def document(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``, for readers that are handed parsed JSON; anything else is refused here."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireFormatError("not JSON") from error
    if not isinstance(value, dict):
        raise WireFormatError("not an object")
    return value
