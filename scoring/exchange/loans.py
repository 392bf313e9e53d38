"""Who may publish terms and take which step of an application, and in which order: what the log alone can tell of credit [E2, E4].

Amounts are not in the log: the parties judge them by the papers that the steps name (``scoring.lending.application``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from scoring.errors import LoanOvertakenError, LoanStateError, WrongSignerError
from scoring.lending.course import PARTY, Course
from scoring.lending.terms import check_terms
from scoring.statements import LoanStep, ProductTerms, Statement

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView


@dataclass(frozen=True, slots=True)
class LoanState:
    """An application as the log tells it: its parties, how far it is, and the leaf of its first step."""

    institution: str
    service: str
    index: int
    course: Course = field(default_factory=Course)


def newest_terms(view: ZoneView, institution: str, product: str) -> ProductTerms | None:
    """The version that counts of an institution's product, if it has published one."""
    logged = view.catalog.get((institution, product))
    return None if logged is None else logged.statement


def _judge_terms(view: ZoneView, statement: ProductTerms, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "bank")
    signer.require_member(statement.institution)
    models = [view.models[sha] for sha in view.admitted if sha in view.models]
    formulas = [model.products[statement.formula] for model in models if statement.formula in model.products]
    before = newest_terms(view, statement.institution, statement.product)
    base = newest_terms(view, statement.institution, statement.base) if statement.base else None
    check_terms(statement, before, base, formulas)


def _judge_step(view: ZoneView, statement: LoanStep, signer: Signer, _time: int) -> None:
    known = view.loans.get(statement.application)
    state = known or LoanState(statement.institution, statement.service, view.size)
    if known is None:
        _check_parties(view, statement)
    elif (known.institution, known.service) != (statement.institution, statement.service):
        raise WrongSignerError("the application is between other parties")
    if statement.previous != state.course.last:
        raise LoanOvertakenError("the step does not follow the last one of the application")
    state.course.check(statement.step, statement.paper)
    _check_actor(view, statement, signer)


def _check_parties(view: ZoneView, statement: LoanStep) -> None:
    if "bank" not in view.registry.member(statement.institution).roles:
        raise LoanStateError(f"{statement.institution} is no financial institution of the zone")
    if "enterprise-service" not in view.registry.member(statement.service).roles:
        raise LoanStateError(f"{statement.service} is no enterprise service of the zone")


def _check_actor(view: ZoneView, statement: LoanStep, signer: Signer) -> None:
    party = PARTY[statement.step]
    if party == "enterprise":
        signer.require_member(statement.service)
    elif party == "institution":
        signer.require_member(statement.institution)
    else:
        signer.require_role(view.registry, "bank")
        published = {logged.statement.institution_kind for (member, _), logged in view.catalog.items() if member == signer.member}
        if "guarantor" not in published or signer.member == statement.institution:
            raise WrongSignerError(f"{signer.member} has no guarantor's product in the catalog")


def _commit_terms(view: ZoneView, logged: Logged) -> None:
    view.catalog[logged.statement.institution, logged.statement.product] = logged


def _commit_step(view: ZoneView, logged: Logged) -> None:
    step: LoanStep = logged.statement
    state = view.loans.get(step.application) or LoanState(step.institution, step.service, logged.index)
    view.loans[step.application] = replace(state, course=state.course.after(step.step, step.paper, logged.digest))


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {ProductTerms: _judge_terms, LoanStep: _judge_step}
EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {ProductTerms: _commit_terms, LoanStep: _commit_step}
