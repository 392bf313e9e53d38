"""People of the stand-in for 浙里办: invented legal representatives of the population's firms, and one who represents nobody."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simulators.population.tables import Firm

REPRESENTATIVE, STAFF = "legal-representative", "staff"
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀兰霞平刚桂英华文博思远嘉宁子涵雨桐一鸣欣怡浩然佳琪宇轩梓萱"


@dataclass(frozen=True, slots=True)
class Represented:
    """What an account's person is to one enterprise."""

    uscc: str
    company: str
    role: str = REPRESENTATIVE

    @property
    def represents(self) -> bool:
        """Whether the person is the legal representative."""
        return self.role == REPRESENTATIVE


@dataclass(frozen=True, slots=True)
class Account:
    """One person with an account. ``password`` is in clear: nobody real has it."""

    account: str
    password: str
    name: str
    enterprises: tuple[Represented, ...]

    def to_json(self) -> dict[str, Any]:
        """For the provider's file."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Account:
        """The account that ``to_json`` wrote."""
        return cls(document["account"], document["password"], document["name"], tuple(Represented(**item) for item in document["enterprises"]))


def accounts_of(firms: Sequence[Firm], seed: int) -> tuple[Account, ...]:
    """An account for the representative of each firm, and one for a bookkeeper of the first, who represents nobody.

    Names follow from the seed; passwords do not.
    """
    chance = random.Random(f"people {seed}")
    found = []
    for place, firm in enumerate(firms):
        name = chance.choice(SURNAMES) + "".join(chance.sample(GIVEN, chance.choice((1, 2))))
        found.append(Account(f"user{place + 1:04}", secrets.token_urlsafe(9), name, (Represented(firm.uscc, firm.company),)))
    bookkeeper = Represented(firms[0].uscc, firms[0].company, STAFF)
    return (*found, Account("bookkeeper", secrets.token_urlsafe(9), "钱会计", (bookkeeper,)))
