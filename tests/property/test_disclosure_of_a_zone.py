"""The ledger inside a whole zone: whatever is said in whatever order, the tickets that hold let no bank compute one owner's points [P7.2].

Really signed, encrypted and opened, under a pack that no linter passes, with keys of 512 bits. The oracle tries every combination with small
coefficients over the weights of the model; what it finds could be computed from the openings, as the test at the end shows.
"""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crypto.keygen import PrivateKey
from scoring.disclosure.ledger import DisclosureLedger
from scoring.errors import DisclosureFrozenError, DisclosureIsolatesError, DisclosureLimitError, RevisionError, RowsAwaitedError
from scoring.exchange.view import Logged
from scoring.indicators.functional import functional
from tests.support.epoch import EPOCH
from tests.support.leaky import SECOND, SECOND_PRODUCT, leaky_zone
from tests.support.zone import PRODUCT, MemoryZone

FIRM, STAGES, REACH = 0, ("S1", "S3", "S4"), 3
FUNCTIONALS = {PRODUCT: "total", SECOND_PRODUCT: SECOND}
FORBIDDEN = (DisclosureFrozenError, DisclosureIsolatesError, DisclosureLimitError)


class Exchange(RuleBasedStateMachine):
    """One bank, one enterprise, two consents; epochs of the same data in which its stage is another, rows that are sent again, tickets."""

    base: MemoryZone

    def __init__(self) -> None:
        super().__init__()
        self.zone = self.base.fork()
        self.subject = self.zone.subjects[FIRM]
        self.stage_in = {EPOCH: self.zone.staged[self.subject]}
        self.sent = Counter({EPOCH: 1})
        self.consents: dict[str, Logged] = {
            said.consent.products[0]: self.zone.view.at(said.index) for said in self.zone.view.consents.values()
        }  # fmt: skip
        self.accepted: list[tuple[str, str, int]] = []  # epoch, functional, what was opened

    @rule(stage=st.sampled_from(STAGES))
    def open_epoch(self, stage: str) -> None:
        if len(self.stage_in) < 4:
            epoch = f"epoch-{len(self.stage_in)}"
            self.zone.staged[self.subject] = stage
            self.zone.open_epoch(epoch)
            self.stage_in[epoch] = stage

    @rule(data=st.data())
    def send_rows(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.stage_in)))
        try:
            self.zone.contribute_rows(self.consents[PRODUCT], revision=self.sent[epoch], epoch=epoch)
            self.sent[epoch] += 1
        except RevisionError:
            assert epoch in {known for known, _, _ in self.accepted}, "only a ticket freezes rows"

    @rule(data=st.data(), product_id=st.sampled_from(sorted(FUNCTIONALS)))
    def ask(self, data: st.DataObject, product_id: str) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.stage_in)))
        self.zone.placement.stage_of[self.subject] = self.stage_in[epoch]  # the roster of that epoch
        try:
            asked = self.zone.asked(self.consents[product_id], epoch=epoch)
            self.zone.say(asked.ticket, "coordinator")
        except RowsAwaitedError:
            assert not self.sent[epoch]
        except FORBIDDEN:
            assert self.accepted
        else:
            self.accepted.append((epoch, FUNCTIONALS[product_id], self.zone.open(asked.aggregates[0]).m))

    @invariant()
    def no_owners_points_can_be_computed(self) -> None:
        forms = {(name, self.stage_in[epoch]) for epoch, name, _ in self.accepted}
        assert isolating(self.zone, sorted(forms)) is None

    @invariant()
    def the_same_question_has_the_same_answer(self) -> None:
        answers: dict[tuple[str, str], int] = {}
        for epoch, name, value in self.accepted:
            assert answers.setdefault((epoch, name), value) == value


def isolating(zone: MemoryZone, forms: list[tuple[str, str]]) -> tuple[int, ...] | None:
    """Coefficients of a combination of (functional, stage) that is of one owner's indicators."""
    for coefficients in product(range(-REACH, REACH + 1), repeat=len(forms)):
        total: Counter[str] = Counter()
        for coefficient, (name, stage) in zip(coefficients, forms, strict=True):
            for term in functional(zone.model, name, stage).terms:
                total[term.indicator] += coefficient * term.weight if term.functional == "-" else 0
        owners = {zone.model.indicators[name].owner for name, weight in total.items() if weight}
        if len(owners) == 1:
            return coefficients
    return None


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> MemoryZone:
    made = leaky_zone(small_private_key, tmp_path_factory.mktemp("packs"))
    subject = made.subjects[FIRM]
    made.consent(subject)
    made.say(made.consent_statement(subject, products=(SECOND_PRODUCT,)), made.own_key[subject])
    return made


def test_whatever_is_said_no_bank_can_compute_one_owners_points(zone: MemoryZone) -> None:
    machine = type("Machine", (Exchange,), {"base": zone})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=12, deadline=None))


def test_what_the_oracle_finds_can_be_computed_where_the_ledger_is_forgotten(zone: MemoryZone) -> None:
    fork, opened = zone.fork(), []
    for state in list(fork.view.consents.values()):
        asked = fork.asked(fork.view.at(state.index))
        fork.say(asked.ticket, "coordinator")
        opened.append(fork.open(asked.aggregates[0]).m)
        fork.view.ledger = DisclosureLedger()
    coefficients = isolating(fork, [("total", "S1"), (SECOND, "S1")])
    assert coefficients is not None
    weight = coefficients[0] * fork.model.indicators["growth"].weight("S1")
    assert sum(c * m for c, m in zip(coefficients, opened, strict=True)) == weight * fork.points[fork.subjects[FIRM]]["growth"]
