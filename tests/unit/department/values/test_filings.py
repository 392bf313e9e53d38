"""What an enterprise files itself counts once its owner approved what it saw, and not otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from connectors.records import Delivery
from nodes.errors import DecisionError, NotFoundError
from nodes.records.deliveries import Taken
from nodes.records.store import RecordStore
from nodes.runtime.replica.value_messages import MAX_FIELDS
from scoring.errors import ValueStateError
from scoring.lifecycle import Filing
from tests.support.databases import ON_BOTH
from tests.support.departments import PERIOD
from tests.support.values import FIELD, TAX, Place

NOW = 1_700_000_000


@ON_BOTH
def test_what_an_enterprise_files_counts_only_once_its_owner_approved_it(place: Place) -> None:
    store = RecordStore(place.tax.records)
    before = store.find(place.uscc, PERIOD)
    assert place.file("12.5")["refused"] == {}
    assert store.find(place.uscc, PERIOD) == before
    (matter,) = place.tax.settling.open()
    assert place.settle("approve", "")
    assert store.find(place.uscc, PERIOD) == {**(before or {}), "sales_musd_previous": "12.5"}
    versions = len(store.history(place.uscc, PERIOD))
    with pytest.raises(ValueStateError, match="not open"):
        place.tax.settling.find(matter.id)
    with pytest.raises(ValueStateError, match="before"):
        place.tax.settling.settle(matter, "approve", "", None)
    assert len(store.history(place.uscc, PERIOD)) == versions


def test_an_approval_that_is_cut_off_leaves_neither_record_nor_note_and_is_repeated(place: Place) -> None:
    store, book = RecordStore(place.tax.records), place.tax.values.book
    place.file("12.5")
    (waiting,) = book.waiting()

    class Cut(Exception):
        pass

    class CutOff:
        def take(self, connector: str, delivery: Delivery, note: Callable[[Connection, Taken], None]) -> object:
            def cut(connection: Connection, taken: Taken) -> None:
                note(connection, taken)
                raise Cut

            return place.intake.take(connector, delivery, cut)

    versions = len(store.history(place.uscc, PERIOD))
    with pytest.raises(Cut):
        replace(place.tax.settling, taker=CutOff()).settle(place.tax.settling.open()[0], "approve", "", None)
    assert (book.waiting(), len(store.history(place.uscc, PERIOD))) == ([waiting], versions)
    place.settle("approve", "")
    assert len(store.history(place.uscc, PERIOD)) == versions + 1
    assert not book.waiting()


def test_a_filing_that_took_the_place_of_the_one_that_was_seen_is_not_approved_with_it(place: Place) -> None:
    place.file("12.5")
    (seen,) = place.tax.settling.open()
    place.file("999999")
    (now,) = place.tax.settling.open()
    assert now.filing > seen.filing
    before = place.tax.office.store.find(place.uscc, PERIOD)
    for outcome in ("approve", "reject"):
        with pytest.raises(ValueStateError, match="taken its place"):
            place.tax.settling.settle(seen, outcome, "checked 12.5", None)  # as a page that was open meanwhile, or the other of two processes, has it
    with pytest.raises(NotFoundError):
        place.tax.values.book.filed(seen.filing)
    assert place.tax.office.store.find(place.uscc, PERIOD) == before
    assert [item.filing for item in place.tax.settling.open()] == [now.filing]


def test_a_filing_for_which_its_record_has_no_room_is_not_approved(place: Place) -> None:
    wide = [f"f{number}" for number in range(MAX_FIELDS - len(place.tax.office.store.find(place.uscc, PERIOD) or {}))]
    place.tax.give(("uscc", "period", *wide), [(place.uscc, PERIOD, *["1"] * len(wide))], "wide.csv")
    place.tax.runner.run()
    place.tax.values.book.file(place.uscc, PERIOD, Filing("patents", "3", "filed", NOW))
    with pytest.raises(ValueStateError, match="cannot become a record"):
        place.settle("approve", "")
    assert len(place.tax.settling.open()) == 1


def test_an_enterprise_is_told_no_reason_that_its_service_cannot_take(place: Place) -> None:
    place.file("12.5")
    with pytest.raises(DecisionError, match="500 characters"):
        place.settle("reject", "x" * 501)
    assert place.file("12.5")["refused"] == {}


def test_a_filing_that_is_rejected_never_counts_and_the_enterprise_is_told_why(place: Place) -> None:
    before = place.tax.office.store.find(place.uscc, PERIOD)
    place.file("12.5")
    place.settle("reject", "no proof")
    assert place.tax.office.store.find(place.uscc, PERIOD) == before
    (filing,) = place.desk.ask(place.uscc, TAX, PERIOD, 0.0)["filings"]
    assert (filing["state"], filing["note"]) == ("rejected", "no proof")


def test_a_field_that_enterprises_do_not_file_is_refused(place: Place) -> None:
    assert FIELD in str(place.file("1", field=FIELD)["refused"])
    assert not place.tax.values.book.waiting()


@pytest.mark.parametrize("value", ["abc", "-5", "1,000", "\uff11\uff12", "12\n  7: approved", "\u202e5.21"])
def test_a_filed_value_that_no_rule_could_read_is_refused_before_anybody_examines_it(place: Place, value: str) -> None:
    assert "sales_musd_previous" in str(place.file(value)["refused"])
    assert not place.tax.values.book.waiting()
