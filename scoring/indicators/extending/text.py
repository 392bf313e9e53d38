"""Plain values → YAML text in the strict subset of packs, one text for each value: how a resolved pack is written down.

Block style, two spaces an indentation, names in the order given; text that is not a plain word is quoted as in JSON. Decimals keep
their digits. What ``scoring.indicators.document`` reads from it is the value again. The bytes are hashed and signed, so this writer never changes;
text for people to read is laid out by ``scoring.notation.pack_text`` (docs/adr/0017).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_RESERVED = {"null", "true", "false"}
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")  # YAML takes these only as escapes


def yaml_text(value: dict[str, object]) -> str:
    """The document, ending with a newline. Requires dicts with text keys, tuples, text, int, Decimal, bool and None.

    >>> print(yaml_text({"id": "x", "on": {}, "tiers": ({"at_least": Decimal("0.30"), "points": (1, 2)}, "是"), "until": None}), end="")
    id: x
    on: {}
    tiers:
      - at_least: 0.30
        points:
          - 1
          - 2
      - "是"
    until: null
    """
    return "".join(f"{line}\n" for line in _mapping(value))


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield from _mapping(value)
    elif isinstance(value, tuple) and value:
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _mapping(value: dict[str, object]) -> Iterator[str]:
    for name, item in value.items():
        if isinstance(item, dict | tuple) and item:
            yield f"{_text(name)}:"
            yield from (f"  {line}" for line in _lines(item))
        else:
            yield f"{_text(name)}: {_scalar(item)}"


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, tuple):
        return "[]"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _text(text: str) -> str:
    if _WORD.fullmatch(text) and text not in _RESERVED:
        return text
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
