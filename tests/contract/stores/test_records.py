"""A department's records keep the same promises on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.records import Outcome
from nodes.records.deliveries import Intake
from nodes.records.quarantine import Quarantine
from nodes.records.store import RecordStore
from nodes.runtime.database import open_database
from simulators.population import binjiang
from tests.support.deliveries import HandMade, again, malformed, record

NOW = 1_700_000_000  # 2023-11-14
USCCS = sorted(firm.uscc for firm in binjiang.generate(40, seed=3).firms)
A, B = USCCS[:2]


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    """A database with the tables of records, empty."""
    engine = open_database(tmp_path / "state", "records", url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine, url: str, tmp_path: Path) -> Iterator[RecordStore]:
    said = open_database(tmp_path / "state", "department", url)
    yield RecordStore(engine, said)
    said.dispose()


@pytest.fixture
def intake(engine: Engine) -> Intake:
    return Intake(engine, lambda: NOW)


def test_a_delivery_is_taken_with_all_that_belongs_to_it_or_not_at_all(store: RecordStore, intake: Intake, engine: Engine) -> None:
    delivery = HandMade([record(A, {"a": "1"}), malformed("not a number", "七", field="a"), record(B, {"a": ""})], "甲.csv", "d" * 64, "7")
    taken = intake.take("hand", delivery)
    assert (taken.outcome, taken.records, taken.new) == (Outcome.PARTLY, 2, True)
    assert intake.cursor("hand") == "7"
    assert store.period("2023") == {A: {"a": "1"}, B: {"a": ""}}
    for failure in (SourceUnavailableError("gone"), RuntimeError("a defect")):
        with pytest.raises(type(failure)):
            intake.take("hand", HandMade([record(A, {"a": "9"}), failure], "乙.csv", cursor="8"))
    assert (intake.cursor("hand"), store.period("2023")[A]) == ("7", {"a": "1"})
    assert intake.take("hand", HandMade([record(A, {"a": "9"}), DeliveryError("torn")], "丙.csv", cursor="9")).outcome is Outcome.REFUSED
    assert (intake.cursor("hand"), store.period("2023")[A]) == ("9", {"a": "1"})
    kept = list(Quarantine(engine, intake).waiting())
    assert [(part.origin.delivery, part.field, part.reason, part.content) for part in kept] == [
        ("甲.csv", "a", "not a number", "七"),
        ("丙.csv", "", "torn", ""),
    ]
    again_taken = intake.take("hand", delivery)
    assert (again_taken.new, again_taken.outcome, again_taken.refused[0].content) == (False, Outcome.PARTLY, "七")


def test_the_records_of_every_moment_stay(store: RecordStore, intake: Intake) -> None:
    seen: list[tuple[int, dict[str, dict[str, str]]]] = []
    for number, (uscc, values, day) in enumerate(
        [
            (A, {"a": "1", "b": "1"}, "2023-03-01"),
            (B, {"a": "5"}, ""),
            (A, {"a": "0"}, "2023-02-01"),
            (A, {"b": "2"}, "2023-04-01"),
            (A, {"a": "3"}, ""),
        ]
    ):
        intake.take("hand", HandMade([record(uscc, values, day), record(uscc, values, day, period="2022")], str(number)))
        seen.append((store.version, store.period("2023")))
        store.keep_points(str(number), [number], store.version)
    assert seen[-1][1] == {A: {"a": "3", "b": "2"}, B: {"a": "5"}}
    for number, (version, then) in enumerate(seen):
        assert store.period("2023", version) == store.period_when("2023", str(number)) == then
    assert [version.said for version in store.history(A, "2023")] == [{"a": "1", "b": "1"}, {"a": "0"}, {"b": "2"}, {"a": "3"}]
    assert store.changed("2022", seen[-2][0])
    assert not store.changed("2022", seen[-1][0])


def test_two_processes_that_take_at_once_lose_and_reorder_nothing(store: RecordStore, engine: Engine) -> None:
    """Whoever has seen version n has seen every version before it."""

    def work(name: str) -> None:
        intake = Intake(engine, lambda: NOW)
        for number in range(10):
            intake.take(name, HandMade([record(uscc, {name: str(number)}) for uscc in USCCS], str(number)))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    seen = []
    while any(thread.is_alive() for thread in threads):
        version = store.version
        seen.append((version, store.period("2023", version)))
    for thread in threads:
        thread.join()
    for version, then in seen:
        assert store.period("2023", version) == then
    assert store.period("2023") == {uscc: {"a": "9", "b": "9"} for uscc in USCCS}


def test_health_tells_what_waits_and_since_when_a_source_fails(intake: Intake, engine: Engine) -> None:
    intake.take("hand", HandMade([record(A, {"a": "1"}), malformed("wrong")]))
    intake.failing("far", "nobody answers")
    Intake(engine, lambda: NOW + 60).failing("far", "still nobody")
    near, far, new = intake.health(["hand", "far", "new"])
    assert (near.deliveries, near.last_at, near.waiting, near.failing_since, near.failure) == (1, NOW, 1, None, "")
    assert (far.deliveries, far.last_at, far.failing_since, far.failure) == (0, None, NOW, "still nobody")
    assert (new.deliveries, new.waiting, new.failing_since) == (0, 0, None)
    intake.works("far")
    assert intake.health(["far"])[0].failing_since is None
    (kept,) = Quarantine(engine, intake).waiting("hand")
    assert Quarantine(engine, intake).retry(kept, again, f"{B},7") == ()
    assert intake.health(["hand"])[0].waiting == 0
