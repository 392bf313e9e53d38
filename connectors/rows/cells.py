"""Text of one cell → canonical text of a value [C3]: nothing is guessed, and whatever is not as stated here is refused.

Every reader takes text without white space around it, and raises ValueError saying what would be right, never what was there.
Digits and signs of double width are read as the plain ones; spellings (flags, categories) are compared as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal

Reader = Callable[[str], str]
MAX_DIGITS = 30
MAX_TEXT = 200
MAX_CELL = 4000
NOT_CALCULATED = "#NOT-CALCULATED!"
"""What stands for a formula whose value the workbook does not hold: no reader takes it."""

_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_NUMBER = re.compile(r"([+-]?)([0-9]{1,40}|[0-9]{1,3}(?:,[0-9]{3}){1,12})(?:\.([0-9]{1,40}))?")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})-([0-9]{2})|([0-9]{2})([0-9]{2})|/([0-9]{1,2})/([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)")
_TIME = re.compile(r"(.{8,11}?)[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?")
_MONTH = re.compile(r"([0-9]{4})(?:-([0-9]{2})|([0-9]{2})|/([0-9]{1,2})|年([0-9]{1,2})月)")
_YEAR = re.compile(r"((?:19|20|21)[0-9]{2})(?:年度?)?")
_PERIOD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}")
_BARRED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_ERROR = re.compile(r"#[A-Z0-9/_-]+[!?]?")


def narrow(text: str) -> str:
    """``text`` with characters of double width as the plain ones.

    >>> narrow("１２，３４５．６")
    '12,345.6'
    """
    return text if text.isascii() else text.translate(_NARROW)


def number(text: str, shift: int = 0) -> str:
    """An exact decimal, multiplied by 10**``shift``; thousands separators where every third digit has one.

    >>> number("1,234.50", 4), number("-０.0050"), number("52", -2)
    ('12345000', '-0.005', '0.52')
    """
    match = _NUMBER.fullmatch(narrow(text))
    if match is None:
        raise ValueError("an exact decimal number is expected, such as 1234.56 or 1,234.56 应为数字")
    sign, whole, fraction = match[1], match[2].replace(",", ""), match[3] or ""
    if shift > 0:
        fraction = fraction.ljust(shift, "0")
        whole, fraction = whole + fraction[:shift], fraction[shift:]
    elif shift < 0:
        whole = whole.rjust(-shift, "0")
        whole, fraction = whole[:shift], whole[shift:] + fraction
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    if len(whole) > MAX_DIGITS or len(fraction) > MAX_DIGITS:
        raise ValueError(f"a number has at most {MAX_DIGITS} digits on either side of the point 数字位数过多")
    value = f"{whole}.{fraction}" if fraction else whole
    return f"-{value}" if sign == "-" and value != "0" else value


def integer(text: str) -> str:
    """A whole number; ``12.00`` is one.

    >>> integer("1,200"), integer("12.00")
    ('1200', '12')
    """
    value = number(text)
    if "." in value:
        raise ValueError("a whole number is expected 应为整数")
    return value


def day(text: str) -> str:
    """A date in one of four forms, as ISO text.

    >>> day("2024-01-31"), day("20240131"), day("2024/1/31"), day("2024年1月31日")
    ('2024-01-31', '2024-01-31', '2024-01-31', '2024-01-31')
    """
    match = _DATE.fullmatch(narrow(text))
    if match is None or match.lastindex is None:
        raise ValueError("a date is expected as 2024-01-31, 20240131, 2024/1/31 or 2024年1月31日 应为日期")
    try:
        found = date(int(match[1]), int(match[match.lastindex - 1]), int(match[match.lastindex]))
    except ValueError as error:
        raise ValueError("there is no such day 无此日期") from error
    if not 1900 <= found.year <= 2199:
        raise ValueError("a day of the years 1900 to 2199 is expected 年份超出范围")
    return found.isoformat()


def day_of_time(text: str) -> str:
    """The date of a point in time, as it is written there; a date alone is read too.

    >>> day_of_time("2024-01-31 23:59:00"), day_of_time("2024-01-31T23:59:00+08:00")
    ('2024-01-31', '2024-01-31')
    """
    match = _TIME.fullmatch(narrow(text))
    return day(text if match is None else match[1])


def month(text: str) -> str:
    """A month as ``2023-01``.

    >>> month("2023-01"), month("202301"), month("2023/1"), month("2023年1月")
    ('2023-01', '2023-01', '2023-01', '2023-01')
    """
    match = _MONTH.fullmatch(narrow(text))
    if match is None or match.lastindex is None or not (1 <= int(match[match.lastindex]) <= 12 and "1900" <= match[1] <= "2199"):
        raise ValueError("a month is expected as 2023-01, 202301, 2023/1 or 2023年1月 应为月份")
    return f"{match[1]}-{int(match[match.lastindex]):02}"


def months(text: str, separator: str) -> str:
    """Months between separators, ascending and each once.

    >>> months("2023年2月、2023年1月", "、")
    '2023-01;2023-02'
    """
    return ";".join(sorted({month(part.strip()) for part in text.split(separator)}))


def year(text: str) -> str:
    """A year of four digits.

    >>> year("2023"), year("2023年度")
    ('2023', '2023')
    """
    match = _YEAR.fullmatch(narrow(text))
    if match is None:
        raise ValueError("a year is expected as 2023, 2023年 or 2023年度 应为年份")
    return match[1]


def period(text: str) -> str:
    """A period by the name that the zone gives it, such as 2023 or 2023-12."""
    found = narrow(text)
    if _PERIOD.fullmatch(found) is None:
        raise ValueError("a period is expected, such as 2023 or 2023-12 应为所属期")
    return found


def spelled(spellings: Mapping[str, str]) -> Reader:
    """Reader of what has a closed list of spellings: flags, categories."""

    def read(text: str) -> str:
        try:
            return spellings[text]
        except KeyError:
            raise ValueError(f"应为其中之一 one of {', '.join(spellings)} is expected") from None

    return read


def words(text: str) -> str:
    """Text such as a company's name: one line of at most 200 characters; what is written in the place of a value is none, such as #REF!."""
    if len(text) > MAX_TEXT or _BARRED.search(text):
        raise ValueError(f"one line of at most {MAX_TEXT} characters is expected 应为一行文字，且不得过长")
    if _ERROR.fullmatch(text):
        raise ValueError("the source has no value for this 来源未给出此值")
    return text


def text_of(value: object) -> str:
    """Text of a typed value of a database or a document; what has no exact text is written so that no reader takes it.

    >>> text_of(None), text_of(True), text_of(12.5), text_of(Decimal("1E+3")), text_of(datetime(2024, 1, 31))
    ('', 'true', '12.5', '1000', '2024-01-31')
    """
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case float():
            text = _plain(Decimal(repr(value)))
        case Decimal():
            text = _plain(value)
        case datetime():
            midnight = value.tzinfo is None and value.time() == time.min
            text = value.date().isoformat() if midnight else value.isoformat(" ")
        case date():
            text = value.isoformat()
        case bytes() | bytearray() | memoryview():
            text = f"#BYTES-{len(value)}!"
        case _:
            text = str(value)
    return text


def _plain(value: Decimal) -> str:
    return format(value, "f") if value.is_finite() and abs(value.adjusted()) <= MAX_DIGITS else str(value)
