"""A department shows an enterprise its values; they are confirmed, disputed, upheld or corrected."""

from __future__ import annotations

import pytest

from connectors.errors import DeliveryError
from connectors.plain import read_plain_again
from nodes.records.quarantine import Quarantine
from nodes.runtime.replica.value_messages import MAX_FIELDS
from scoring.lifecycle import DAY_S
from tests.support.departments import PERIOD
from tests.support.values import FIELD, TAX, Place


def test_an_enterprise_sees_each_value_that_the_department_holds_of_it(place: Place) -> None:
    shown = place.desk.ask(place.uscc, TAX, PERIOD, 0.0)
    record = place.tax.office.store.find(place.uscc, PERIOD)
    assert record
    assert {one["field"]: one["value"] for one in shown["values"]} == record
    assert {one["state"] for one in shown["values"]} == {"certified"}
    assert shown["self_filed"] == ["sales_musd_previous"]
    assert place.desk.life(place.uscc, PERIOD)["standing"] == "certified"


def test_values_are_confirmed_one_by_one_until_all_are(place: Place) -> None:
    fields = [one["field"] for one in place.desk.ask(place.uscc, TAX, PERIOD, 0.0)["values"]]
    for field in fields:
        assert place.desk.life(place.uscc, PERIOD)["standing"] == "certified"
        assert place.answer(True, field=field)["refused"] == {}
    assert place.desk.life(place.uscc, PERIOD)["standing"] == "confirmed"


def test_a_dispute_goes_to_the_owner_with_its_deadline_and_is_settled_by_upholding(place: Place) -> None:
    place.answer(False, "our return says another figure")
    (dispute,) = place.tax.values.book.disputes()
    assert (dispute.uscc, dispute.held.field, dispute.held.note) == (place.uscc, FIELD, "our return says another figure")
    assert dispute.held.due == place.zone.ledger.now + 15 * DAY_S
    assert place.desk.life(place.uscc, PERIOD)["standing"] == "disputed"
    place.settle("uphold", "it is the audited figure")
    assert place.state() == "upheld"
    assert not place.tax.values.book.disputes()
    assert FIELD in str(place.answer(False, "still")["refused"])


def test_a_dispute_is_settled_by_a_correction_of_the_record(place: Place) -> None:
    place.answer(False, "wrong")
    place.tax.give(("uscc", "period", FIELD), [(place.uscc, PERIOD, "4711.5")], "correction.csv")
    place.tax.runner.run()
    assert place.state() == "certified"
    assert not place.tax.values.book.disputes()


def test_an_answer_to_a_value_that_was_corrected_meanwhile_is_refused_and_changes_nothing(place: Place) -> None:
    version = place.version()
    place.tax.give(("uscc", "period", FIELD), [(place.uscc, PERIOD, "4711.5")], "correction.csv")
    place.tax.runner.run()
    assert "does not stand" in str(place.answer(True, version=version)["refused"])
    assert place.state() == "certified"


def test_a_record_that_cannot_be_shown_as_a_whole_is_not_taken(place: Place) -> None:
    before = place.tax.office.store.find(place.uscc, PERIOD)
    fields = [f"f{number}" for number in range(MAX_FIELDS)]
    for part, name in ((fields[:150], "a.csv"), (fields[150:], "b.csv")):
        place.tax.give(("uscc", "period", *part), [(place.uscc, PERIOD, *["1"] * len(part))], name)
    place.tax.runner.run()
    assert len(place.desk.ask(place.uscc, TAX, PERIOD, 0.0)["values"]) == len(before or {}) + 150
    (wide,) = Quarantine(place.tax.records, place.intake).waiting()
    assert (wide.origin.delivery, wide.reason) == (
        "b.csv",
        f"the record would have {len(before or {}) + MAX_FIELDS} fields; {MAX_FIELDS} at most are right 字段过多",
    )
    with pytest.raises(DeliveryError, match="by itself"):
        Quarantine(place.tax.records, place.intake).retry(wide, read_plain_again, wide.content)
