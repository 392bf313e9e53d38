"""Numbers as officials write them: 30%, 100万, 1,000,000, full-width digits; always exact."""

from __future__ import annotations

import re
from decimal import Decimal

from scoring.errors import ModelError

_NUMBER = re.compile(r"(?P<sign>[-+]?)(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,18})(?:\.(?P<fraction>[0-9]{1,18}))?\s*(?P<unit>[%万亿]?)")
_UNITS = {"": 0, "%": -2, "万": 4, "亿": 8}
_WIDE = str.maketrans("０１２３４５６７８９．－＋，％", "0123456789.-+,%")


def read_number(text: str) -> int | Decimal:
    """The number of a text, whole ones as int. Raises ModelError when it is none.

    >>> [read_number(text) for text in ("20", "-0.50", "30%", "1,000,000", "2.5万", "１２", "3.0")]
    [20, Decimal('-0.50'), Decimal('0.30'), 1000000, 25000, 12, 3]
    """
    match = _NUMBER.fullmatch(text.strip().translate(_WIDE))
    if match is None:
        raise ModelError(f"{text.strip()!r} is not a number; numbers are written as 20, 0.5, 30%, 1,000,000 or 100万 不是数字")
    fraction = match["fraction"] or ""
    digits = f"{match['sign']}{match['whole'].replace(',', '')}{fraction}"
    return exact(Decimal(f"{digits}E{_UNITS[match['unit']] - len(fraction)}"))


def exact(number: Decimal) -> int | Decimal:
    """``number``, as int where it is whole. Requires a finite one."""
    return int(number) if number == number.to_integral_value() else number


def number_text(value: int | Decimal) -> str:
    """A number without units, sign or trailing zeros that it does not need.

    >>> number_text(Decimal("0.50")), number_text(1000000), number_text(Decimal("-3.00"))
    ('0.5', '1000000', '-3')
    """
    found = exact(Decimal(value))
    return str(found) if isinstance(found, int) else format(found, "f").rstrip("0")
