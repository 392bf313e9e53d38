"""What a bank's contracts come to, enterprise by enterprise: the record that it contributes to the sum over all banks [E7, M7]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from scoring.lending.application import Application

OVERDUE_DAYS: Final = 90
FIELDS: Final = ("loans_active", "loan_balance", "loans_overdue_90")
"""Fields of the pack ``loan-performance``; the balance is in yuan with two decimals."""


def performance(contracts: Iterable[Application]) -> dict[str, str]:
    """The record of one enterprise from its contracts with one bank: loans with principal out or given up, that principal, and loans that
    were repaid more than 90 days late or given up. Applications that never paid anything out do not count.

    >>> performance(())
    {'loans_active': '0', 'loan_balance': '0.00', 'loans_overdue_90': '0'}
    """
    used = [contract for contract in contracts if contract.first_paid_out]
    standing = [contract for contract in used if contract.owed_fen or contract.lost_fen]
    balance_fen = sum(contract.owed_fen + contract.lost_fen for contract in standing)
    overdue = [contract for contract in used if contract.late_days > OVERDUE_DAYS or contract.lost_fen]
    values = (str(len(standing)), f"{balance_fen // 100}.{balance_fen % 100:02d}", str(len(overdue)))
    return dict(zip(FIELDS, values, strict=True))
