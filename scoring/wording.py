"""What a validator found in a document, in the words of the person who wrote it: what would be right, in English and Chinese, no pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_NAME = "lower-case letters, digits, - and _, a letter first, such as rd-expense 只用小写字母、数字、-、_，以字母开头，如 rd-expense"
FORMS: Mapping[str, str] = {
    r"^[a-z][a-z0-9_-]{0,62}$": f"a name is {_NAME}",
    r"^[a-z][a-z0-9_]{0,62}$": "a field's name is lower-case letters, digits and _, a letter first, such as rd_expense"
    " 字段名只用小写字母、数字、_，以字母开头，如 rd_expense",
    r"^[A-Za-z][A-Za-z0-9_-]{0,62}$": "a stage's name is letters, digits, - and _, a letter first, such as seed"
    " 阶段标识只用字母、数字、-、_，以字母开头，如 seed",
    r"^[0-9a-z][0-9a-z.-]{0,30}$": "a version is digits, lower-case letters, points and -, such as 2 or 2026.1"
    " 版本只用数字、小写字母、点、-，如 2 或 2026.1",
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$": "a day is written as 2026-01-31 日期写作 2026-01-31",
    r"^[0-9a-f]{64}$": "a SHA-256 is 64 digits from 0 to 9 and a to f SHA-256 是 64 位 0–9、a–f",
    r"^[a-z][a-z0-9.-]{1,62}$": "a member id is lower-case letters, digits, points and -, a letter first, such as bank-a"
    " 成员标识只用小写字母、数字、点、-，以字母开头，如 bank-a",
    r"^[0-9a-f]{32}$": "a subject id is 32 digits from 0 to 9 and a to f 企业标识是 32 位 0–9、a–f",
    r"^[0-9A-HJ-NPQRTUWXY]{18}$": "a unified social credit code is 18 digits and capital letters, none of I, O, S, V, Z"
    " 统一社会信用代码为 18 位数字和大写字母，不含 I、O、S、V、Z",
    r"^[^\x00-\x20\x7f;,]{1,64}$": "a category's value is up to 64 signs without spaces, commas and semicolons"
    " 类别取值不含空格、逗号、分号，至多 64 字",
    r"^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$": "a period is digits, letters, points and -, such as 2023 期间只用数字、字母、点、-，如 2023",
    r"^[^0-9年月/-]{1,5}$": "what separates months is up to five signs that no month is written with 月份分隔符至多 5 字，且不是写月份所用的字",
    r"^(19|20|21)[0-9]{2}$": "a year is written as 2023 年份写作 2023",
    r"^[A-Z0-9]{1,5}$": "a currency's code is capital letters and digits, such as USD 币制代码只用大写字母、数字，如 USD",
    r"^[A-Za-z0-9._~-]{1,80}$": "a key's id is letters, digits, points, _, ~ and - 密钥标识只用字母、数字、点、_、~、-",
    r"^[^\x00-\x1f\x7f]{1,200}$": "the name of a view is one line of up to 200 signs 视图名为一行，至多 200 字",
    r"\S": "it must not be empty 不可为空",
}
"""Patterns of packs, mappings and options of commands -> what would be right. Whoever adds a pattern to either adds its words: a test looks."""
OTHER_FORM = "it is not written as this part is: see the specification 写法不对，见规范"
_Context = Mapping[str, Any]
_WORDS: Mapping[str, Callable[[_Context], str]] = {
    "missing": lambda _: "is required 必填",
    "extra_forbidden": lambda _: "is not a name of the format at this place 此处没有这个名称",
    "string_pattern_mismatch": lambda found: FORMS.get(str(found["pattern"]), OTHER_FORM),
    "literal_error": lambda found: _one_of(str(found["expected"])),
    "int_type": lambda _: "a whole number is expected 应为整数",
    "int_from_float": lambda _: "a whole number is expected 应为整数",
    "int_parsing": lambda _: "a whole number is expected 应为整数",
    "string_type": lambda _: "text is expected; what looks like a number stands in quotation marks 应为文字；像数字的文字要加引号",
    "bool_type": lambda _: "true or false is expected 应为 true 或 false（是、否）",
    "tuple_type": lambda _: "a list is expected: [first, second] 应为列表",
    "dict_type": lambda _: "parts with names are expected: name: value 应为带名称的各项",
    "model_type": lambda _: "parts with names are expected: name: value 应为带名称的各项",
    "model_attributes_type": lambda _: "parts with names are expected: name: value 应为带名称的各项",
    "greater_than": lambda found: f"a number above {found['gt']} is expected 应大于 {found['gt']}",
    "greater_than_equal": lambda found: f"a number from {found['ge']} on is expected 应不小于 {found['ge']}",
    "less_than": lambda found: f"a number below {found['lt']} is expected 应小于 {found['lt']}",
    "less_than_equal": lambda found: f"a number up to {found['le']} is expected 应不大于 {found['le']}",
    "too_short": lambda found: f"at least {found['min_length']} is needed 至少要有 {found['min_length']} 项",
    "too_long": lambda found: f"at most {found['max_length']} may stand here 至多 {found['max_length']} 项",
    "string_too_short": lambda found: f"at least {found['min_length']} signs are needed 至少 {found['min_length']} 字",
    "string_too_long": lambda found: f"at most {found['max_length']} signs are read 至多 {found['max_length']} 字",
    "union_tag_invalid": lambda found: _one_of(str(found["expected_tags"])),
    "union_tag_not_found": lambda found: f"{str(found['discriminator']).strip(chr(39))} is required 必填",
}


def worded(kind: str, context: _Context, message: str) -> str:
    """One finding of a pydantic validator: ``kind`` is its type, ``context`` what it was compared with, ``message`` what the validator says.

    What our own validators say stands as it is; so does what has no words here.
    """
    words = _WORDS.get(kind)
    return message.removeprefix("Value error, ") if words is None else words(context)


def _one_of(expected: str) -> str:
    """Spellings as pydantic lists them: 'a', 'b' or 'c'.

    >>> _one_of("'a', 'b' or 'c'"), _one_of("'a'")
    ("one of 'a', 'b', 'c' is expected 应为其中之一", "'a' is expected 应为 'a'")
    """
    spellings = expected.replace(" or ", ", ")
    return f"one of {spellings} is expected 应为其中之一" if ", " in spellings else f"{spellings} is expected 应为 {spellings}"
