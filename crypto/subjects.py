"""Subject ids, and the unified social credit codes behind them [P3.1; GB 32100-2015, GB 11714].

A code has 18 characters: registering authority 1, category 1, division 6, organisation 9 with its own check character, check 1.
Whether a code is registered, and to whom, is not known here.
"""

from __future__ import annotations

import hmac
import re
import warnings

from crypto.encoding import frame, label
from crypto.errors import SubjectError

CHARSET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUE = {character: value for value, character in enumerate(CHARSET)}
_WEIGHTS = tuple(pow(3, position, 31) for position in range(17))
_ORGANISATION_VALUE = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_LENGTH = 18
_FORM = re.compile(rf"[{CHARSET}]{{2}}[0-9]{{6}}[{CHARSET}]{{10}}")


class OuterCheckCharacterWarning(UserWarning):
    """Only the last check character of a code is wrong. Some early codes are like that and valid, so this does not refuse them."""


def subject_id(roster_key: bytes, uscc: str) -> str:
    """The first 16 bytes, in hex, of HMAC-SHA-256 under the roster key over label and code [P3.1].

    Raises SubjectError when the code has another length or charset than 18 characters of ``CHARSET``; check characters
    are the business of ``check_uscc``.
    """
    _check_characters(uscc)
    return hmac.digest(roster_key, frame(label("subject"), uscc.encode()), "sha256")[:16].hex()


def check_uscc(uscc: str) -> None:
    """Holds when the code is well-formed. Raises SubjectError naming length, charset or the organisation's (inner) check character.

    When nothing but the last (outer) check character is wrong, it warns with OuterCheckCharacterWarning instead.
    """
    if remark := examine_uscc(uscc):
        warnings.warn(remark, OuterCheckCharacterWarning, stacklevel=2)


def examine_uscc(uscc: str) -> str:
    """As ``check_uscc``, for those who read many codes: returns what it would warn of, empty where nothing is wrong.

    >>> examine_uscc("91350100M0001TGQXM")
    "outer check character is 'M', expected '1'"
    """
    _check_characters(uscc)
    inner = _inner_character(uscc[8:16])
    if uscc[16] != inner:
        raise SubjectError(f"inner check character of the organisation is {uscc[16]!r}, expected {inner!r} 组织机构代码校验码不符")
    outer = outer_character(uscc[:17])
    return "" if uscc[17] == outer else f"outer check character is {uscc[17]!r}, expected {outer!r}"


def make_uscc(authority: str, category: str, division: str, organisation: str) -> str:
    """Code of its parts (1, 1, 6 and 8 characters) with both check characters. Raises SubjectError when a part does not fit."""
    if (len(authority), len(category), len(division), len(organisation)) != (1, 1, 6, 8):
        raise SubjectError("length: expected authority 1, category 1, division 6, organisation 8 characters")
    body = authority + category + division + organisation
    _check_charset(body)
    body += _inner_character(organisation)
    uscc = body + outer_character(body)
    _check_characters(uscc)
    return uscc


def outer_character(body: str) -> str:
    """Check character of the first 17 characters: (31 − Σ value·3^(i−1)) mod 31. Requires 17 characters of ``CHARSET``."""
    total = sum([_VALUE[character] * weight for character, weight in zip(body, _WEIGHTS, strict=True)])
    return CHARSET[-total % 31]


def _inner_character(organisation: str) -> str:
    total = sum([_ORGANISATION_VALUE[c] * weight for c, weight in zip(organisation, _ORGANISATION_WEIGHTS, strict=True)])
    return "0123456789X0"[11 - total % 11]


def _check_characters(uscc: str) -> None:
    if _FORM.fullmatch(uscc):
        return
    if len(uscc) != _LENGTH:
        raise SubjectError(f"length: {len(uscc)} characters, expected {_LENGTH} 位数不符")
    _check_charset(uscc)
    if not (uscc[2:8].isascii() and uscc[2:8].isdigit()):
        raise SubjectError("charset: characters 3 to 8, the division, are not digits 行政区划码应为数字")


def _check_charset(text: str) -> None:
    for position, character in enumerate(text, start=1):
        if character not in CHARSET:
            raise SubjectError(f"charset: character {position} is {character!r}, expected one of {CHARSET} 含不允许的字符")
