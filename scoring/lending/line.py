"""What an enterprise owes under a contract: a loan that is paid out and repaid, or a revolving line that it draws on and assigns [E5].

Whatever happens, what is drawn and what is assigned stay within the line together. Amounts are integer fen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from scoring.errors import LoanAmountError

NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A line of ``limit_fen``. ``owed_fen``: principal that is out; ``paid_out_fen``: all that was ever paid out; ``assigned``: by supplier,
    what is set apart for it and not paid yet. Of a line that does not revolve, what was repaid cannot be paid out again.
    """

    limit_fen: int
    revolving: bool
    owed_fen: int = 0
    paid_out_fen: int = 0
    assigned: Mapping[str, int] = field(default_factory=lambda: NOTHING)

    @property
    def assigned_fen(self) -> int:
        """All that is set apart for suppliers."""
        return sum(self.assigned.values())

    @property
    def available_fen(self) -> int:
        """What can still be paid out or assigned."""
        return self.limit_fen - (self.owed_fen + self.assigned_fen if self.revolving else self.paid_out_fen)

    def pay_out(self, amount_fen: int) -> CreditLine:
        """The line once ``amount_fen`` is paid out or drawn. Raises LoanAmountError beyond what is available."""
        self._available(amount_fen)
        return replace(self, owed_fen=self.owed_fen + amount_fen, paid_out_fen=self.paid_out_fen + amount_fen)

    def repay(self, principal_fen: int) -> CreditLine:
        """The line once principal is repaid. Raises LoanAmountError when it is more than is owed."""
        if not 0 <= principal_fen <= self.owed_fen:
            raise LoanAmountError(f"{principal_fen} fen of principal were repaid, {self.owed_fen} are owed")
        return replace(self, owed_fen=self.owed_fen - principal_fen)

    def assign(self, supplier: str, amount_fen: int) -> CreditLine:
        """The line with a further part set apart for ``supplier``. Raises LoanAmountError beyond what is available, or for no revolving line."""
        self._revolves()
        self._available(amount_fen)
        return self._with(supplier, self.assigned.get(supplier, 0) + amount_fen)

    def unassign(self, supplier: str, amount_fen: int) -> CreditLine:
        """The line with so much of the supplier's part taken back. Raises LoanAmountError when it has less."""
        held = self.assigned.get(supplier, 0)
        if not 0 < amount_fen <= held:
            raise LoanAmountError(f"{amount_fen} fen are to be taken from a supplier's part of {held}")
        return self._with(supplier, held - amount_fen)

    def settle(self, supplier: str, amount_fen: int) -> CreditLine:
        """The line once the supplier was paid from its part: what was assigned is owed. Raises LoanAmountError when it has less."""
        return self.unassign(supplier, amount_fen).pay_out(amount_fen)

    def _with(self, supplier: str, amount_fen: int) -> CreditLine:
        parts = {**self.assigned, supplier: amount_fen}
        return replace(self, assigned=MappingProxyType({name: part for name, part in parts.items() if part}))

    def _available(self, amount_fen: int) -> None:
        if not 0 < amount_fen <= self.available_fen:
            raise LoanAmountError(f"{amount_fen} fen are asked for, {self.available_fen} of {self.limit_fen} are available")

    def _revolves(self) -> None:
        if not self.revolving:
            raise LoanAmountError("only a part of a revolving line can be assigned")
