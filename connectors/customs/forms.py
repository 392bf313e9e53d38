"""The fields of a declaration: what they are called, and which form a value has [K3]. Reading is lenient in lengths, building is not."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources

from connectors.errors import DeclarationError, DeliveryError

_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,10})?")
_FORM = re.compile(r"(a?n)(\.\.)?([0-9]+)(?:,([0-9]+))?")
_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Form:
    """What a field's value looks like. ``kind``: number, text, choice or, where no length is known, any; ``limit`` says it as the data map does."""

    kind: str
    limit: str
    most: int = 0
    fraction: int = 0
    exact: bool = False
    choices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Form:
        """Form of its notation, as in fields.csv.

        >>> Form.parse("n..19,5").kind, Form.parse("an..70").most, Form.parse("I|E").choices
        ('number', 70, ('I', 'E'))
        """
        match = _FORM.fullmatch(text)
        if match is None:
            return cls("choice", text, choices=tuple(text.split("|"))) if text else cls("any", "")
        kind, upto, most, fraction = match.groups()
        return cls("number" if kind == "n" else "text", text, int(most), int(fraction or 0), exact=upto is None)

    def check(self, path: str, value: str) -> None:
        """Holds when ``value`` may be written. Raises DeclarationError that names ``path``, the limit and what is wrong."""
        if _ILLEGAL.search(value):
            raise DeclarationError(f"{path}: a character that XML cannot carry 含 XML 不允许的字符")
        if value != value.strip():
            raise DeclarationError(f"{path}: white space at an end of the value would not be read back 值的首尾不得有空白")
        if value == "" or self.kind == "any":
            return
        if self.kind == "choice":
            if value not in self.choices:
                raise DeclarationError(f"{path}: one of {', '.join(self.choices)} is right, not {value[:20]!a} 应为其中之一")
        elif self.kind == "text":
            self._check_length(path, len(value), "characters")
        else:
            self._check_number(path, value)

    def _check_number(self, path: str, value: str) -> None:
        whole, _, fraction = value.partition(".")
        if not _NUMBER.fullmatch(value):
            raise DeclarationError(f"{path}: a number >= 0 in plain digits is right ({self.limit}), not {value[:40]!a} 应为非负数字")
        if len(fraction) > self.fraction:
            raise DeclarationError(f"{path}: {len(fraction)} fraction digits; at most {self.fraction} are right ({self.limit}) 小数位数过多")
        self._check_length(path, len(whole) + len(fraction), "digits")

    def _check_length(self, path: str, length: int, what: str) -> None:
        if length > self.most or (self.exact and length != self.most):
            raise DeclarationError(f"{path}: {length} {what}; {'exactly' if self.exact else 'at most'} {self.most} are right ({self.limit}) 长度不符")


ANY = Form.parse("")


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of one part. ``versions``: those of the message that write it; empty: all."""

    form: Form
    versions: tuple[str, ...]


@cache
def fields() -> Mapping[str, Mapping[str, FieldRule]]:
    """Part of a declaration -> its fields by name."""
    text = resources.files("connectors.customs").joinpath("fields.csv").read_text(encoding="utf-8")
    found: dict[str, dict[str, FieldRule]] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        found.setdefault(row["part"], {})[row["field"]] = FieldRule(Form.parse(row["form"]), tuple(row["versions"].split()))
    return found


@cache
def amount_fields(part: str) -> tuple[str, ...]:
    """Names of a part's fields that are weights, rates, quantities, prices or totals: what is read as a number must be one."""
    return tuple(name for name, rule in fields().get(part, {}).items() if rule.form.fraction)


def number(path: str, value: str) -> Decimal:
    """The exact number that ``value`` is. Raises DeliveryError naming ``path`` when it is none in plain digits."""
    if not _NUMBER.fullmatch(value):
        raise DeliveryError(f"{path}: a number >= 0 in plain digits is expected 应为非负数字")
    return Decimal(value)
