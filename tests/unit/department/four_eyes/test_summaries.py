"""What persons are shown before they decide: counts of a column, and what a second person should notice."""

from __future__ import annotations

import pytest

from nodes.contributing.four_eyes.summaries import Summary, remarks
from nodes.department.desk.outgoing import Outgoing
from scoring.statements import Title
from simulators.population.tables import Population
from tests.support.departments import EPOCH, Node


def test_the_summary_counts_subjects_and_says_nothing_of_one(node: Node, firms: Population) -> None:
    (_, items), *_ = Outgoing(node.engine, node.summaries, node.four_eyes).epochs()
    summary = next(item.summary for item in items if item.about[0] == "patents")
    assert summary is not None
    assert summary.subjects == len(firms.firms) == sum(summary.bands)
    assert summary.subjects == sum(stage.subjects for stage in summary.stages.values())
    kept = node.office.outbox.latest(f"column/{EPOCH}/patents/-")
    assert kept is not None
    points = node.office.store.points(kept.message.source)
    assert summary.sum == sum(points)
    assert summary.bands[1] == points.count(0)
    assert sum(summary.fields["patents"].present.values()) == summary.subjects - summary.incomplete


def summary_of(**changes: object) -> Summary:
    said: dict[str, object] = {
        "epoch": "e2", "period": "1995", "indicator": "rd", "title": Title(zh="研发", en="R&D"), "bounds": (0, 1000), "sum": 50_000,
        "bands": (0, 20, 20, 20, 20, 20, 0), "stages": {"S1": {"title": {"zh": "一", "en": "one"}, "subjects": 100, "incomplete": 2}}, "fields": {},
    }  # fmt: skip
    return Summary.model_validate({**said, **changes})


def stage(subjects: int, incomplete: int) -> dict[str, object]:
    return {"S1": {"title": {"zh": "一", "en": "one"}, "subjects": subjects, "incomplete": incomplete}}


def test_an_ordinary_column_gets_no_remark() -> None:
    assert list(remarks(summary_of(), summary_of(epoch="e1", sum=52_000))) == []
    assert list(remarks(summary_of(), None)) == []


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        ({"stages": stage(100, 100), "sum": 0, "bands": (0, 100, 0, 0, 0, 0, 0)}, None, "every enterprise lacks data"),
        ({"sum": 0, "bands": (0, 100, 0, 0, 0, 0, 0)}, None, "every enterprise has 0 points"),
        ({"sum": 100_000, "bands": (0, 0, 0, 0, 0, 0, 100)}, None, "one band"),
        ({}, {"stages": stage(50, 1)}, "subjects were 50, now 100"),
        ({"stages": stage(100, 30)}, {}, "rose from 2% to 30%"),
        ({"sum": 5_000}, {}, "the mean was 5.00, now 0.50"),
    ],
)
def test_what_a_second_person_should_notice_is_told(now: dict[str, object], before: dict[str, object] | None, told: str) -> None:
    found = list(remarks(summary_of(**now), None if before is None else summary_of(**{"epoch": "e1", **before})))
    assert any(told in item.en for item in found), found
