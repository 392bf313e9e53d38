"""What a bank's contracts come to, enterprise by enterprise: the record that it contributes to the sum over all banks [E7, M7]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from scoring.lending.application import Application

OVERDUE_DAYS: Final = 90
FIELDS: Final = ("loans_active", "loan_balance", "loan_repaid", "loans_overdue_90")
"""Fields of the pack ``loan-performance``; balance and what was repaid are in yuan with two decimals."""


def performance(contracts: Iterable[Application]) -> dict[str, str]:
    """The record of one enterprise from its contracts with one bank: loans with principal out or given up, that principal, the
    principal repaid so far, and loans that were repaid more than 90 days late or given up. Applications that never paid anything out do not count.

    >>> performance(())
    {'loans_active': '0', 'loan_balance': '0.00', 'loan_repaid': '0.00', 'loans_overdue_90': '0'}
    """
    used = [contract for contract in contracts if contract.first_paid_out]
    standing = [contract for contract in used if contract.owed_fen or contract.lost_fen]
    balance_fen = sum(contract.owed_fen + contract.lost_fen for contract in standing)
    overdue = [contract for contract in used if contract.late_days > OVERDUE_DAYS or contract.lost_fen]
    repaid_fen = sum(contract.repaid_fen for contract in used)
    values = (str(len(standing)), _yuan(balance_fen), _yuan(repaid_fen), str(len(overdue)))
    return dict(zip(FIELDS, values, strict=True))


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
