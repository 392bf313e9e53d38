"""Terms, applications and papers for tests of lending: sound ones, of which each test changes what it is about."""

from __future__ import annotations

from typing import Any

from crypto.encoding import sha256
from scoring.lending.application import Application
from scoring.lending.steps import take
from scoring.statements import ProductTerms, Title
from scoring.statements.lending import Accepted, Applied, Consented, Contracted, LoanContent, Offered, Queried, Surveyed
from tests.support.members import ZONE

NOW = 1_700_000_000
DAY_S = 86_400
YUAN = 100
WAN = 10_000 * YUAN
SUPPLIER = "91330108MA2AAAAA0A"


def terms_of(institution: str = "bank-a", **changes: Any) -> ProductTerms:
    """Sound terms of a term loan of up to 5 million yuan."""
    said: dict[str, Any] = {
        "zone": ZONE, "nonce": "0" * 32, "institution": institution, "institution_kind": "bank", "product": "points-loan", "version": 1,
        "title": Title(zh="积分贷", en="points loan"), "formula": "base-line", "floor_fen": 50 * WAN, "cap_fen": 500 * WAN, "rate_bp": 435,
        "term_months": 12, "hotline": "0571-12345", "refuses_dishonest": True, "not_before": NOW - DAY_S, "not_after": NOW + 365 * DAY_S,
        "provenance": "illustrative", "source": "made up for a test",
    }  # fmt: skip
    return ProductTerms(**(said | changes))


class Told:
    """One application, step after step: ``say`` takes a step whose paper and statement are numbered."""

    def __init__(self, terms: ProductTerms | None = None, now: int = NOW) -> None:
        self.app = Application("a" * 32, terms or terms_of())
        self.now, self._number = now, 0

    def say(self, content: LoanContent) -> Application:
        """The application after the next step, taken a second later."""
        self._number += 1
        self.now += 1
        self.app = take(self.app, content, digest_of(f"paper {self._number}"), digest_of(f"step {self._number}"), self.now)
        return self.app

    def until(self, phase: str, amount_fen: int = 100 * WAN, line_fen: int = 200 * WAN, **offer: Any) -> Application:
        """The application led straight to ``phase``, of those up to contracted."""
        while self.app.phase != phase:
            self.say(self.next(amount_fen, line_fen, **offer))
        return self.app

    def next(self, amount_fen: int, line_fen: int, **offer: Any) -> LoanContent:
        """The step that leads on to a contract."""
        contents: dict[str, LoanContent] = {
            "new": applied_for(self.app.terms, amount_fen, self.now),
            "applied": Consented(consent="c" * 32),
            "consented": Queried(ticket="d" * 64, line_fen=line_fen),
            "queried": Surveyed(record="e" * 64),
            "surveyed": offered(amount_fen, self.now, **offer),
            "offered": Accepted(offer=self.app.offer_paper or "0" * 64),
            "accepted": Contracted(number="2023-001", contract="f" * 64),
        }
        return contents[self.app.phase]


def applied_for(terms: ProductTerms, amount_fen: int, now: int = NOW, **changes: Any) -> Applied:
    """An application for ``amount_fen`` that stands for thirty days."""
    said: dict[str, Any] = {
        "product": terms.product, "terms": "b" * 64, "subject": "5" * 32, "amount_fen": amount_fen, "term_months": 12, "purpose": "采购原材料",
        "until": now + 30 * DAY_S,
    }  # fmt: skip
    return Applied(**(said | changes))


def offered(amount_fen: int, now: int = NOW, **changes: Any) -> Offered:
    """An offer of ``amount_fen`` that stands for ten days."""
    said: dict[str, Any] = {"amount_fen": amount_fen, "rate_bp": 400, "term_months": 12, "until": now + 10 * DAY_S}
    return Offered(**(said | changes))


def digest_of(text: str) -> str:
    return sha256(text.encode()).hex()
