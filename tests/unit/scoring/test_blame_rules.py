"""Who is blamed for an opening that failed: exactly those whose own signature and proof contradict each other, or who stay silent [P1.4]."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crypto.keygen import PrivateKey
from scoring.custody.blame import ANSWER_S, LATEST_ANSWER_S
from scoring.errors import BlameError, ScoringError, WrongSignerError
from scoring.exchange.view import Logged
from scoring.statements import Statement
from tests.support.custody import Custody
from tests.support.members import CUSTODIANS
from tests.support.zone import MemoryZone, released_zone

OTHER = "ab" * 32
AUDIENCE = "bank-a"


class Case(Custody):
    """A ticket for a bank, of whose custodians ``liars`` signed a wrong partial."""

    def __init__(self, zone: MemoryZone) -> None:
        super().__init__(zone)
        self.liars: frozenset[str] = frozenset()
        consent = zone.consent(zone.subjects[0])
        asked, second = zone.asked(consent), zone.asked(consent)
        self.aggregate = asked.aggregates[0]
        self.ticket, self.other = zone.say(asked.ticket, "coordinator"), zone.say(second.ticket, "coordinator")

    def signed(self, name: str) -> bytes:
        return self.partial_of(name, self.ticket, self.aggregate, lie=3 if name in self.liars else 0)

    def demanded(self, *names: str, answer_s: int = ANSWER_S) -> Logged:
        return self.zone.say(self.demand(self.ticket, *(names or CUSTODIANS), answer_s=answer_s), AUDIENCE)

    def answered(self, demand: Logged, name: str) -> Logged:
        return self.zone.say(self.proof(demand, name, self.aggregate), name)

    def blames(self, demand: Logged) -> list[str]:
        """Whom the audience can blame, if it tries everybody with everything."""
        named = []
        for name in demand.statement.custodians:
            for fault in ("failed", "withheld"):
                try:
                    self.zone.say(self.blame(demand, name, self.signed(name), self.aggregate, fault), AUDIENCE)
                    named.append(name)
                except BlameError:
                    continue
        return named


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def case(zone: MemoryZone) -> Case:
    return Case(zone.fork())


def changed(statement: Statement, **fields: object) -> Statement:
    return type(statement).model_validate({**statement.model_dump(), **fields}, strict=False)


# --- who is named ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("liars", [(), ("tax",), ("credit", "notary"), CUSTODIANS])
def test_exactly_the_liars_are_named(case: Case, liars: tuple[str, ...]) -> None:
    case.liars = frozenset(liars)
    demand = case.demanded()
    for name in CUSTODIANS:
        case.answered(demand, name)
    assert case.blames(demand) == list(liars)
    assert {name for _, _, name in case.zone.view.blamed} == set(liars)


def test_who_withholds_its_proof_is_named_when_the_time_is_over_and_not_before(case: Case) -> None:
    case.liars = frozenset({"tax"})
    demand = case.demanded()
    case.answered(demand, "credit")
    case.answered(demand, "notary")
    assert case.blames(demand) == []
    case.zone.now = demand.statement.answer_by + case.zone.view.registry.genesis.clock_tolerance_s
    withheld = case.blame(demand, "tax", case.signed("tax"), case.aggregate, "withheld")
    with pytest.raises(BlameError, match="has time to answer"):
        case.zone.judge(withheld, AUDIENCE)
    case.zone.now += 1
    assert case.blames(demand) == ["tax"]


def test_an_answer_that_comes_late_still_counts_before_the_blame(case: Case) -> None:
    demand = case.demanded("tax")
    case.zone.now += ANSWER_S + 60
    case.answered(demand, "tax")
    assert case.blames(demand) == []


def test_nobody_is_named_twice_for_one_opening(case: Case) -> None:
    case.liars = frozenset({"tax"})
    demand = case.demanded("tax")
    case.answered(demand, "tax")
    assert case.blames(demand) == ["tax"]
    with pytest.raises(BlameError, match="already"):
        case.zone.judge(case.blame(demand, "tax", case.signed("tax"), case.aggregate), AUDIENCE)


# --- framing -----------------------------------------------------------------------------------------------------------------


def test_an_honest_custodian_cannot_be_framed_with_a_partial_that_another_signed(case: Case) -> None:
    demand = case.demanded("tax", "credit")
    case.answered(demand, "tax")
    case.answered(demand, "credit")
    forged = case.partial_of("tax", case.ticket, case.aggregate, lie=3)
    for signer in ("credit", "bank-a", "coordinator"):
        case.zone.keys.signers["forger"] = case.zone.keys.signers["tax"]
        case.zone.keys.signers["tax"] = case.zone.keys.signers[signer]
        forged = case.partial_of("tax", case.ticket, case.aggregate, lie=3)
        case.zone.keys.signers["tax"] = case.zone.keys.signers["forger"]
        with pytest.raises(BlameError, match="not signed by the custodian"):
            case.zone.judge(case.blame(demand, "tax", forged, case.aggregate), AUDIENCE)


FRAMES: dict[str, Callable[[Case, Logged], Statement]] = {
    "with its true partial": lambda c, d: c.blame(d, "tax", c.signed("tax"), c.aggregate),
    "as withholding what it gave": lambda c, d: c.blame(d, "tax", c.signed("tax"), c.aggregate, "withheld"),
    "with another's partial": lambda c, d: c.blame(d, "tax", c.signed("credit"), c.aggregate),
    "with its partial of another ticket": lambda c, d: c.blame(d, "tax", c.partial_of("tax", c.other, c.aggregate, lie=3), c.aggregate),
    "with another aggregate": lambda c, d: c.blame(d, "tax", c.signed("tax"), c.aggregate + 1),
    "with an aggregate that is no ciphertext": lambda c, d: c.blame(d, "tax", c.signed("tax"), 1 << 9000),
    "with no partial": lambda c, d: c.blame(d, "tax", b"{}", c.aggregate),
    "with another statement that it signed": lambda c, d: c.blame(d, "tax", c.zone.envelope(d.statement, "tax"), c.aggregate),
    "without having been asked": lambda c, d: c.blame(d, "notary", c.signed("notary"), c.aggregate, "withheld"),
    "under a demand that there is not": lambda c, d: changed(c.blame(d, "tax", c.signed("tax"), c.aggregate), demand=OTHER),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_custodian_whose_partial_is_right_is_never_named(case: Case, frame: Callable[[Case, Logged], Statement]) -> None:
    demand = case.demanded("tax", "credit")
    case.answered(demand, "tax")
    case.zone.now += LATEST_ANSWER_S
    with pytest.raises(BlameError):
        case.zone.judge(frame(case, demand), AUDIENCE)


def test_only_the_audience_demands_and_blames(case: Case) -> None:
    case.liars = frozenset({"tax"})
    demand = case.demand(case.ticket, "tax")
    for signer in ("bank-b", "coordinator", "tax", "authority"):
        with pytest.raises(WrongSignerError):
            case.zone.judge(demand, signer)
    logged = case.zone.say(demand, AUDIENCE)
    case.answered(logged, "tax")
    blame = case.blame(logged, "tax", case.signed("tax"), case.aggregate)
    with pytest.raises(WrongSignerError):
        case.zone.judge(blame, "bank-b")
    case.zone.judge(blame, AUDIENCE)


def test_a_portraits_partials_are_disputed_by_the_enterprises_service(case: Case) -> None:
    zone = case.zone
    asked = zone.asked(zone.consent(zone.subjects[3], "own"))
    ticket = zone.say(asked.ticket, "coordinator")
    with pytest.raises(WrongSignerError):
        zone.judge(case.demand(ticket, "tax"), AUDIENCE)
    zone.judge(case.demand(ticket, "tax"), "enterprise")


# --- demands and proofs --------------------------------------------------------------------------------------------------------

DEMANDS: dict[str, dict[str, object]] = {
    "about no ticket": {"ticket": OTHER},
    "about no opening": {"opening": 7},
    "about another generation": {"generation": 1},
    "of nobody": {"custodians": ()},
    "of somebody twice": {"custodians": ("tax", "tax")},
    "of somebody who holds no share": {"custodians": ("tax", "market")},
    "at once": {"answer_by": 0},
    "some day": {"answer_by": 1 << 39},
}


@pytest.mark.parametrize("fields", DEMANDS.values(), ids=DEMANDS.keys())
def test_a_demand_that_does_not_fit_is_void(case: Case, fields: dict[str, object]) -> None:
    with pytest.raises(BlameError):
        case.zone.judge(changed(case.demand(case.ticket, "tax"), **fields), AUDIENCE)


def test_the_same_proof_is_demanded_once(case: Case) -> None:
    case.demanded("tax")
    with pytest.raises(BlameError, match="before"):
        case.zone.judge(case.demand(case.ticket, "credit", "tax"), AUDIENCE)
    case.demanded("credit")


def test_a_proof_is_given_once_and_by_who_was_asked(case: Case) -> None:
    demand = case.demanded("tax")
    proof = case.proof(demand, "tax", case.aggregate)
    with pytest.raises(WrongSignerError):
        case.zone.judge(proof, "credit")
    with pytest.raises(BlameError, match="no proof was demanded"):
        case.zone.judge(changed(proof, custodian="credit"), "credit")
    with pytest.raises(BlameError, match="too long"):
        case.zone.judge(changed(proof, challenge="f" * 40), "tax")
    case.zone.say(proof, "tax")
    with pytest.raises(BlameError, match="before"):
        case.zone.judge(case.proof(demand, "tax", case.aggregate), "tax")


PROOFS: dict[str, Callable[[Case, Logged], Statement]] = {
    "for another opening of the log": lambda c, d: changed(
        c.proof(c.zone.say(c.demand(c.other, "tax"), AUDIENCE), "tax", c.aggregate), demand=d.digest
    ),
    "for another aggregate": lambda c, d: c.proof(d, "tax", c.aggregate**2 % c.zone.public_key.n2),
    "with another challenge": lambda c, d: changed(c.proof(d, "tax", c.aggregate), challenge="1"),
    "with another response": lambda c, d: changed(c.proof(d, "tax", c.aggregate), response="-1"),
    "of another custodian": lambda c, d: changed(c.proof(c.demanded("credit"), "credit", c.aggregate), demand=d.digest, custodian="tax"),
}


@pytest.mark.parametrize("make", PROOFS.values(), ids=PROOFS.keys())
def test_a_proof_that_does_not_hold_counts_against_who_gave_it(case: Case, make: Callable[[Case, Logged], Statement]) -> None:
    """A custodian whose partial was right can always give the one proof that holds."""
    demand = case.demanded("tax")
    case.zone.say(make(case, demand), "tax")
    assert case.blames(demand) == ["tax"]


def test_a_refresh_before_the_answer_was_due_frees_who_has_erased_its_share(case: Case) -> None:
    demand = case.demanded("tax")
    before = case.signed("tax")
    case.play()
    case.zone.now += LATEST_ANSWER_S
    with pytest.raises(BlameError, match="renewed"):
        case.zone.judge(case.blame(demand, "tax", before, case.aggregate, "withheld"), AUDIENCE)
    with pytest.raises(ScoringError):
        case.zone.judge(changed(case.demand(case.ticket, "tax"), generation=0), AUDIENCE)


def test_a_withheld_proof_counts_when_the_refresh_came_after_it_was_due(case: Case) -> None:
    demand = case.demanded("tax")
    before = case.signed("tax")
    case.zone.now += LATEST_ANSWER_S
    case.play()
    case.zone.say(case.blame(demand, "tax", before, case.aggregate, "withheld"), AUDIENCE)
