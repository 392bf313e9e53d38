"""Whatever order, however often, with corrections in between: the record is what the latest word on each field says, and the past stays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connectors.records import Record
from nodes.records.deliveries import Intake
from nodes.records.store import RecordStore
from nodes.records.versions import State, first
from simulators.population import binjiang
from tests.support.databases import database_in
from tests.support.deliveries import HandMade, record

USCCS = [firm.uscc for firm in binjiang.generate(3, seed=3).firms]
DAYS = [f"2023-0{month}-01" for month in range(1, 7)]
NOW = 1_700_000_000
TODAY = "2023-11-14"
Said = dict[str, str]

fields = st.sampled_from(("a", "b", "c"))
said = st.dictionaries(fields, st.sampled_from(("", "1", "2")), max_size=3)
statements = st.lists(st.tuples(st.sampled_from(DAYS), said), min_size=1, max_size=6, unique_by=lambda statement: statement[0])


def latest(told: Iterable[tuple[str, Said]]) -> Said:
    """The record by definition: of each field the value of the latest date."""
    found: Said = {}
    for _, values in sorted(told, key=lambda statement: statement[0]):
        found |= values
    return found


@given(statements, st.randoms(use_true_random=False), st.lists(st.integers(0, 5), max_size=6))
def test_dated_statements_give_the_same_record_in_any_order_and_however_often(
    told: list[tuple[str, Said]], random: object, doubled: list[int]
) -> None:
    order = told + [told[number % len(told)] for number in doubled]
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis' own Random
    state: State | None = None
    for day, values in order:
        state = first(values, day, TODAY) if state is None else state.after(values, day, TODAY)
    assert state is not None
    assert state.values == latest(told)


@given(statements, said)
def test_what_is_said_again_changes_nothing_and_what_is_undated_stands_over_all(told: list[tuple[str, Said]], undated: Said) -> None:
    (day, values), *others = told
    state = first(values, day, TODAY)
    for day, values in others:
        state = state.after(values, day, TODAY)
    for day, values in told:
        assert state.after(values, day, TODAY) == state
    after = state.after(undated, "", TODAY)
    assert after.values == {**state.values, **undated}
    assert after.after(undated, "", "2024-01-01") == after


class Versions(RuleBasedStateMachine):
    """A real store beside a plain model of it: every statement in the order of recording."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.engine = database_in(Path(self.folder.name) / "state", "records")
        self.store, self.intake = RecordStore(self.engine), Intake(self.engine, lambda: NOW)
        self.told: dict[str, list[tuple[str, Said]]] = {}
        self.past: list[tuple[int, dict[str, Said]]] = []
        self.delivered: list[HandMade] = []

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    @rule(uscc=st.sampled_from(USCCS), day=st.sampled_from([*DAYS, ""]), values=said)
    def deliver(self, uscc: str, day: str, values: Said) -> None:
        self.take([record(uscc, values, day)])

    @rule(parts=st.lists(st.tuples(st.sampled_from(USCCS), st.sampled_from(DAYS), said), max_size=5))
    def deliver_several(self, parts: list[tuple[str, str, Said]]) -> None:
        self.take([record(uscc, values, day) for uscc, day, values in parts])

    @rule(which=st.integers(0, 50))
    def deliver_again(self, which: int) -> None:
        if self.delivered:
            before, present = self.store.version, self.store.period("2023")
            self.intake.take("hand", self.delivered[which % len(self.delivered)])
            assert (self.store.version, self.store.period("2023")) == (before, present)

    @rule()
    def look_back_from_here(self) -> None:
        self.past.append((self.store.version, self.store.period("2023")))

    @rule()
    def restart(self) -> None:
        self.store, self.intake = RecordStore(self.engine), Intake(self.engine, lambda: NOW)

    @invariant()
    def the_record_is_the_latest_word_on_each_field(self) -> None:
        assert self.store.period("2023") == {uscc: self.expected(told) for uscc, told in self.told.items()}

    @invariant()
    def the_past_stays(self) -> None:
        for version, then in self.past:
            assert self.store.period("2023", version) == then

    def take(self, records: list[Record]) -> None:
        delivery = HandMade(records, f"delivery {len(self.delivered)}")
        self.intake.take("hand", delivery)
        self.delivered.append(delivery)
        for one in records:
            self.told.setdefault(one.uscc, []).append((one.valid_from, dict(one.values)))

    @staticmethod
    def expected(told: list[tuple[str, Said]]) -> Said:
        """By the words of the specification, statement after statement: (value, since when) of each field."""
        found: dict[str, tuple[str, str]] = {}
        for day, values in told:
            for name, value in values.items():
                before = found.get(name)
                if before is None:
                    found[name] = (value, day or TODAY)
                elif not day and before[0] != value:
                    found[name] = (value, max(TODAY, before[1]))
                elif day and day >= before[1]:
                    found[name] = (value, day)
        return {name: value for name, (value, _) in found.items()}


TestVersions = Versions.TestCase
TestVersions.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
