"""Publishes a population in the public register: what anybody may know of its enterprises, and nothing from their records.

Facts that the population does not have (trade and capital of the real firms, boards of invented ones) are drawn from the code, the same for a code.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from nodes.runtime.files import write_private
from simulators.population.firm_panel import PACK as FIRM_PANEL
from simulators.population.naming import TRADE_CODES
from simulators.population.tables import Firm, Population
from simulators.zone.layout import ZonePlan
from simulators.zone.register import HEADERS, prepare_register

_DRAWN_BOARDS = ("主板", "科创板", "创业板", "北交所", "新三板", "新三板", "", "", "", "")
_CAPITALS = ("50", "100", "200", "300", "500", "1000", "2000", "5000")
_LISTED_WITHIN_DAYS = 6 * 365


def publish_register(population: Population, plan: ZonePlan, directory: Path) -> Path:
    """Drop the population's year where the gateway of the zone in ``directory`` looks for the register. Returns the file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(HEADERS.values()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(population))
    target = prepare_register(plan, directory) / f"register-{population.period}.csv"
    write_private(target, text.getvalue().encode())
    return target


def _rows(population: Population) -> Iterator[dict[str, str]]:
    for firm in population.firms:
        board = _board(population, firm)
        facts = {
            "uscc": firm.uscc,
            "period": population.period,
            "company": firm.company,
            "division": firm.division,
            "trade": firm.trade or TRADE_CODES[_drawn("trade", firm) % len(TRADE_CODES)],
            "founded": firm.registered,
            "board": board,
            "listed_on": _listed_on(population, firm) if board and firm.registered else "",
            "capital": _CAPITALS[_drawn("capital", firm) % len(_CAPITALS)],
        }
        yield {HEADERS[name]: value for name, value in facts.items()}


def _board(population: Population, firm: Firm) -> str:
    """The real firms are listed in the United States; of the invented ones some of those limited by shares are listed."""
    if population.pack == FIRM_PANEL:
        return "境外上市"
    return _DRAWN_BOARDS[_drawn("board", firm) % len(_DRAWN_BOARDS)] if firm.company.endswith("股份有限公司") else ""


def _listed_on(population: Population, firm: Firm) -> str:
    """A day of the six years up to the period's end, after the day of registration."""
    last, founded = date(int(population.period), 12, 31), date.fromisoformat(firm.registered)
    span = min(_LISTED_WITHIN_DAYS, (last - founded).days)
    return (last - timedelta(days=_drawn("listed", firm) % max(span, 1))).isoformat()


def _drawn(what: str, firm: Firm) -> int:
    return int.from_bytes(hashlib.sha256(f"register:{what}:{firm.uscc}".encode()).digest()[:4], "big")
