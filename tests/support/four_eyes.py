"""Persons of an office under four eyes, and what its tests do there: look at what is held, let it go, count what was sent."""

from __future__ import annotations

from nodes.contributing.four_eyes.book import Held, Policy
from tests.support.departments import Node
from tests.support.desk import NAMES, key_of

TWO = Policy(columns=True)
LI, WANG, ZHAO = NAMES


def held(node: Node) -> list[Held]:
    return [item for item in node.four_eyes.held() if item.state == "held"]


def decide(node: Node, person: str, contribution: str, *, approve: bool = True, reason: str = "") -> None:
    node.four_eyes.decide(key_of(person), [contribution], approve=approve, reason=reason)
    node.flush()


def sent(node: Node) -> int:
    return len(node.exchange.sent("contribute"))
