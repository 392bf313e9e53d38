"""Trades by GB/T 4754-2017: a section is a letter, its divisions are two digits, groups and classes have three and four.

Source: GB/T 4754-2017 国民经济行业分类, table of sections and divisions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CODE = re.compile(r"([A-T]?)([0-9]{2})([0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its letter, its first and last division, what it is called."""

    letter: str
    first: int
    last: int
    zh: str
    en: str


SECTIONS = (
    Section("A", 1, 5, "农、林、牧、渔业", "Agriculture, forestry, animal husbandry, fishery"),
    Section("B", 6, 12, "采矿业", "Mining"),
    Section("C", 13, 43, "制造业", "Manufacturing"),
    Section("D", 44, 46, "电力、热力、燃气及水生产和供应业", "Electricity, heat, gas, water"),
    Section("E", 47, 50, "建筑业", "Construction"),
    Section("F", 51, 52, "批发和零售业", "Wholesale and retail"),
    Section("G", 53, 60, "交通运输、仓储和邮政业", "Transport, storage, post"),
    Section("H", 61, 62, "住宿和餐饮业", "Hotels and catering"),
    Section("I", 63, 65, "信息传输、软件和信息技术服务业", "Information transmission, software, IT services"),
    Section("J", 66, 69, "金融业", "Finance"),
    Section("K", 70, 70, "房地产业", "Real estate"),
    Section("L", 71, 72, "租赁和商务服务业", "Leasing and business services"),
    Section("M", 73, 75, "科学研究和技术服务业", "Scientific research and technical services"),
    Section("N", 76, 79, "水利、环境和公共设施管理业", "Water, environment, public facilities"),
    Section("O", 80, 82, "居民服务、修理和其他服务业", "Household services, repair, other services"),
    Section("P", 83, 83, "教育", "Education"),
    Section("Q", 84, 85, "卫生和社会工作", "Health and social work"),
    Section("R", 86, 90, "文化、体育和娱乐业", "Culture, sports, entertainment"),
    Section("S", 91, 96, "公共管理、社会保障和社会组织", "Public management, social security, social organisations"),
    Section("T", 97, 97, "国际组织", "International organisations"),
)
BY_LETTER = {section.letter: section for section in SECTIONS}


def trade_code(text: str) -> str:
    """A trade in full: the letter of its section, then its two to four digits. Registers write it with the letter or without.

    Raises ValueError when it is no trade, or the letter is not that of its digits.

    >>> trade_code("I6513"), trade_code("6513"), trade_code("65")
    ('I6513', 'I6513', 'I65')
    """
    match = _CODE.fullmatch(text)
    if match is None:
        raise ValueError("a trade of GB/T 4754 is expected, two to four digits such as 6513, with or without the letter of its section 应为行业代码")
    section = next((section for section in SECTIONS if section.first <= int(match[2]) <= section.last), None)
    if section is None:
        raise ValueError("the first two digits are no division of GB/T 4754 没有此行业大类")
    if match[1] not in {"", section.letter}:
        raise ValueError("the letter is not that of the section of GB/T 4754 that the digits are in 门类字母与代码不符")
    return section.letter + match[2] + match[3]
