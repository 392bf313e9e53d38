"""Deliveries become versions of records, each in one transaction; what is malformed is kept aside, and what was said before changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.records import Outcome
from nodes.errors import NotFoundError, StorageError
from nodes.records.deliveries import Intake
from nodes.records.keeping import CHUNK, MAX_MALFORMED
from nodes.records.quarantine import Quarantine
from nodes.records.store import SAID_METADATA, RecordStore
from simulators.population import binjiang
from tests.support.databases import database_in
from tests.support.deliveries import HandMade, again, malformed, record

USCCS = [firm.uscc for firm in binjiang.generate(12, seed=3).firms]
NOW = 1_700_000_000  # 2023-11-14
A, B = USCCS[:2]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = database_in(tmp_path / "state", "records")
    SAID_METADATA.create_all(found)
    yield found
    found.dispose()


@pytest.fixture
def store(engine: Engine) -> RecordStore:
    return RecordStore(engine)


@pytest.fixture
def intake(engine: Engine) -> Intake:
    return Intake(engine, lambda: NOW)


@pytest.fixture
def quarantine(engine: Engine, intake: Intake) -> Quarantine:
    return Quarantine(engine, intake)


def test_a_record_changes_the_fields_that_it_names_and_an_empty_value_empties_one(store: RecordStore, intake: Intake) -> None:
    intake.take("hand", HandMade([record(A, {"revenue": "1", "staff": "2"})], "a"))
    intake.take("hand", HandMade([record(A, {"staff": "", "patents": "4"}), record(B, {"staff": "9"})], "b"))
    assert store.find(A, "2023") == {"revenue": "1", "staff": "", "patents": "4"}
    assert store.find(B, "2023") == {"staff": "9"}
    assert store.find(A, "2022") is None


def test_records_are_kept_by_period_and_a_firm_is_known_from_any(store: RecordStore, intake: Intake) -> None:
    intake.take("hand", HandMade([record(A, {"a": "1"}, period="2022"), record(A, {"a": "2"}), record(B, {"a": "3"}, period="2022")]))
    assert store.period("2022") == {A: {"a": "1"}, B: {"a": "3"}}
    assert store.period("2023") == {A: {"a": "2"}}
    assert store.periods() == ["2022", "2023"]
    assert store.knows(B)
    assert not store.knows(USCCS[2])


def test_one_delivery_with_more_records_than_a_chunk_keeps_the_last_of_each(store: RecordStore, intake: Intake) -> None:
    usccs = [firm.uscc for firm in binjiang.generate(CHUNK * 3 // 4, seed=1).firms]
    intake.take("hand", HandMade([record(uscc, {"n": "0"}) for uscc in usccs[:600]], "a"))
    taken = intake.take("hand", HandMade([record(uscc, {"n": str(n)}) for n in (1, 2) for uscc in usccs], "b"))
    assert taken.records == 2 * len(usccs)
    assert store.period("2023") == {uscc: {"n": "2"} for uscc in sorted(usccs)}


def test_no_version_is_overwritten_and_each_names_its_source(store: RecordStore, intake: Intake) -> None:
    intake.take("hand", HandMade([record(A, {"a": "1", "b": "1"}, "2023-03-01", place="line 2")], "march"))
    before = store.version
    intake.take("hand", HandMade([record(A, {"a": "2"}, place="line 7")], "correction"))
    first, second = store.history(A, "2023")
    assert (first.said, first.values, first.valid_from) == ({"a": "1", "b": "1"}, {"a": "1", "b": "1"}, "2023-03-01")
    assert (second.said, second.values, second.valid_from) == ({"a": "2"}, {"a": "2", "b": "1"}, "2023-11-14")
    assert [(v.origin.connector, v.origin.delivery, v.origin.place) for v in (first, second)] == [
        ("hand", "march", "line 2"),
        ("hand", "correction", "line 7"),
    ]
    assert first.recorded_at == second.recorded_at == NOW
    assert store.period("2023", before) == {A: {"a": "1", "b": "1"}}


def test_what_was_said_before_makes_no_version(store: RecordStore, intake: Intake) -> None:
    intake.take("hand", HandMade([record(A, {"a": "1"}, "2023-03-01")], "a"))
    version = store.version
    intake.take("hand", HandMade([record(A, {"a": "1"}, "2023-03-01"), record(A, {"a": "1"})], "b"))
    assert store.version == version


def test_an_earlier_date_that_comes_late_changes_nothing_and_is_kept_once(store: RecordStore, intake: Intake) -> None:
    intake.take("hand", HandMade([record(A, {"a": "2"}, "2023-06-01")], "june"))
    for name in ("march", "march again"):
        intake.take("hand", HandMade([record(A, {"a": "1"}, "2023-03-01")] * 2, name))
        assert store.find(A, "2023") == {"a": "2"}
        assert [version.said for version in store.history(A, "2023")] == [{"a": "2"}, {"a": "1"}]


def test_each_field_is_as_new_as_its_own_statement(store: RecordStore, intake: Intake) -> None:
    for name, values, day in (("1", {"a": "1"}, "2023-06-01"), ("2", {"a": "0", "b": "5"}, "2023-03-01"), ("3", {"b": "6"}, "2023-04-01")):
        intake.take("hand", HandMade([record(A, values, day)], name))
    assert store.find(A, "2023") == {"a": "1", "b": "6"}
    intake.take("hand", HandMade([record(A, {"a": "9", "b": "9"})], "undated"))
    assert store.find(A, "2023") == {"a": "9", "b": "9"}


def test_a_delivery_is_taken_once_and_again_when_it_changes_even_back(store: RecordStore, intake: Intake, engine: Engine) -> None:
    for value in ("1", "2", "1"):
        assert intake.take("hand", HandMade([record(A, {"a": value})])).new
        assert not intake.take("hand", HandMade([record(A, {"a": value})])).new
        assert not Intake(engine, lambda: NOW).take("hand", HandMade([record(A, {"a": value})])).new  # nor after a restart
        assert store.find(A, "2023") == {"a": value}
    assert len(store.history(A, "2023")) == 3


def test_deliveries_of_two_connectors_are_two_though_they_have_one_name(store: RecordStore, intake: Intake) -> None:
    assert intake.take("hand", HandMade([record(A, {"a": "1"})])).new
    assert intake.take("other", HandMade([record(A, {"a": "1"})])).new


def test_what_is_malformed_waits_with_its_place_field_reason_and_content(store: RecordStore, intake: Intake, quarantine: Quarantine) -> None:
    delivery = HandMade([record(A, {"a": "1"}), malformed("not a number", "x,\x00y", "line 3", "a"), record(B, {"a": "2"})], "f.csv")
    taken = intake.take("hand", delivery)
    assert (taken.outcome, taken.records, len(taken.refused)) == (Outcome.PARTLY, 2, 1)
    (kept,) = quarantine.waiting()
    assert (kept.origin.connector, kept.origin.delivery, kept.origin.place) == ("hand", "f.csv", "line 3")
    assert (kept.field, kept.reason, kept.content, kept.recorded_at) == ("a", "not a number", "x,\ufffdy", NOW)
    assert set(store.period("2023")) == {A, B}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (record("short", {"a": "1"}), "uscc"),
        (record(A, {"a": "1"}, period="2023 年"), "period"),
        (record(A, {"a": "1"}, "1 May"), "valid_from"),
        (record(A, {"Revenue": "1"}), "field"),
        (record(A, {"a": "\x00"}), "NUL"),
        (record(A, {"a": "9" * 100_001}), "characters"),
    ],
)
def test_a_record_that_no_connector_should_make_is_quarantined(
    store: RecordStore, intake: Intake, quarantine: Quarantine, wrong: object, reason: str
) -> None:
    intake.take("hand", HandMade([wrong, record(B, {"a": "1"})]))  # type: ignore[list-item]
    assert [reason in kept.reason for kept in quarantine.waiting()] == [True]
    assert set(store.period("2023")) == {B}


def test_a_delivery_that_cannot_be_read_as_a_whole_leaves_its_reason_and_nothing_else(
    store: RecordStore, intake: Intake, quarantine: Quarantine
) -> None:
    delivery = HandMade([record(A, {"a": "1"}), malformed("wrong"), DeliveryError("not UTF-8")], "f.csv")
    taken = intake.take("hand", delivery)
    assert (taken.outcome, taken.new) == (Outcome.REFUSED, True)
    assert store.periods() == []
    assert [(kept.origin.place, kept.reason) for kept in quarantine.waiting()] == [("", "not UTF-8")]
    again = intake.take("hand", delivery)
    assert (again.outcome, again.new, len(again.refused)) == (Outcome.REFUSED, False, 1)
    assert len(list(quarantine.waiting())) == 1


def test_a_delivery_with_more_wrong_than_can_be_meant_is_refused(store: RecordStore, intake: Intake) -> None:
    taken = intake.take("hand", HandMade([record(A, {"a": "1"}), *[malformed("wrong")] * (MAX_MALFORMED + 1)], digest="d"))
    assert taken.outcome is Outcome.REFUSED
    assert store.periods() == []


def test_a_source_that_breaks_off_leaves_nothing_and_its_cursor_where_it_was(store: RecordStore, intake: Intake) -> None:
    intake.take("hand", HandMade([record(A, {"a": "1"})], "1", cursor="1"))
    with pytest.raises(SourceUnavailableError):
        intake.take("hand", HandMade([record(A, {"a": "2"}), SourceUnavailableError("gone")], "2", cursor="2"))
    assert store.find(A, "2023") == {"a": "1"}
    assert intake.cursor("hand") == "1"


# --- quarantine ---


def test_what_waits_already_word_for_word_waits_once(intake: Intake, quarantine: Quarantine) -> None:
    for value in ("1", "2"):
        intake.take("hand", HandMade([record(A, {"a": value}), malformed("wrong", "x"), malformed("wrong", value)], "f.csv"))
    assert [kept.content for kept in quarantine.waiting()] == ["x", "1", "2"]


def test_a_corrected_part_is_taken_and_waits_no_more(store: RecordStore, intake: Intake, quarantine: Quarantine) -> None:
    intake.take("hand", HandMade([malformed("not a number", f"{A},seven", "line 9", "a")], "f.csv"))
    (kept,) = quarantine.waiting()
    assert quarantine.retry(kept, again, f"{A},7") == ()
    assert store.find(A, "2023") == {"a": "7"}
    assert list(quarantine.waiting()) == []
    (version,) = store.history(A, "2023")
    assert (version.origin.delivery, version.origin.place) == ("f.csv (corrected)", "line 9")
    with pytest.raises(NotFoundError):
        quarantine.retry(kept, again, f"{A},8")
    assert store.find(A, "2023") == {"a": "7"}


def test_what_is_still_wrong_waits_on_with_what_the_person_made_of_it(store: RecordStore, intake: Intake, quarantine: Quarantine) -> None:
    intake.take("hand", HandMade([malformed("too short", "x")], "f.csv"))
    (kept,) = quarantine.waiting()
    for content, reason in (
        (f"{A},sieben", "not a number"),
        ("nobody,7", "uscc is not 18 characters of a unified social credit code 统一社会信用代码应为 18 位"),
    ):
        assert len(quarantine.retry(kept, again, content)) == 1
        (after,) = quarantine.waiting()
        assert (after.id, after.reason, after.content) == (kept.id, reason, content)
    assert store.periods() == []


def test_a_dismissed_part_waits_no_more(intake: Intake, quarantine: Quarantine) -> None:
    intake.take("hand", HandMade([malformed("wrong", "x"), malformed("wrong", "y")]))
    first, second = quarantine.waiting()
    assert quarantine.dismiss([first.id, 4711]) == 1
    assert [kept.id for kept in quarantine.waiting()] == [second.id]
    assert quarantine.one(second.id) == second
    with pytest.raises(NotFoundError):
        quarantine.one(first.id)


# --- points that were said ---


def test_the_points_of_a_column_are_kept_once_under_what_it_says(store: RecordStore, intake: Intake) -> None:
    intake.take("hand", HandMade([record(A, {"a": "1"})], "1"))
    store.keep_points("aa", [1, 2, 3], store.version)
    intake.take("hand", HandMade([record(A, {"a": "2"}), record(B, {"a": "3"})], "2"))
    store.keep_points("aa", [1, 2, 3], store.version)
    assert store.points("aa") == [1, 2, 3]
    assert store.period_when("2023", "aa") == {A: {"a": "1"}}
    with pytest.raises(StorageError):
        store.points("bb")
    with pytest.raises(StorageError):
        store.period_when("2023", "bb")
