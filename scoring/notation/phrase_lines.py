"""The lines of a rule's phrase, told apart: bounds with points, words with numbers, names with points, flags. See ``scoring.notation.phrases``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from scoring.errors import ModelError
from scoring.notation.numbers import read_number

_SIGNS = str.maketrans({"≥": ">=", "≤": "<=", "＞": ">", "＜": "<", "：": ":", "；": ";", "，": ",", "［": "[", "］": "]", "％": "%", "\u3000": " "})
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")')
_LINE = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*"|[^":]*[^":\s])\s*:(?P<value>[^:]*)')
_BOUND = re.compile(r"(?P<sign>>=|<=|>|<)(?P<bound>.+)")
_FLAG = re.compile(r"(?:若 ?if|若|if) (?P<flag>\S+)")

Number = int | Decimal


@dataclass(frozen=True, slots=True)
class Lines:
    """(sign, bound, points), (name, points), (flag, points), and the words with their numbers, in the order written."""

    bounds: list[tuple[str, Number, Number]] = field(default_factory=list)
    names: list[tuple[str, Number]] = field(default_factory=list)
    flags: list[tuple[str, Number]] = field(default_factory=list)
    settings: dict[str, Number] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Sequence[str], signs: Mapping[str, str], words: Mapping[str, str]) -> Lines:
        """``words`` gives each setting's name in the other language. Raises ModelError for a line of no form, and for one said twice."""
        found = cls()
        for part in parts:
            match = _LINE.fullmatch(part)
            if match is None:
                raise ModelError(f"{part!r} is not understood: a line is a bound, a name or a word, a colon and a number, such as >= 0.3: 20 看不懂")
            found._take(match["name"], read_number(match["value"]), signs, words)
        return found

    def _take(self, name: str, number: Number, signs: Mapping[str, str], words: Mapping[str, str]) -> None:
        bound, flag = _BOUND.fullmatch(name), _FLAG.fullmatch(name)
        spelled = " ".join(name.split())
        setting = next((key for key, word in words.items() if spelled in {key, word, f"{word} {key}", f"{word}{key}"}), None)
        if bound is not None and bound["sign"] in signs:
            self.bounds.append((bound["sign"], read_number(bound["bound"]), number))
        elif flag is not None:
            self.flags.append((flag["flag"], number))
        elif setting is not None:
            self._once(name, setting in self.settings)
            self.settings[setting] = number
        else:
            self._once(name, (unquoted(name) in dict(self.names)))
            self.names.append((unquoted(name), number))

    @staticmethod
    def _once(name: str, there: bool) -> None:
        if there:
            raise ModelError(f"{name!r} stands twice 重复")


def unquoted(name: str) -> str:
    """A name without its quotation marks. Raises ModelError when what they hold is not written as in JSON."""
    if not name.startswith('"'):
        return name
    try:
        return str(json.loads(name))
    except ValueError as error:
        raise ModelError(f"{name} is not text in quotation marks 引号内不是文字") from error


def halfwidth(text: str) -> str:
    """Full-width signs as half-width ones, outside of quotation marks."""
    parts = _QUOTED.split(text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(part if place % 2 else part.translate(_SIGNS) for place, part in enumerate(parts))


def split(text: str) -> list[str]:
    """Lines, and parts after semicolons; what is in brackets stays together. Raises ModelError for a bracket or quotation mark without its other."""
    found: list[str] = []
    depth, start = 0, 0
    for place, sign in _signs(text):
        depth += (sign == "[") - (sign == "]")
        if depth < 0:
            raise ModelError("a bracket ] without its [ 方括号不成对")
        if depth == 0 and sign in "\n;":
            found.append(text[start:place])
            start = place + 1
    if depth:
        raise ModelError("a bracket [ without its ] 方括号不成对")
    return [part.strip() for part in (*found, text[start:]) if part.strip()]


def _signs(text: str) -> Iterator[tuple[int, str]]:
    """Every sign outside of quotation marks with its place."""
    place = 0
    while place < len(text):
        if text[place] == '"':
            match = _QUOTED.match(text, place)
            if match is None:
                raise ModelError('a quotation mark " without its other 引号不成对')
            place = match.end()
        else:
            yield place, text[place]
            place += 1
