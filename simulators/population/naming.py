"""Codes and names of simulated enterprises: valid unified social credit codes that nobody was given, names that nobody bears."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from crypto.subjects import CHARSET, make_uscc

_BRAND = "澜玥栎翊珩霁樾璟沐岚稷昱芃岑浔峤蘅湛瀚泓翎煜霂晏漪璞衍岫汐珞峥筠屿澈弈煊沅璇骞旻珺霖祺琰桓棠熠朔"
_TRADES = (
    "智能科技", "软件", "信息技术", "数字科技", "网络科技", "生物科技", "医疗器械", "医药科技", "半导体", "微电子", "光电科技", "自动化",
    "机器人", "新材料", "新能源", "环境科技", "物联网", "数据服务", "云计算", "安防技术", "传感技术", "精密仪器", "工业设计", "文化创意",
)  # fmt: skip
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


def company_names(draw: np.random.Generator, joint_stock: Iterable[bool]) -> list[str]:
    """Different invented names, one for each item; those where the item is true are of companies limited by shares (股份有限公司).

    Raises ValueError for more than BRANDS names.
    """
    shares = list(joint_stock)
    brands = draw.choice(BRANDS, size=len(shares), replace=False)
    trades = draw.integers(0, len(_TRADES), size=len(shares))
    places = draw.choice(["杭州", "浙江"], size=len(shares), p=[0.9, 0.1])
    forms = ["股份有限公司" if share else "有限公司" for share in shares]
    return [f"{place}{_brand(int(brand))}{_TRADES[trade]}{form}" for place, brand, trade, form in zip(places, brands, trades, forms, strict=True)]


def _brand(number: int) -> str:
    size = len(_BRAND)
    return _BRAND[number // size**2] + _BRAND[number // size % size] + _BRAND[number % size]


def _organisation(text: str) -> str:
    drawn = hashlib.sha256(text.encode()).digest()
    return "MA" + "".join(CHARSET[byte % len(CHARSET)] for byte in drawn[:6])
