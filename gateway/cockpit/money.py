"""What is known of money beside the released sums: steps of applications for loans, as the log tells them, and what policies paid."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from gateway.policies.store import PolicyStore
from gateway.register.book import Register
from nodes.runtime.pages.accounts import Person
from scoring.exchange.view import Logged
from scoring.statements import LoanStep, Title


class LoanSteps:
    """How often each step of an application was taken in the whole zone. The log names neither enterprise nor amount."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = -1
        self._counts: Counter[str] = Counter()

    def observe(self, logged: Logged) -> None:
        """Count a step; each leaf once."""
        if isinstance(logged.statement, LoanStep):
            with self._lock:
                if logged.index > self._seen:
                    self._seen = logged.index
                    self._counts[logged.statement.step] += 1

    def counts(self) -> dict[str, int]:
        """Step -> how often it was taken."""
        with self._lock:
            return dict(self._counts)


@dataclass(frozen=True, slots=True)
class Paid:
    """What one policy paid to the enterprises that somebody may see. Who is paid how much stands in its public notice, so nothing is kept back."""

    title: Title
    claims: int
    paid: int
    paid_fen: int


def policy_money(store: PolicyStore, register: Register, person: Person) -> list[Paid]:
    """A line for each policy, over the claims of enterprises that ``person`` may see."""
    known = register.edition().enterprises
    found = []
    for policy, _ in store.policies():
        claims = [kept.claim for kept in store.claims(policy=policy.id)]
        mine = [claim for claim in claims if (at := known.get(claim.subject)) is not None and person.covers(at.division, at.trade)]
        paid = [claim for claim in mine if claim.state == "paid"]
        found.append(Paid(policy.title, len(mine), len(paid), sum(claim.amount_fen for claim in paid)))
    return found
