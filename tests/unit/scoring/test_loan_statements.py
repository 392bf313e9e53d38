"""What the log alone tells of credit: whose terms and steps hold, in which order, and what is void."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import (
    LoanOvertakenError,
    LoanStateError,
    SignerUnknownError,
    StatementReplayedError,
    TermsError,
    WrongSignerError,
)
from scoring.exchange.view import Logged
from scoring.statements import LoanStep
from tests.support.lending import terms_of
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, released_zone

APPLICATION = "ab" * 16


@dataclass
class Course:
    """An application between bank-a and the service, step by step in the zone's log."""

    zone: MemoryZone
    last: str = ""

    def step(self, step: str, **changes: Any) -> LoanStep:
        said: dict[str, Any] = {
            "zone": ZONE, "nonce": fresh_nonce(), "application": APPLICATION, "step": step, "institution": "bank-a", "service": "enterprise",
            "previous": self.last, "paper": secrets.token_hex(32),
        }  # fmt: skip
        return LoanStep(**(said | changes))

    def say(self, step: str, signer: str, **changes: Any) -> Logged:
        logged = self.zone.say(self.step(step, **changes), signer)
        self.last = logged.digest
        return logged

    def offered(self) -> None:
        for step, signer in (("applied", "enterprise"), ("consented", "enterprise"), ("queried", "bank-a"), ("surveyed", "bank-a")):
            self.say(step, signer)
        self.say("offered", "bank-a")


@pytest.fixture(scope="module")
def made(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def zone(made: MemoryZone) -> MemoryZone:
    return made.fork()


@pytest.fixture
def course(zone: MemoryZone) -> Course:
    return Course(zone)


def test_an_application_runs_to_its_end(course: Course) -> None:
    course.offered()
    for step, signer in (("accepted", "enterprise"), ("contracted", "bank-a"), ("disbursed", "bank-a"), ("repaid", "bank-a"), ("closed", "bank-a")):
        course.say(step, signer)
    state = course.zone.view.loans[APPLICATION]
    assert (state.institution, state.service, state.course.phase) == ("bank-a", "enterprise", "closed")


def test_a_step_out_of_order_is_refused(course: Course) -> None:
    course.say("applied", "enterprise")
    with pytest.raises(LoanStateError, match="consented"):
        course.zone.judge(course.step("offered"), "bank-a")


def test_of_two_steps_after_the_same_one_the_second_is_refused(course: Course) -> None:
    course.say("applied", "enterprise")
    course.say("consented", "enterprise")
    late = course.step("queried")
    course.say("queried", "bank-a")
    with pytest.raises(LoanOvertakenError):
        course.zone.judge(late, "bank-a")


def test_a_second_application_does_not_begin_under_the_same_id(course: Course) -> None:
    course.say("applied", "enterprise")
    with pytest.raises(LoanOvertakenError):
        course.zone.judge(course.step("applied", previous=""), "enterprise")


def test_the_same_step_in_a_new_envelope_and_a_paper_used_twice_are_refused(course: Course) -> None:
    first = course.say("applied", "enterprise")
    with pytest.raises(StatementReplayedError):
        course.zone.judge(first.statement, "enterprise")
    consented = course.say("consented", "enterprise")
    with pytest.raises(LoanStateError, match="paper"):
        course.zone.judge(course.step("consented", paper=consented.statement.paper), "enterprise")


@pytest.mark.parametrize(("step", "signer"), [("applied", "bank-a"), ("applied", "bank-b"), ("applied", "coordinator")])
def test_only_the_enterprises_service_applies(course: Course, step: str, signer: str) -> None:
    with pytest.raises(WrongSignerError):
        course.zone.judge(course.step(step), signer)


@pytest.mark.parametrize("signer", ["enterprise", "bank-b", "authority"])
def test_only_the_institution_offers(course: Course, signer: str) -> None:
    for step, who in (("applied", "enterprise"), ("consented", "enterprise"), ("queried", "bank-a"), ("surveyed", "bank-a")):
        course.say(step, who)
    with pytest.raises(WrongSignerError):
        course.zone.judge(course.step("offered"), signer)


def test_only_the_enterprises_service_accepts(course: Course) -> None:
    course.offered()
    with pytest.raises(WrongSignerError):
        course.zone.judge(course.step("accepted"), "bank-a")


def test_an_application_does_not_change_its_parties(course: Course) -> None:
    course.say("applied", "enterprise")
    with pytest.raises(WrongSignerError, match="other parties"):
        course.zone.judge(course.step("consented", institution="bank-b"), "enterprise")


@pytest.mark.parametrize(("name", "error"), [("tax", LoanStateError), ("nobody", SignerUnknownError)])
def test_an_application_is_to_a_financial_institution(course: Course, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        course.zone.judge(course.step("applied", institution=name), "enterprise")


def test_a_guarantor_signs_once_it_has_a_guarantors_product_and_never_for_itself(course: Course) -> None:
    course.offered()
    with pytest.raises(WrongSignerError, match="no guarantor's product"):
        course.zone.judge(course.step("guaranteed"), "bank-b")
    guarantor = terms_of("bank-b", nonce=fresh_nonce(), institution_kind="guarantor", product="points-guarantee", share_bp=6_000)
    course.zone.say(guarantor, "bank-b")
    with pytest.raises(WrongSignerError):
        course.zone.judge(course.step("guaranteed"), "bank-a")
    course.say("guaranteed", "bank-b")
    course.say("accepted", "enterprise")


def test_terms_are_the_institutions_own_and_follow_one_another(zone: MemoryZone) -> None:
    zone.say(terms_of(nonce=fresh_nonce()), "bank-a")
    zone.say(terms_of(nonce=fresh_nonce(), version=2, rate_bp=400), "bank-a")
    assert zone.view.catalog["bank-a", "points-loan"].statement.rate_bp == 400
    with pytest.raises(WrongSignerError):
        zone.judge(terms_of("bank-b", nonce=fresh_nonce()), "bank-a")
    with pytest.raises(WrongSignerError):
        zone.judge(terms_of("tax", nonce=fresh_nonce()), "tax")
    for version in (1, 2, 4):
        with pytest.raises(TermsError, match="versions"):
            zone.judge(terms_of(nonce=fresh_nonce(), version=version), "bank-a")


def test_terms_name_a_product_of_an_admitted_model(zone: MemoryZone) -> None:
    with pytest.raises(TermsError, match="no admitted model"):
        zone.judge(terms_of(nonce=fresh_nonce(), formula="zheke-loan"), "bank-a")


def test_a_step_that_breaks_the_rules_is_void_in_the_log(course: Course) -> None:
    index = course.zone.say_void(course.step("offered"), "bank-a")
    assert isinstance(course.zone.view.void[index], LoanStateError)
    assert APPLICATION not in course.zone.view.loans
