"""Codes and names of simulated enterprises: valid unified social credit codes that nobody was given, names that nobody bears."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from crypto.subjects import CHARSET, make_uscc

_BRAND = "澜玥栎翊珩霁樾璟沐岚稷昱芃岑浔峤蘅湛瀚泓翎煜霂晏漪璞衍岫汐珞峥筠屿澈弈煊沅璇骞旻珺霖祺琰桓棠熠朔"
_TRADES = (
    ("智能科技", "6513"), ("软件", "6511"), ("信息技术", "6531"), ("数字科技", "6550"), ("网络科技", "6440"), ("生物科技", "2761"),
    ("医疗器械", "3581"), ("医药科技", "2720"), ("半导体", "3972"), ("微电子", "3973"), ("光电科技", "3976"), ("自动化", "4011"),
    ("机器人", "3491"), ("新材料", "3985"), ("新能源", "3825"), ("环境科技", "3591"), ("物联网", "6532"), ("数据服务", "6450"),
    ("云计算", "6540"), ("安防技术", "3915"), ("传感技术", "3983"), ("精密仪器", "4014"), ("工业设计", "7491"), ("文化创意", "6572"),
)  # fmt: skip
"""What a company does, as its name says, and the class of GB/T 4754-2017 that it is registered under."""
TRADE_CODES = tuple(code for _, code in _TRADES)
BRANDS = len(_BRAND) ** 3


def assign_usccs(divisions: Mapping[str, str], pack: str, seed: int) -> dict[str, str]:
    """key -> valid USCC registered in its division, all different. ``divisions``: key -> six-digit division.

    The organisation code is drawn by SHA-256 from (pack, seed, key, attempt); an attempt that meets a code already given is repeated,
    keys being taken in order.
    """
    mapping: dict[str, str] = {}
    given: set[str] = set()
    for key in sorted(divisions):
        attempt = 0
        while (uscc := make_uscc("9", "1", divisions[key], _organisation(f"{pack}:{seed}:{attempt}:{key}"))) in given:
            attempt += 1
        given.add(uscc)
        mapping[key] = uscc
    return mapping


def pick(key: str, pack: str, seed: int, choices: tuple[str, ...]) -> str:
    """One of ``choices``, drawn by SHA-256 from (pack, seed, key)."""
    return choices[hashlib.sha256(f"{pack}:{seed}:pick:{key}".encode()).digest()[0] % len(choices)]


@dataclass(frozen=True, slots=True)
class Company:
    """An invented company: its name, and its trade as a class of GB/T 4754-2017."""

    name: str
    trade: str


def invented_companies(draw: np.random.Generator, joint_stock: Iterable[bool], places: tuple[str, str]) -> list[Company]:
    """Companies of different names, one for each item; those where the item is true are limited by shares (股份有限公司).

    ``places``: short names of the city, after which most are called, and of the province. Raises ValueError for more than BRANDS names.
    """
    shares = list(joint_stock)
    brands = draw.choice(BRANDS, size=len(shares), replace=False)
    trades = draw.integers(0, len(_TRADES), size=len(shares))
    called = draw.choice(list(places), size=len(shares), p=[0.9, 0.1])
    forms = ["股份有限公司" if share else "有限公司" for share in shares]
    return [
        Company(f"{place}{_brand(int(brand))}{_TRADES[trade][0]}{form}", _TRADES[trade][1])
        for place, brand, trade, form in zip(called, brands, trades, forms, strict=True)
    ]


def _brand(number: int) -> str:
    size = len(_BRAND)
    return _BRAND[number // size**2] + _BRAND[number // size % size] + _BRAND[number % size]


def _organisation(text: str) -> str:
    drawn = hashlib.sha256(text.encode()).digest()
    return "MA" + "".join(CHARSET[byte % len(CHARSET)] for byte in drawn[:6])
