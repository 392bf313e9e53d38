"""Until when the registry holds, who lets it hold longer, and what stops when it does not [P9]. Pure: times are those of leaves.

A registry without ``validity_s`` holds without end, as it always did. Its end stops what opens or publishes something; contributions,
consents, revocations, changes of members and audits go on being logged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scoring.disclosure.countersigning import check_approvals
from scoring.errors import RegistryExpiredError, RegistryRenewalError
from scoring.statements import EpochOpen, EpochRelease, Registry, RegistryExtension, RegistryRenewal, Statement, Ticket

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView

DAY_S = 86_400
VALIDITY_S = 400 * DAY_S
"""What a new zone gets, and the longest renewal where the registry names none. Illustrative: no source gives a figure."""

EXTENSION_S = 30 * DAY_S
"""How far one extension reaches, and how long before the end the first may be made. Illustrative."""

EXTENSIONS_IN_A_ROW = 3
"""Then the authority must renew: custodians bridge its absence, they do not replace it. Illustrative."""

STOPPED: tuple[type[Statement], ...] = (EpochOpen, EpochRelease, Ticket)
"""Statements that have no effect once the registry has expired."""


@dataclass(frozen=True, slots=True)
class Validity:
    """The registry holds through ``until`` (Unix seconds; None: without end); ``alarm_from``: half of what it was given last.
    ``extensions``: how many were made since the authority's last word."""

    until: int | None = None
    alarm_from: int | None = None
    extensions: int = 0

    def check(self, time: int) -> None:
        """The registry holds at ``time``. Raises RegistryExpiredError."""
        if self.until is not None and time > self.until:
            raise RegistryExpiredError(f"the registry's validity was over {time - self.until} s before")

    def left_s(self, time: int) -> int | None:
        """Seconds until the end, negative after it; None where there is none."""
        return None if self.until is None else self.until - time

    def state(self, time: int) -> str:
        """``unlimited``, ``valid``, from half-life on ``ageing``, after the end ``expired``."""
        if self.until is None or self.alarm_from is None:
            return "unlimited"
        if time > self.until:
            return "expired"
        return "ageing" if time >= self.alarm_from else "valid"

    def given(self, until: int, time: int) -> Validity:
        """After the authority's word at ``time``."""
        return Validity(until, time + (until - time) // 2)

    def extended(self, until: int, time: int) -> Validity:
        """After the custodians' word at ``time``: the alarm goes on."""
        return replace(self, until=until, alarm_from=min(self.alarm_from or time, time), extensions=self.extensions + 1)

    def check_renewal(self, renewal: RegistryRenewal, longest_s: int, time: int) -> None:
        """The renewal reaches further than now, and not beyond ``longest_s`` from ``time``. Raises RegistryRenewalError."""
        if not time < renewal.until <= time + longest_s:
            raise RegistryRenewalError(f"a renewal reaches at most {longest_s} s ahead, this one {renewal.until - time} s")
        if self.until is not None and renewal.until <= self.until:
            raise RegistryRenewalError(f"the registry holds until {self.until} already: a renewal reaches further")

    def check_extension(self, extension: RegistryExtension, time: int) -> None:
        """The extension is the next in the row, not the one too many, near the end, and no longer than one may be. Raises RegistryRenewalError."""
        if self.until is None:
            raise RegistryRenewalError("the registry holds without end: there is nothing to extend")
        if extension.number != self.extensions + 1:
            raise RegistryRenewalError(f"the next extension in the row is number {self.extensions + 1}, not {extension.number}")
        if extension.number > EXTENSIONS_IN_A_ROW:
            raise RegistryRenewalError(f"{EXTENSIONS_IN_A_ROW} extensions in a row were made: the authority renews, with the custodians' approvals")
        if time < self.until - EXTENSION_S:
            raise RegistryRenewalError(f"an extension is for the last {EXTENSION_S // DAY_S} days: {self.until - time} s are left")
        start = max(self.until, time)
        if not start < extension.until <= start + EXTENSION_S:
            raise RegistryRenewalError(f"an extension reaches at most {EXTENSION_S // DAY_S} days beyond {start}, this one to {extension.until}")


def first_validity(registry: Registry, time: int) -> Validity:
    """What the registry that was logged at ``time`` gives itself."""
    return Validity() if registry.validity_s is None else Validity().given(time + registry.validity_s, time)


def longest_renewal_s(registry: Registry) -> int:
    """How far ahead a renewal may reach."""
    return VALIDITY_S if registry.validity_s is None else registry.validity_s


def check_in_force(view: ZoneView, statement: Statement, time: int) -> None:
    """The registry holds at ``time``, where the statement opens or publishes something. Raises RegistryExpiredError."""
    if isinstance(statement, STOPPED):
        view.validity.check(time)


def _judge_renewal(view: ZoneView, statement: RegistryRenewal, signer: Signer, time: int) -> None:
    signer.require_role(view.registry, "authority")
    view.validity.check_renewal(statement, longest_renewal_s(view.registry.genesis), time)
    check_approvals(view.registry, statement, view.registry.approvers, view.registry.threshold)


def _judge_extension(view: ZoneView, statement: RegistryExtension, signer: Signer, time: int) -> None:
    signer.require_role(view.registry, "custodian")
    view.validity.check_extension(statement, time)
    check_approvals(view.registry, statement, view.registry.approvers, view.registry.threshold)


def _renew(view: ZoneView, logged: Logged) -> None:
    view.validity = view.validity.given(logged.statement.until, logged.time)


def _extend(view: ZoneView, logged: Logged) -> None:
    view.validity = view.validity.extended(logged.statement.until, logged.time)


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {
    RegistryRenewal: _judge_renewal,
    RegistryExtension: _judge_extension,
}

EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {
    RegistryRenewal: _renew,
    RegistryExtension: _extend,
}
