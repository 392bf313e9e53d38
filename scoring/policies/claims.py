"""A claim: one enterprise's award under one policy, from the data comparison to the money (免申即享). Every transition gives a new value [O5]."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from scoring.policies.errors import ClaimStateError
from scoring.policies.steps import BEGINNING, CLAIM_STEPS
from scoring.statements import Title

STATES: dict[str, Title] = {
    "matched": Title(zh="比对符合，待企业确认", en="matched, awaits the enterprise"),
    "filed": Title(zh="企业已申报", en="filed by the enterprise"),
    "accepted": Title(zh="申报已受理", en="filing accepted"),
    "rejected": Title(zh="申报不予受理", en="filing rejected"),
    "confirmed": Title(zh="企业已确认", en="confirmed by the enterprise"),
    "declined": Title(zh="企业放弃", en="declined by the enterprise"),
    "noticed": Title(zh="公示", en="on public notice"),
    "disputed": Title(zh="有异议", en="disputed"),
    "upheld": Title(zh="异议成立", en="dispute upheld"),
    "dismissed": Title(zh="异议不成立", en="dispute dismissed"),
    "ordered": Title(zh="已提交拨付", en="payment ordered"),
    "paid": Title(zh="已到账", en="paid"),
    "returned": Title(zh="退汇", en="payment returned"),
    "cancelled": Title(zh="已撤销", en="cancelled"),
}
"""The state after each step."""

ENDED = frozenset({"rejected", "declined", "upheld", "paid", "cancelled"})
"""Nothing follows."""


@dataclass(frozen=True, slots=True)
class Payee:
    """Where the money goes: the enterprise's own account, as it confirmed it."""

    name: str
    bank: str
    account: str

    def is_named(self, company: str) -> bool:
        """Whether the account's holder has this name, widths of characters and spaces aside.

        >>> Payee("杭州示例（集团） 有限公司", "", "").is_named("杭州示例(集团)有限公司")
        True
        """
        return bool(company) and _plain(self.name) == _plain(company)


@dataclass(frozen=True, slots=True)
class Step:
    """What was done: ``by`` a person or key, ``at`` Unix seconds, and a note."""

    name: str
    by: str
    at: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """``id``: random, the same in the log. ``notice_ends``: Unix seconds, 0 before the notice. ``file``: the bank file of the last order."""

    id: str
    policy: str
    subject: str
    amount_fen: int
    history: tuple[Step, ...] = ()
    payee: Payee | None = None
    notice_ends: int = 0
    file: str = ""

    @property
    def state(self) -> str:
        """The last step's name."""
        return self.history[-1].name if self.history else BEGINNING

    @property
    def live(self) -> bool:
        """Whether money is promised or paid by it: it counts against the budget."""
        return self.state not in {BEGINNING, "filed", *ENDED} or self.state == "paid"

    def take(self, step: Step, *, payee: Payee | None = None, notice_ends: int = 0, file: str = "") -> Claim:
        """After ``step``. ``payee`` comes with a confirmation or filing, ``notice_ends`` with the notice, ``file`` with an order.

        Raises ClaimStateError when the step may not follow the last one, comes before it, comes without what belongs to it, or orders a payment
        before the notice has ended.
        """
        rule = CLAIM_STEPS.get(step.name)
        if rule is None or self.state not in rule.after:
            raise ClaimStateError(f"the claim is {self.state or 'not begun'}: {step.name} does not follow")
        if self.history and step.at < self.history[-1].at:
            raise ClaimStateError(f"{step.name} at {step.at} would come before {self.state} at {self.history[-1].at}")
        if (step.name in {"confirmed", "filed"}) != (payee is not None):
            raise ClaimStateError("the enterprise names its account when it confirms or files, and only then")
        if (step.name == "noticed") != (notice_ends > step.at):
            raise ClaimStateError("a notice, and nothing else, states when it ends: after it begins")
        if (step.name == "ordered") != bool(file):
            raise ClaimStateError("an order, and nothing else, is in a bank file")
        if rule.waits and step.at < self.notice_ends:
            raise ClaimStateError(f"the notice ends at {self.notice_ends}, it is {step.at}")
        return replace(
            self,
            history=(*self.history, step),
            payee=payee or self.payee,
            notice_ends=notice_ends or self.notice_ends,
            file=file or self.file,
        )


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split())
