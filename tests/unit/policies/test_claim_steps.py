"""Steps of a claim in the log: whoever replays it finds a payment that nobody confirmed, that came early, or that came twice [O5]."""

from __future__ import annotations

import secrets
from typing import get_args

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import WrongSignerError
from scoring.policies.claims import STATES
from scoring.policies.errors import StepOrderError
from scoring.policies.steps import CLAIM_STEPS
from scoring.statements import PolicyStep, PolicyStepName
from tests.support.members import ZONE
from tests.support.zone import MemoryZone

CLAIM = "ab" * 16


@pytest.fixture
def zone(small_private_key: PrivateKey) -> MemoryZone:
    zone = MemoryZone(small_private_key)
    zone.found()
    return zone


def step(zone: MemoryZone, name: str, *, service: str = "", notice_ends: int = 0, claim: str = CLAIM, previous: str | None = None) -> PolicyStep:
    known = zone.view.claims.get(claim)
    last = known.last if known else ""
    return PolicyStep(
        zone=ZONE, nonce=fresh_nonce(), claim=claim, step=name, service=service, previous=last if previous is None else previous,  # type: ignore[arg-type]  # parsed
        paper=secrets.token_hex(32), notice_ends=notice_ends,
    )  # fmt: skip


def noticed(zone: MemoryZone, own: str) -> None:
    """A claim whose notice ends in a hundred seconds."""
    zone.say(step(zone, "matched"), "authority")
    zone.say(step(zone, "confirmed", service="enterprise"), own)
    zone.say(step(zone, "noticed", notice_ends=zone.now + 100), "authority")


def void(zone: MemoryZone, statement: PolicyStep, signer: str) -> Exception:
    return zone.view.void[zone.say_void(statement, signer)]


def test_a_claim_runs_from_comparison_to_payment(zone: MemoryZone) -> None:
    noticed(zone, zone.enrol("11" * 16))
    zone.now += 100
    for name in ("ordered", "returned", "ordered", "paid"):
        zone.say(step(zone, name), "authority")
    assert zone.view.claims[CLAIM].step == "paid"
    assert isinstance(void(zone, step(zone, "ordered"), "authority"), StepOrderError), "paid twice"


def test_a_payment_before_the_notice_ended_is_void(zone: MemoryZone) -> None:
    noticed(zone, zone.enrol("11" * 16))
    assert "the notice ends at" in str(void(zone, step(zone, "ordered"), "authority"))


def test_the_authority_cannot_confirm_for_the_enterprise(zone: MemoryZone) -> None:
    zone.say(step(zone, "matched"), "authority")
    assert isinstance(void(zone, step(zone, "confirmed"), "authority"), WrongSignerError)
    assert isinstance(void(zone, step(zone, "confirmed", service="enterprise"), "authority"), WrongSignerError)
    assert isinstance(void(zone, step(zone, "confirmed", service="enterprise"), "enterprise"), WrongSignerError), "nor can its service"
    assert isinstance(void(zone, step(zone, "ordered"), "authority"), StepOrderError), "nor skip it"


def test_another_enterprise_cannot_take_part(zone: MemoryZone) -> None:
    own, other = zone.enrol("11" * 16), zone.enrol("22" * 16)
    noticed(zone, own)
    assert isinstance(void(zone, step(zone, "disputed", service="enterprise"), other), WrongSignerError)
    zone.say(step(zone, "disputed", service="enterprise"), own)


def test_an_enterprise_cannot_decide_or_pay(zone: MemoryZone) -> None:
    own = zone.enrol("11" * 16)
    noticed(zone, own)
    zone.now += 100
    for name in ("ordered", "dismissed", "cancelled"):
        assert isinstance(void(zone, step(zone, name, service="enterprise"), own), WrongSignerError)


def test_a_step_that_does_not_know_the_last_one_is_void(zone: MemoryZone) -> None:
    zone.say(step(zone, "matched"), "authority")
    own = zone.enrol("11" * 16)
    assert isinstance(void(zone, step(zone, "confirmed", service="enterprise", previous="00" * 32), own), StepOrderError)
    assert isinstance(void(zone, step(zone, "matched", previous=""), "authority"), StepOrderError), "begun twice"


def test_every_step_has_its_rule_and_its_words() -> None:
    assert set(get_args(PolicyStepName)) == set(CLAIM_STEPS) == set(STATES)
    assert all(step in {*CLAIM_STEPS, ""} for rule in CLAIM_STEPS.values() for step in rule.after)
