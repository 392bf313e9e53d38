"""Loans flow back in the demonstration: borrowers consent to their banks, and the sum over all banks' loan books is opened to the authority [M7]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodes.packs import read_pack
from scoring.indicators.model import Model
from simulators.demo.people import Authority, Bank, EnterpriseService
from simulators.population.loans import loan_books
from simulators.population.records import write_table
from simulators.population.tables import Firm, Population

MODEL, FILE = "loan-performance", "loans.csv"
BORROWERS = 8
"""Of one stage, so that its line in the cockpit is no small figure; every other one borrows from a second bank too."""
AT_A_TIME = 4


def loans_model() -> Model:
    """The model of what banks' loan books are summed by."""
    return read_pack(MODEL)


@dataclass(frozen=True, slots=True)
class Lenders:
    """The zone's institutions by id, the first of which lend here; whom they lend to (the demonstration alone knows who is who), on what."""

    authority: Authority
    service: EnterpriseService
    banks: Mapping[str, Bank]
    institutions: Sequence[str]
    firms: Mapping[str, Firm]
    product: str
    timeout_s: float


def flow_back(lenders: Lenders, population: Population, totals: Sequence[Mapping[str, Any]], out: Path, tell: Callable[[int, int], None]) -> str:
    """Every institution's loan book, borrowers' consents, and a released epoch of the model; its id. Raises as the desks."""
    books = loan_books(population, lenders.institutions)
    for book in books:
        write_table(book, out, FILE)
    borrowing = [(bank, uscc) for bank, uscc in _borrowing(lenders, {book.member: {row[0] for row in book.rows} for book in books}, totals)]
    for uscc in dict.fromkeys(uscc for _, uscc in borrowing):
        lenders.service.enrol(uscc)
    with ThreadPoolExecutor(AT_A_TIME) as consents:
        given = list(consents.map(lambda pair: lenders.service.consent(pair[1], pair[0], lenders.product), borrowing))
    for (bank, _), consent in zip(borrowing, given, strict=True):
        lenders.banks[bank].wait_for_consent(consent, lenders.timeout_s)
    epoch = f"{MODEL}-{population.period}"
    lenders.authority.open_epoch(epoch, population.period, MODEL)
    lenders.authority.wait_for_columns(epoch, lenders.timeout_s, tell)
    lenders.authority.release(epoch, lenders.timeout_s, tell)
    return epoch


def _borrowing(lenders: Lenders, books: Mapping[str, set[str]], totals: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(bank, code) of some borrowers, all in the stage that most are in."""
    stage = Counter(total["stage"] for total in totals).most_common(1)[0][0]
    codes = sorted(lenders.firms[total["subject"]].uscc for total in totals if total["stage"] == stage)
    first, second = list(lenders.banks)
    chosen = [uscc for uscc in codes if uscc in books[first]][:BORROWERS]
    return [(first, uscc) for uscc in chosen] + [(second, uscc) for uscc in chosen[::2] if uscc in books[second]]
