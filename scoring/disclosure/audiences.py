"""Audiences of a zone: who is given something, and whose records it holds itself [D2]."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from scoring.indicators.model import Indicator, Model
from scoring.rules.stages import Level, Owner

AUTHORITY, BANK = "authority", "bank"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who learns something: kinds of audience (several together are a joint audience), and the owners whose records it holds itself.

    ``contributes``: it is, or is together with, one of the banks over which a model sums, and knows that bank's own values [M7].
    """

    name: str
    kinds: tuple[str, ...]
    holds: frozenset[Owner] = frozenset()
    binding: bool = True
    contributes: bool = False

    def has(self, item: Indicator) -> bool:
        """Whether it owns an indicator's record, or is given the single value."""
        return bool(set(self.kinds) & item.open_to) or item.owner in self.holds


def usual(models: Sequence[Model]) -> tuple[Audience, ...]:
    """Authority and bank, each with the records of a department of its own name, and both together, which is reported only."""
    owners = {item.owner for model in models for item in model.indicators.values() if isinstance(item.owner, Owner)}
    held = {kind: frozenset(owner for owner in owners if owner.department == kind) for kind in (AUTHORITY, BANK)}
    single = tuple(Audience(kind, (kind,), held[kind], contributes=kind == BANK) for kind in (AUTHORITY, BANK))
    return (*single, joint(*single))


class Party(Protocol):
    """A member as the lint sees it; also one that is only planned."""

    @property
    def id(self) -> str: ...
    @property
    def roles(self) -> Collection[str]: ...
    @property
    def level(self) -> Level | Literal[""]: ...
    @property
    def department(self) -> str: ...


def registered(members: Sequence[Party], models: Sequence[Model]) -> tuple[Audience, ...]:
    """As ``usual``, and each authority or bank of a zone that is a department too, or an authority that is a bank: it knows its own records."""
    *single, _ = usual(models)
    found = list(single)
    for audience in single:
        for member in members:
            if audience.name not in member.roles:
                continue
            own: set[Owner] = set()
            if "department" in member.roles and member.level:
                own = {Owner(department=member.department, level=member.level)}
            if own or (BANK in member.roles and not audience.contributes):
                contributes = audience.contributes or BANK in member.roles
                found.append(Audience(f"{audience.name} {member.id}", audience.kinds, audience.holds | own, contributes=contributes))
    return (*found, joint(*single))


def joint(*audiences: Audience) -> Audience:
    """Audiences that put together what they are given: reported, not binding."""
    kinds = tuple(dict.fromkeys(kind for audience in audiences for kind in audience.kinds))
    held = frozenset().union(*(audience.holds for audience in audiences))
    contributes = any(audience.contributes for audience in audiences)
    return Audience("+".join(audience.name for audience in audiences), kinds, held, binding=False, contributes=contributes)
