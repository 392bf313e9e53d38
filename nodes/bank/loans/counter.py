"""What an institution's clerks do with an application: ask, visit, offer or decline, conclude, pay, book repayments [E3, E5]."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from crypto.encoding import canonical_json, sha256
from nodes.bank.loans.files import LoanFiles
from nodes.bank.queries import Queries, Query
from nodes.bank.receipts import ReceiptStore
from nodes.lending.book import Kept, LoanBook
from nodes.lending.desk import LoanDesk
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.request_document import POOL_CLAIMS
from scoring.errors import LoanStateError
from scoring.lending.application import most_offered, share_of
from scoring.lending.course import Party, steps_of
from scoring.lending.terms import PURPOSES, amount_of
from scoring.statements.lending import (
    Bad,
    Closed,
    Contracted,
    Declined,
    DeclineReason,
    Disbursed,
    Expired,
    Guaranteed,
    LoanStepName,
    Offered,
    Queried,
    Repaid,
    Settled,
    Surveyed,
)

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to the enterprise (实地尽调): the day (ISO), who went, what was found, and whether credit is recommended."""

    day: str
    people: str
    findings: str
    recommended: bool


@dataclass(frozen=True, slots=True)
class Counter:
    """The clerks' counter. ``identity``: the institution's."""

    identity: Identity
    gateway: GatewayClient
    desk: LoanDesk
    book: LoanBook
    queries: Queries
    receipts: ReceiptStore
    files: LoanFiles
    now: Clock

    @property
    def member(self) -> str:
        """The institution."""
        return self.identity.member

    def may(self, kept: Kept) -> tuple[LoanStepName, ...]:
        """The steps that we may take now, as institution or as guarantor."""
        own: Party = "institution" if kept.parties.institution == self.member else "guarantor"
        return steps_of(own, kept.app.phase)

    def ask(self, application: str, wait_s: float = 20.0) -> Kept:
        """Ask the zone for the score under the consent that the application names. Raises as ``Queries.answer`` and ``LoanDesk.say``.

        Credit grade D, a gate, or a condition that is not met give a line of 0: then nothing can be offered [E5].
        """
        kept = self.book.get(application)
        terms = kept.app.terms
        answer = self.queries.answer(Query(terms.formula, PURPOSES[terms.institution_kind], subject=kept.parties.subject, wait_s=wait_s))
        receipt = self.receipts.get(answer["receipt_id"])
        ticket = sha256(base64.b64decode(receipt["ticket"])).hex()
        return self.desk.say(application, Queried(ticket=ticket, line_fen=amount_of(terms, answer["line_fen"], answer["stage"])))

    def receipt(self, kept: Kept) -> dict[str, Any] | None:
        """The receipt of the query behind an application's line."""
        return self.receipts.get(kept.app.ticket[:32]) if kept.app.ticket and kept.parties.institution == self.member else None

    def survey(self, application: str, visit: Visit) -> Kept:
        """Keep the record of a visit, and say that there was one."""
        content = {"day": visit.day, "people": visit.people, "findings": visit.findings, "recommended": visit.recommended}
        return self.desk.say(application, Surveyed(record=self.files.put(application, "survey", content, self.now())))

    def most(self, kept: Kept) -> int:
        """The most that may be offered; 0 before the query."""
        return most_offered(kept.app) if kept.app.line_fen >= 0 else 0

    def offer(self, application: str, amount_fen: int, rate_bp: int, term_months: int, days: int, guarantor: str = "", share_bp: int = 0) -> Kept:
        """Offer credit for ``days``."""
        until = self.now() + days * DAY_S
        return self.desk.say(application, Offered(
            amount_fen=amount_fen, rate_bp=rate_bp, term_months=term_months, until=until, guarantor=guarantor, share_bp=share_bp
        ))  # fmt: skip

    def decline(self, application: str, reason: DeclineReason, note: str = "") -> Kept:
        """Decline, with a reason that the enterprise is told."""
        return self.desk.say(application, Declined(reason=reason, note=note))

    def guarantee(self, application: str) -> Kept:
        """As the guarantor that the offer names: sign for its share."""
        offer = self.book.get(application).app.offer
        share = 0 if offer is None else offer.share_bp
        amount = 1 if offer is None else share_of(offer.amount_fen, share)
        return self.desk.say(application, Guaranteed(share_bp=share, amount_fen=amount))

    def contract(self, application: str, number: str, text: str) -> Kept:
        """Conclude: the contract's text is kept, its digest said. Raises LoanStateError for a number that another contract has."""
        if number in self.contracts():
            raise LoanStateError(f"another contract has the number {number}")
        document = self.files.put(application, "contract", {"number": number, "text": text}, self.now())
        return self.desk.say(application, Contracted(number=number, contract=document))

    def disburse(self, application: str, amount_fen: int) -> Kept:
        """Say that so much was paid out."""
        return self.desk.say(application, Disbursed(amount_fen=amount_fen))

    def settle(self, application: str, supplier: str, amount_fen: int) -> Kept:
        """Say that a supplier was paid from the part that is assigned to it."""
        return self.desk.say(application, Settled(supplier=supplier, amount_fen=amount_fen))

    def repay(self, application: str, principal_fen: int, interest_fen: int, days_late: int = 0, reference: str = "") -> Kept:
        """Book one repayment, once for its reference."""
        content = Repaid(principal_fen=principal_fen, interest_fen=interest_fen, days_late=days_late, reference=reference)
        return self.desk.say(application, content)

    def close(self, application: str) -> Kept:
        """Close what is settled."""
        return self.desk.say(application, Closed())

    def give_up(self, application: str) -> Kept:
        """Give up on all that is owed."""
        return self.desk.say(application, Bad(principal_fen=max(self.book.get(application).app.owed_fen, 1)))

    def claim(self, application: str, first_loan: bool) -> dict[str, Any]:
        """Claim compensation from the pool for a loan that was given up, as lender or guarantor; again: how the claim stands [E6].

        Raises GatewayRefusal POOL_STATE when the rules are against it, PeerUnavailableError.
        """
        papers = [step.signed.paper for step in self.book.steps(application) if step.statement.step in {"offered", "accepted", "bad"}]
        body = canonical_json({"application": application, "papers": papers, "first": first_loan})
        answer = self.gateway.ask(POOL_CLAIMS, body, self.identity.signer).body
        assert answer is not None  # only scores are awaited
        return answer

    def expire(self, application: str) -> Kept:
        """Say that the time is over."""
        return self.desk.say(application, Expired())

    def contracts(self) -> dict[str, Kept]:
        """Our contracts by number."""
        own = [kept for kept in self.book.all() if kept.parties.institution == self.member]
        return {kept.app.contract.number: kept for kept in own if kept.app.contract is not None}
