"""The risk-compensation pool (风险补偿资金池): what it pays for bad principal, and a ledger that reconciles to the fen [E6].

It pays 30 % of a lender's bad principal and 20 % of a guarantor's, 5 points more for a first or purely unsecured loan, and never more
than 80 % of what the claimant itself answers for (rule of Anhui province). What is recovered later comes back in the same proportion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from scoring.errors import PoolError
from scoring.lending.application import share_of

DIRECT_BP: Final = 3_000
GUARANTOR_BP: Final = 2_000
FIRST_LOAN_BP: Final = 500
MOST_OF_LIABILITY_BP: Final = 8_000
Standing = Literal["direct", "guarantor"]
EntryKind = Literal["deposit", "compensation", "return"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a lender (``direct``) or a guarantor asks for: of a loan with ``bad_fen`` of principal given up, of which it answers for
    ``liability_fen``. ``first``: a first loan of the enterprise, or one without any security."""

    application: str
    claimant: str
    standing: Standing
    bad_fen: int
    liability_fen: int
    first: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. ``amount_fen`` is positive where money comes in, negative where it goes out; ``balance_fen`` is what is there then."""

    kind: EntryKind
    amount_fen: int
    balance_fen: int
    time: int
    application: str = ""
    party: str = ""
    recovered_fen: int = 0


def compensation_fen(claim: Claim) -> int:
    """What the pool owes for a claim, rounded down to the fen. Raises PoolError when the claimant answers for nothing, or for more than is bad.

    >>> compensation_fen(Claim("", "bank-a", "direct", 1_000_000, 1_000_000, first=True))
    350000
    >>> compensation_fen(Claim("", "bank-a", "direct", 1_000_000, 400_000, first=True))
    320000
    """
    if not 0 < claim.liability_fen <= claim.bad_fen:
        raise PoolError("a claimant answers for a part of the bad principal, at most for all of it")
    share = (DIRECT_BP if claim.standing == "direct" else GUARANTOR_BP) + (FIRST_LOAN_BP if claim.first else 0)
    return min(share_of(claim.bad_fen, share), share_of(claim.liability_fen, MOST_OF_LIABILITY_BP))


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool as its ledger tells it; ``claims`` holds what was paid, by application and claimant."""

    entries: tuple[Entry, ...] = ()
    claims: tuple[tuple[Claim, int], ...] = ()

    @property
    def balance_fen(self) -> int:
        """What is in the pool."""
        return self.entries[-1].balance_fen if self.entries else 0

    def deposit(self, amount_fen: int, party: str, now: int) -> Pool:
        """The pool with more money in it. Raises PoolError for no amount."""
        if amount_fen <= 0:
            raise PoolError("a deposit is of something")
        return self._entered("deposit", amount_fen, now, party=party)

    def compensate(self, claim: Claim, now: int) -> Pool:
        """The pool once a claim is paid. Raises PoolError when it was paid before, the balance does not cover it, or the parts that lender and
        guarantor answer for come to more than the bad principal."""
        others = [held for held, _ in self.claims if held.application == claim.application]
        if any(held.claimant == claim.claimant for held in others):
            raise PoolError("this claim was paid before")
        if any(held.bad_fen != claim.bad_fen for held in others):
            raise PoolError("another claim for this loan names other bad principal")
        if sum(held.liability_fen for held in others) + claim.liability_fen > claim.bad_fen:
            raise PoolError("lender and guarantor together answer for more than the bad principal")
        owed = compensation_fen(claim)
        if owed > self.balance_fen:
            raise PoolError(f"the pool holds {self.balance_fen} fen, the claim comes to {owed}: it is paid after a deposit")
        paid = self._entered("compensation", -owed, now, claim.application, claim.claimant)
        return replace(paid, claims=(*paid.claims, (claim, owed)))

    def returned(self, application: str, claimant: str, recovered_fen: int, now: int) -> Pool:
        """The pool once a claimant gives back the pool's part of ``recovered_fen`` more of its part of the bad principal.

        All parts together come to what was paid when all is recovered. Raises PoolError for no paid claim, or more than was bad.
        """
        claim, paid = self._claim(application, claimant)
        before = sum(entry.recovered_fen for entry in self._of(application, claimant))
        if recovered_fen <= 0 or before + recovered_fen > claim.liability_fen:
            raise PoolError(f"{recovered_fen} fen are recovered after {before}, the claimant answered for {claim.liability_fen}")
        due = paid * (before + recovered_fen) // claim.liability_fen - paid * before // claim.liability_fen
        return self._entered("return", due, now, application, claimant, recovered_fen)

    def check(self) -> None:
        """The ledger adds up: every balance is the one before it with the entry, none is negative, and what each claim was paid and gave back
        is what the rules give. Raises PoolError."""
        balance = 0
        for entry in self.entries:
            balance += entry.amount_fen
            if balance != entry.balance_fen or balance < 0:
                raise PoolError(f"the ledger does not add up: {entry.balance_fen} fen stand where {balance} are right")
        for claim, paid in self.claims:
            gone = [entry for entry in self._of(claim.application, claim.claimant) if entry.kind == "compensation"]
            if paid != compensation_fen(claim) or [-entry.amount_fen for entry in gone] != [paid]:
                raise PoolError(f"what {claim.claimant} was paid for application {claim.application} is not what the rules give")

    def _claim(self, application: str, claimant: str) -> tuple[Claim, int]:
        for claim, paid in self.claims:
            if (claim.application, claim.claimant) == (application, claimant):
                return claim, paid
        raise PoolError("nothing was paid for this loan to this claimant")

    def _of(self, application: str, party: str) -> list[Entry]:
        return [entry for entry in self.entries if (entry.application, entry.party) == (application, party)]

    def _entered(self, kind: EntryKind, amount_fen: int, now: int, application: str = "", party: str = "", recovered_fen: int = 0) -> Pool:
        entry = Entry(kind, amount_fen, self.balance_fen + amount_fen, now, application, party, recovered_fen)
        return replace(self, entries=(*self.entries, entry))
