"""People with accounts on the demonstration's pages: officials of every level on the gateway, two of them the authority's, and a clerk at each
institution. Invented, with passwords that are made anew for each zone."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, CITY, CLERK, COUNTY, EVERYWHERE, PROVINCE, Accounts, Person
from nodes.runtime.pages.site import open_pages
from nodes.runtime.settings import AnyRoleSettings
from simulators.zone.layout import ZonePlan


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account on the pages of ``process``."""

    process: str
    person: Person
    password: str

    def to_json(self) -> dict[str, Any]:
        """For accounts.json."""
        return {"process": self.process, "password": self.password, **self.person.to_json()}


def add_people(plan: ZonePlan, configs: Mapping[str, Path]) -> list[DemoAccount]:
    """Make every account of the zone whose configurations are ``configs``, by process name."""
    made = [DemoAccount(process, person, secrets.token_urlsafe(12)) for process, person in _people(plan)]
    for account in made:
        Accounts(open_pages(AnyRoleSettings.load(configs[account.process]))).add(account.person, account.password)
    return made


def _people(plan: ZonePlan) -> Iterator[tuple[str, Person]]:
    place, everywhere = plan.place, (EVERYWHERE,)
    yield "gateway", Person("chief", "科技局 主管", frozenset({AUTHORITY}), everywhere, everywhere)
    yield "gateway", Person("deputy", "科技局 副主管", frozenset({AUTHORITY}), everywhere, everywhere)  # releases what the other proposes
    levels = ((PROVINCE, place.province), (CITY, place.city), *((COUNTY, county) for county in place.counties))
    for role, at in levels:
        name = f"{role.removesuffix('-officer')}-{at.id}"
        yield "gateway", Person(name, f"{at.zh} 专员", frozenset({role}), (_prefix(at.code),), everywhere)
    yield "gateway", Person("auditor", "审计员", frozenset({AUDITOR}))
    for bank in plan.with_role("bank"):
        process = next(each.name for each in plan.processes if each.member == bank.id)
        yield process, Person(f"clerk-{bank.id}", f"{bank.title.zh} 客户经理", frozenset({CLERK}))


def _prefix(code: str) -> str:
    """The division with all that lies below it: a city's code ends in 00, a province's in 0000."""
    return code.removesuffix("00").removesuffix("00")
