"""Terms of products: what makes them sound, which amount they give for a line of the model, and who may apply [E1, E2]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from scoring.errors import LoanAmountError, TermsError
from scoring.rules.credit import Product
from scoring.statements.lending import Applied, InstitutionKind, ProductTerms, Ratio

PURPOSES: Final[dict[InstitutionKind, str]] = {
    "bank": "loan", "insurer": "insurance", "guarantor": "guarantee", "lessor": "lease", "investor": "investment",
}  # fmt: skip
"""The purpose of a consent to an institution of each kind."""

WHOLE: Final = 10_000


def check_terms(terms: ProductTerms, before: ProductTerms | None, base: ProductTerms | None, formulas: Iterable[Product]) -> None:
    """The terms are sound. ``before``: the product's version before; ``base``: the newest terms of the base product that is named;
    ``formulas``: products of admitted models with the name of ``terms.formula``.

    Raises TermsError when floor and cap cross, versions do not follow, a kind has what it cannot have, the formula is no admitted model's,
    or the promise over the base product does not hold for every total.
    """
    _demand(terms.floor_fen <= terms.cap_fen, "the floor is above the cap")
    _demand(terms.not_before < terms.not_after, "the terms end before they begin")
    _demand(terms.version == (1 if before is None else before.version + 1), "versions of a product follow one another, from 1 on")
    _demand(before is None or before.institution_kind == terms.institution_kind, "a product stays with the kind of its institution")
    _demand(not terms.revolving or terms.institution_kind == "bank", "only a bank's line revolves")
    _demand((terms.share_bp > 0) == (terms.institution_kind == "guarantor"), "a guarantor, and nobody else, states the share that it carries")
    admitted = list(formulas)
    _demand(bool(admitted), f"no admitted model has a product {terms.formula!r}")
    _demand(bool(terms.base) == (terms.uplift is not None), "a base product and what is promised over it are stated together")
    if terms.base:
        _check_uplift(terms, base, admitted)


def amount_of(terms: ProductTerms, line_fen: int, stage: str = "") -> int:
    """What the product gives for the model's line: that line, at least the floor and at most the cap; 0 for whoever gets none, and in a ``stage``
    that the product is not for [E2]."""
    if stage and terms.stages and stage not in terms.stages:
        return 0
    return 0 if line_fen == 0 else min(max(line_fen, terms.floor_fen), terms.cap_fen)


def check_application(terms: ProductTerms, applied: Applied, now: int) -> None:
    """An application fits the terms. Raises TermsError outside of their time, LoanAmountError beyond cap or term."""
    _demand(terms.product == applied.product, "the application is for another product than its terms")
    _demand(terms.not_before <= now <= terms.not_after, "the product is not offered at this time")
    if applied.amount_fen > terms.cap_fen:
        raise LoanAmountError(f"{applied.amount_fen} fen are asked for, the product gives at most {terms.cap_fen}")
    if applied.term_months > terms.term_months:
        raise LoanAmountError(f"{applied.term_months} months are asked for, the product gives at most {terms.term_months}")


def lifted(amount_fen: int, ratio: Ratio) -> int:
    """``amount_fen`` times a ratio in ten-thousandths, rounded up: never less than promised.

    >>> lifted(1_000_001, 13_000)
    1300002
    """
    return -(-amount_fen * ratio // WHOLE)


def _check_uplift(terms: ProductTerms, base: ProductTerms | None, formulas: list[Product]) -> None:
    """Line, floor and cap are each lifted: then so is what comes of them, whatever the total is."""
    assert terms.uplift is not None
    if base is None or base.base:
        raise TermsError(f"the base product {terms.base!r} has no terms of its own in the log")
    ratio = terms.uplift.amount_ratio
    _demand(base.institution_kind == terms.institution_kind, "product and base product are of one kind")
    _demand(terms.floor_fen >= lifted(base.floor_fen, ratio), "the floor is not lifted as promised over the base product's")
    _demand(terms.cap_fen >= lifted(base.cap_fen, ratio), "the cap is not lifted as promised over the base product's")
    _demand(terms.term_months >= base.term_months + terms.uplift.extra_months, "the term is not as much longer as promised")
    _demand(terms.rate_bp <= base.rate_bp, "the price is above the base product's")
    for formula in formulas:
        promise = formula.spec.promise
        kept = formula.base is not None and formula.base.id == base.formula and promise is not None
        _demand(kept and promise is not None and promise.amount_ratio * WHOLE >= ratio, "the model does not promise as much over the base formula")


def _demand(holds: bool, rule: str) -> None:
    if not holds:
        raise TermsError(rule)
