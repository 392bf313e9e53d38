"""Plain values → the YAML text of a pack, laid out as the shipped packs are: the inverse of ``scoring.indicators.document``.

What fits a line is written on it; what does not goes to lines of its own. Comments are nobody's value: a pack that was read and written
again has none. Its looks may change: what is hashed without having been written by a person is written by
``scoring.indicators.extending.text`` (docs/adr/0017).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from scoring.errors import ModelError

WIDTH = 150
_PLAIN = re.compile(r"[^\W\d_](?:[ ]?[\w（）《》“”〔〕、，。；：·&'%+./()—-])*")  # starts with a letter: no number, no date, no sign of YAML
_WORDS = frozenset({"null", "true", "false"})
_UNPRINTABLE = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")


def pack_text(document: Mapping[str, object]) -> str:
    """YAML of a pack's value: nested mappings, tuples, text, whole numbers, decimals, true, false and null. Ends with a newline.

    ``parse_document(pack_text(x).encode()).value == x``. Raises ModelError for a value of another type, or a number that a pack cannot
    state: a decimal has at most 18 digits on each side.
    """
    lines: list[str] = []
    for name, value in document.items():
        if lines and _nested(value):
            lines.append("")
        lines += _entry(name, value, "", inline=False)
    return "\n".join(lines) + "\n"


def flow(value: object) -> str:
    """A value on one line.

    >>> flow({"at_least": Decimal("0.50"), "points": 2, "of": ("a", "b, c")})
    '{at_least: 0.50, points: 2, of: [a, "b, c"]}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(name)}: {flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _number(value)


def _nested(value: object) -> bool:
    return isinstance(value, (Mapping, tuple)) and bool(value)


def _entry(name: str, value: object, indent: str, *, inline: bool = True) -> Iterator[str]:
    """Lines of ``name: value``. A mapping or sequence at the top of the pack is never put on one line."""
    head = f"{indent}{_text(name)}:"
    short = f"{head} {flow(value)}"
    if not _nested(value) or (len(short) <= WIDTH and (inline or _all_plain(value))):
        yield short
        return
    yield head
    yield from _block(value, indent + "  ")


def _block(value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _entry(name, item, indent)
        return
    assert isinstance(value, tuple)
    for item in value:
        short = f"{indent}- {flow(item)}"
        if len(short) <= WIDTH or not _nested(item):
            yield short
        else:
            first, *rest = _block(item, indent + "  ")
            yield f"{indent}- {first.strip()}"
            yield from rest


def _all_plain(value: object) -> bool:
    """Whether nothing is nested inside: a title stays on the line of its name even at the top."""
    return isinstance(value, Mapping) and not any(_nested(item) for item in value.values())


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text not in _WORDS:
        return text
    return '"' + _UNPRINTABLE.sub(_escape, text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escape(match: re.Match[str]) -> str:
    return f"\\U{ord(match[0]):08X}"


def _number(value: object) -> str:
    if not isinstance(value, (int, Decimal)) or (isinstance(value, Decimal) and not value.is_finite()):
        raise ModelError(
            f"a pack holds text, whole numbers, decimals, true and false, not {type(value).__name__} 只写文本、整数、小数、true 或 false"
        )
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(whole) > 18 or len(fraction) > 18:
        raise ModelError(f"{text}: a number has at most 18 digits before and after the point 小数点前后至多 18 位")
    return text
