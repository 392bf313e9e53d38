"""A policy's money: what is promised, ordered, paid, returned and left, to the fen; a bank's answer is taken whole or not at all [O6]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scoring.policies.claims import Claim, Step
from scoring.policies.errors import BudgetError, ClaimStateError, PolicyFormatError, PolicyUnknownError, ReconciliationError

MAX_FEN = 10**15


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of a bank's answer: what became of one order. ``reference``: the bank's number, or why it came back."""

    claim: str
    amount_fen: int
    result: Literal["paid", "returned"]
    reference: str


@dataclass(frozen=True, slots=True)
class Balance:
    """``budget`` = ``committed`` + ``free``; ``committed`` = ``promised`` + ``ordered`` + ``paid``; what came back is promised again. All in fen."""

    budget_fen: int
    promised_fen: int
    ordered_fen: int
    paid_fen: int
    returned_fen: int

    @property
    def committed_fen(self) -> int:
        return self.promised_fen + self.ordered_fen + self.paid_fen

    @property
    def free_fen(self) -> int:
        return self.budget_fen - self.committed_fen


@dataclass(frozen=True, slots=True)
class Account:
    """The claims of one policy and its budget. ``answers``: digests of the bank's answers that were taken, by bank file."""

    policy: str
    budget_fen: int
    claims: Mapping[str, Claim]
    answers: Mapping[str, str]

    def admit(self, claim: Claim) -> Account:
        """With a new claim. Raises BudgetError beyond the budget, ClaimStateError when the enterprise has a claim that has not ended without money,
        PolicyFormatError for an amount that is no positive number of fen."""
        if not 0 < claim.amount_fen < MAX_FEN:
            raise PolicyFormatError(f"an award is a positive number of fen, not {claim.amount_fen}")
        if any(other.subject == claim.subject and (other.live or other.state == "filed") for other in self.claims.values()):
            raise ClaimStateError("the enterprise has a claim under this policy: one is paid once")
        if claim.live:
            self._check_budget(claim.amount_fen)
        return self._with(claim)

    def move(self, claim: str, step: Step, **more: object) -> Account:
        """After a step of one claim that concerns no bank file. Raises as ``Claim.take``, PolicyUnknownError, and BudgetError for an acceptance."""
        if step.name in {"ordered", "paid", "returned"}:
            raise ClaimStateError(f"{step.name} is told by bank files")
        before = self._claim(claim)
        after = before.take(step, **more)  # type: ignore[arg-type]  # the keywords of Claim.take
        if after.live and not before.live:
            self._check_budget(after.amount_fen)
        return self._with(after)

    def order(self, file: str, claims: Sequence[str], by: str, at: int, note: str = "") -> Account:
        """All of ``claims`` ordered in one bank file; ``note``: who proposed it. All or none.

        Raises as ``Claim.take``, PolicyFormatError, PolicyUnknownError.
        """
        if not claims or len(set(claims)) != len(claims):
            raise PolicyFormatError("a bank file has at least one claim, each once")
        step = Step("ordered", by, at, note)
        return self._with(*(self._claim(claim).take(step, file=file) for claim in claims))

    def answer(self, file: str, digest: str, outcomes: Sequence[Outcome], by: str, at: int) -> Account:
        """The bank's answer to ``file`` taken. The same answer again changes nothing.

        Raises ReconciliationError, and changes nothing, when another answer to the file was taken, or it has not exactly the orders of the file,
        each once and with its amount to the fen.
        """
        known = self.answers.get(file)
        if known is not None:
            if known == digest:
                return self
            raise ReconciliationError(f"another answer to bank file {file} was taken")
        ordered = {claim.id: claim for claim in self.claims.values() if claim.state == "ordered" and claim.file == file}
        if not ordered:
            raise PolicyUnknownError(f"no orders of bank file {file} are open")
        _check_answer(file, ordered, outcomes)
        moved = [ordered[item.claim].take(Step(item.result, by, at, item.reference)) for item in outcomes]
        return replace(self._with(*moved), answers={**self.answers, file: digest})

    @property
    def balance(self) -> Balance:
        """What the money does now. Requires nothing: it is summed from the claims."""
        live = [claim for claim in self.claims.values() if claim.live]
        paid = sum(claim.amount_fen for claim in live if claim.state == "paid")
        ordered = sum(claim.amount_fen for claim in live if claim.state == "ordered")
        returned = sum(claim.amount_fen for claim in live if claim.state == "returned")
        return Balance(self.budget_fen, sum(claim.amount_fen for claim in live) - paid - ordered, ordered, paid, returned)

    def _claim(self, claim: str) -> Claim:
        found = self.claims.get(claim)
        if found is None:
            raise PolicyUnknownError(f"policy {self.policy} has no claim {claim}")
        return found

    def _check_budget(self, amount_fen: int) -> None:
        if amount_fen > self.balance.free_fen:
            raise BudgetError(f"{yuan(amount_fen)} yuan more would go beyond the budget: {yuan(self.balance.free_fen)} are free")

    def _with(self, *claims: Claim) -> Account:
        return replace(self, claims={**self.claims, **{claim.id: claim for claim in claims}})


def yuan(fen: int) -> str:
    """An amount with its two decimals.

    >>> yuan(2_000_005), yuan(-7)
    ('20000.05', '-0.07')
    """
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole}.{rest:02}"


def _check_answer(file: str, ordered: Mapping[str, Claim], outcomes: Iterable[Outcome]) -> None:
    seen: set[str] = set()
    for item in outcomes:
        claim = ordered.get(item.claim)
        if claim is None or item.claim in seen:
            raise ReconciliationError(f"claim {item.claim} {'is answered twice' if claim else 'was not ordered'} in bank file {file}")
        if item.amount_fen != claim.amount_fen:
            raise ReconciliationError(f"claim {item.claim}: {yuan(item.amount_fen)} yuan were answered, {yuan(claim.amount_fen)} ordered")
        seen.add(item.claim)
    if missing := set(ordered) - seen:
        raise ReconciliationError(f"{len(missing)} orders of bank file {file} have no answer, the first is {min(missing)}")
