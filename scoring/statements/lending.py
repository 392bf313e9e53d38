"""What institutions and enterprises say about credit: terms of a product, steps of an application, and the papers that the steps stand for.

A step in the log names parties and order, never an amount, a code or a subject: what it is about stands in a paper, which only the parties
have and whose digest the step carries. Amounts are integer fen, prices hundredths of a percent a year (basis points).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from scoring.statements.base import Hex16, Hex32, MemberId, Name, Record, StageId, Statement, Time, Title

InstitutionKind = Literal["bank", "insurer", "guarantor", "lessor", "investor"]
Fen = Annotated[int, Field(ge=0, le=10**15)]
PositiveFen = Annotated[int, Field(ge=1, le=10**15)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]
Months = Annotated[int, Field(ge=1, le=600)]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Hotline = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{3,24}$")]
UsccText = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]
Ratio = Annotated[int, Field(ge=10_000, le=100_000)]  # ten-thousandths: 13,000 is 1.3 times
DeclineReason = Literal["CREDIT_D", "DISHONEST", "NOT_ELIGIBLE", "DUE_DILIGENCE", "PRODUCT_CLOSED", "OTHER"]


class Uplift(Record):
    """What a product promises over its base product: at least ``amount_ratio`` of its amounts, ``extra_months`` longer, at no higher price."""

    amount_ratio: Ratio
    extra_months: Annotated[int, Field(ge=0, le=600)]


class ProductTerms(Statement):
    """One version of one product of an institution, as its catalog shows it. Signed by the institution; the newest version counts.

    ``formula``: the product of an admitted model whose line is the amount, held between ``floor_fen`` and ``cap_fen``. ``stages``: of
    whoever may apply, all where empty. ``rate_bp``: the highest yearly price (interest, premium, guarantee fee, rent); 0 where there is none.
    ``share_bp``: of a guarantor, the part of principal that it carries. ``provenance``: whether the numbers are published or made up.
    """

    kind = "product-terms"
    institution: MemberId
    institution_kind: InstitutionKind
    product: Name
    version: Annotated[int, Field(ge=1, lt=1 << 31)]
    title: Title
    formula: Name
    stages: Annotated[tuple[StageId, ...], Field(max_length=32)] = ()
    eligibility: Annotated[tuple[Title, ...], Field(max_length=20)] = ()
    floor_fen: Fen
    cap_fen: PositiveFen
    rate_bp: BasisPoints
    term_months: Months
    hotline: Hotline
    base: Name | Literal[""] = ""
    uplift: Uplift | None = None
    revolving: bool = False
    refuses_dishonest: bool
    share_bp: BasisPoints = 0
    not_before: Time
    not_after: Time
    provenance: Literal["published", "illustrative"]
    source: Text


class Applied(Record):
    """The enterprise asks for ``amount_fen``, under the terms with this digest, and stands by it until ``until``."""

    step: Literal["applied"] = "applied"
    product: Name
    terms: Hex32
    subject: Hex16
    amount_fen: PositiveFen
    term_months: Months
    purpose: Text
    until: Time


class Consented(Record):
    """The enterprise has consented to a query: the id of its consent."""

    step: Literal["consented"] = "consented"
    consent: Hex16


class Queried(Record):
    """The institution has asked for the score: the ticket, and the line that product and terms give; 0 where the enterprise gets none."""

    step: Literal["queried"] = "queried"
    ticket: Hex32
    line_fen: Fen


class Surveyed(Record):
    """The institution has visited the enterprise (实地尽调); the record stays with it, here is its SHA-256."""

    step: Literal["surveyed"] = "surveyed"
    record: Hex32


class Offered(Record):
    """The institution offers, until ``until``; with a guarantor, once that has signed for ``share_bp`` of the principal."""

    step: Literal["offered"] = "offered"
    amount_fen: PositiveFen
    rate_bp: BasisPoints
    term_months: Months
    until: Time
    guarantor: MemberId | Literal[""] = ""
    share_bp: BasisPoints = 0


class Declined(Record):
    """The institution declines, and says why."""

    step: Literal["declined"] = "declined"
    reason: DeclineReason
    note: Text = ""


class Guaranteed(Record):
    """The guarantor answers for ``share_bp`` of the principal, at most ``amount_fen``."""

    step: Literal["guaranteed"] = "guaranteed"
    share_bp: BasisPoints
    amount_fen: PositiveFen


class Accepted(Record):
    """The enterprise accepts the offer in the paper with this digest."""

    step: Literal["accepted"] = "accepted"
    offer: Hex32


class Contracted(Record):
    """The contract is signed: its number and the SHA-256 of its text."""

    step: Literal["contracted"] = "contracted"
    number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z/_-]{0,63}$")]
    contract: Hex32


class Disbursed(Record):
    """The institution has paid out."""

    step: Literal["disbursed"] = "disbursed"
    amount_fen: PositiveFen


class Drawn(Record):
    """The enterprise draws on its revolving line; the institution has to pay."""

    step: Literal["drawn"] = "drawn"
    amount_fen: PositiveFen


class Assigned(Record):
    """The enterprise assigns a part of its revolving line to a supplier, who is paid from it (供应商)."""

    step: Literal["assigned"] = "assigned"
    supplier: UsccText
    amount_fen: PositiveFen


class Unassigned(Record):
    """The enterprise takes back a part that it had assigned and that was not paid."""

    step: Literal["unassigned"] = "unassigned"
    supplier: UsccText
    amount_fen: PositiveFen


class Settled(Record):
    """The institution has paid the supplier from the part that was assigned to it: what was assigned is drawn."""

    step: Literal["settled"] = "settled"
    supplier: UsccText
    amount_fen: PositiveFen


class Repaid(Record):
    """The institution has received a repayment; ``days_late`` after it was due. ``reference``: the institution's number of the payment, by which
    it counts once; empty where it has none."""

    step: Literal["repaid"] = "repaid"
    principal_fen: Fen
    interest_fen: Fen
    days_late: Annotated[int, Field(ge=0, le=36_500)] = 0
    reference: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._/-]{0,64}$")] = ""


class Closed(Record):
    """Nothing is owed any more."""

    step: Literal["closed"] = "closed"


class Bad(Record):
    """The institution gives up on ``principal_fen``, all that is owed."""

    step: Literal["bad"] = "bad"
    principal_fen: PositiveFen


class Withdrawn(Record):
    """The enterprise withdraws its application."""

    step: Literal["withdrawn"] = "withdrawn"
    note: Text = ""


class Expired(Record):
    """The time is over until which the application, or the offer, stood."""

    step: Literal["expired"] = "expired"


LoanContent = Annotated[
    Applied | Consented | Queried | Surveyed | Offered | Declined | Guaranteed | Accepted | Contracted | Disbursed | Drawn | Assigned
    | Unassigned | Settled | Repaid | Closed | Bad | Withdrawn | Expired,
    Field(discriminator="step"),
]  # fmt: skip
LoanStepName = Literal[
    "applied", "consented", "queried", "surveyed", "offered", "declined", "guaranteed", "accepted", "contracted", "disbursed", "drawn",
    "assigned", "unassigned", "settled", "repaid", "closed", "bad", "withdrawn", "expired",
]  # fmt: skip


class LoanPaper(Statement):
    """What one step of an application says; never logged: it goes sealed to the other parties. Signed by whoever acts: the enterprise's own
    key, the institution, or the guarantor."""

    kind = "loan-paper"
    application: Hex16
    content: LoanContent


class LoanStep(Statement):
    """A step of an application was taken. Signed by the acting member: the institution, a guarantor, or the enterprise's service.

    ``previous``: digest of the step before, empty in the first. ``paper``: SHA-256 of the paper's envelope, whose nonce keeps it from being
    guessed.
    """

    kind = "loan-step"
    application: Hex16
    step: LoanStepName
    institution: MemberId
    service: MemberId
    previous: Hex32 | Literal[""]
    paper: Hex32
