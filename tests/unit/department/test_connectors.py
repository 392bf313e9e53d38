"""Connectors are run one after the other; what one of them cannot do now costs the others nothing, and no crash loses or doubles a delivery."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine

from connectors.connect import open_connector
from connectors.errors import DeliveryError
from connectors.plain import PlainFolder
from connectors.records import Outcome
from nodes.errors import NotReadyError
from nodes.records.deliveries import Intake
from nodes.records.runner import Runner, Turns, turns_of
from nodes.records.store import RecordStore
from nodes.runtime import logging
from simulators.population import binjiang
from tests.support.connecting import CODES, MAPPING, row, table
from tests.support.databases import database_in
from tests.support.deliveries import HandMade, HandMadeSource, malformed, record

A, B = (firm.uscc for firm in binjiang.generate(2, seed=3).firms)
NOW = 1_700_000_000


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = database_in(tmp_path / "state", "records")
    yield found
    found.dispose()


@pytest.fixture
def intake(engine: Engine) -> Intake:
    return Intake(engine, lambda: NOW)


@pytest.fixture
def turns(tmp_path: Path) -> Turns:
    return turns_of(tmp_path / "state")


def values(engine: Engine) -> dict[str, dict[str, str]]:
    return RecordStore(engine).period("2023")


class Killed(BaseException):
    """The process dies here."""


def test_what_there_is_is_taken_in_order_and_each_delivery_settled_with_its_outcome(intake: Intake, turns: Turns, engine: Engine) -> None:
    good = HandMade([record(A, {"a": "1"})], "1")
    partly = HandMade([record(A, {"a": "2"}), malformed("wrong")], "2")
    torn = HandMade([record(A, {"a": "3"}), DeliveryError("torn")], "3")
    runner = Runner(intake, [HandMadeSource([good, partly, torn])], turns)
    assert runner.run() == 3
    assert (good.settled, partly.settled, torn.settled) == ([(Outcome.TAKEN, 0)], [(Outcome.PARTLY, 1)], [(Outcome.REFUSED, 1)])
    assert values(engine) == {A: {"a": "2"}}
    assert runner.run() == 0


def test_a_source_with_a_cursor_goes_on_where_it_was(intake: Intake, turns: Turns, engine: Engine) -> None:
    source = HandMadeSource([HandMade([record(A, {"a": str(number)})], str(number), cursor=str(number + 1)) for number in range(3)], cursors=True)
    assert Runner(intake, [source], turns).run() == 3
    source.given.append(HandMade([record(B, {"a": "9"})], "3", cursor="4"))
    assert Runner(intake, [source], turns).run() == 1
    assert source.asked == ["", "3"]
    assert values(engine) == {A: {"a": "2"}, B: {"a": "9"}}


def test_a_source_that_is_away_is_tried_again_later_and_stops_no_other(intake: Intake, turns: Turns, capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("tax", "info")
    away, here = HandMadeSource([HandMade([record(A, {"a": "1"})])], "away", away=True), HandMadeSource([HandMade([record(B, {"a": "1"})])], "here")
    runner = Runner(intake, [away, here], turns, first_pause_s=3600)
    assert runner.run() == 1
    away.away = False
    assert runner.run() == 0
    assert len(away.asked) == 1  # it is left alone meanwhile
    first, second = runner.health()
    assert (first.failing_since, first.failure) == (NOW, "SourceUnavailableError: nobody answers")
    assert second.failing_since is None
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (failing,) = [line for line in said if line["event"] == "connector.failing"]
    assert (failing["connector"], failing["error"], failing["again_in_s"]) == ("away", "SourceUnavailableError", 3600)
    assert Runner(intake, [away, here], turns).run() == 1
    assert all(health.failing_since is None for health in runner.health())


def test_pauses_grow_and_end_with_the_first_success(intake: Intake, turns: Turns) -> None:
    away = HandMadeSource(id="away", away=True)
    runner = Runner(intake, [away], turns, first_pause_s=1e-9)
    for _ in range(4):
        runner.run()
    assert runner._pauses["away"].length_s == 8e-9
    away.away = False
    runner.run()
    assert runner._pauses["away"].length_s == 0


@pytest.mark.parametrize("where", ["items", "deliveries", "settle"])
def test_a_defect_of_one_connector_is_its_own_failure_and_shows_nothing_that_was_read(
    intake: Intake, turns: Turns, engine: Engine, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.configure("tax", "info")

    def fail() -> None:
        raise KeyError("secret value")

    class Broken(HandMadeSource):
        def deliveries(self, cursor: str) -> Iterator[HandMade]:
            if where == "deliveries":
                fail()
            yield from super().deliveries(cursor)

    delivery = HandMade([record(A, {"a": "1"}), *([KeyError("secret value")] if where == "items" else [])], digest="d")
    delivery.settling = fail if where == "settle" else lambda: None
    runner = Runner(intake, [Broken([delivery], "broken"), HandMadeSource([HandMade([record(B, {"a": "1"})])])], turns)
    runner.run()
    assert values(engine) == ({A: {"a": "1"}, B: {"a": "1"}} if where == "settle" else {B: {"a": "1"}})
    broken, _ = runner.health()
    assert "KeyError" in broken.failure
    assert "secret" not in broken.failure + capsys.readouterr().err


def test_no_log_line_shows_what_was_delivered(intake: Intake, turns: Turns, capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("tax", "debug")
    secrets = ("甲公司.csv", "314159", "行 271828", "torn at 161803", A, "不是数字 141421")
    delivery = HandMade([record(A, {"a": secrets[1]}, place=secrets[2]), malformed(secrets[5], secrets[1], secrets[2])], secrets[0])
    torn = HandMade([DeliveryError(secrets[3])], "乙公司.csv")
    Runner(intake, [HandMadeSource([delivery, torn]), HandMadeSource(id="away", away=True)], turns).run()
    said = capsys.readouterr().err
    assert "delivery.taken" in said
    assert "delivery.refused" in said
    assert [text for text in (*secrets, "乙公司", "nobody answers") if text in said] == []


def test_a_crash_between_commit_and_settling_loses_and_doubles_nothing(intake: Intake, turns: Turns, engine: Engine) -> None:
    def die() -> None:
        raise Killed

    delivery = HandMade([record(A, {"a": "1"}), malformed("wrong", "x")])
    delivery.settling = die
    source = HandMadeSource([delivery])
    with pytest.raises(Killed):
        Runner(intake, [source], turns).run()
    version = RecordStore(engine).version
    delivery.settling = lambda: None
    assert Runner(intake, [source], turns).run() == 0
    assert delivery.settled == [(Outcome.PARTLY, 1)]  # with what was refused, as if nothing had happened
    assert RecordStore(engine).version == version
    assert intake.health(["hand"])[0].waiting == 1


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_crash_within_a_delivery_leaves_nothing_of_it(intake: Intake, turns: Turns, engine: Engine, after: int) -> None:
    class Dying(HandMade):
        def items(self) -> Iterator[Any]:
            for number, item in enumerate(super().items()):
                if number == after:
                    raise Killed
                yield item
            raise Killed

    what = [record(A, {"a": "1"}), record(B, {"a": "1"})]
    with pytest.raises(Killed):
        Runner(intake, [HandMadeSource([Dying(what)])], turns).run()
    assert values(engine) == {}
    assert Runner(intake, [HandMadeSource([HandMade(what)])], turns).run() == 1
    assert values(engine) == {A: {"a": "1"}, B: {"a": "1"}}


def test_a_process_that_stops_takes_nothing_of_the_delivery_that_it_reads(intake: Intake, engine: Engine, tmp_path: Path) -> None:
    stopping = threading.Event()

    class Long(HandMade):
        def items(self) -> Iterator[Any]:
            yield from super().items()
            stopping.set()
            yield record(B, {"a": "1"})

    with pytest.raises(NotReadyError):
        Runner(intake, [HandMadeSource([Long([record(A, {"a": "1"})])])], turns_of(tmp_path / "state", stopping)).run()
    assert values(engine) == {}


def test_a_command_and_the_node_take_turns_at_a_source(intake: Intake, turns: Turns, engine: Engine) -> None:
    inside, done = threading.Event(), threading.Event()

    class Slow(HandMade):
        def items(self) -> Iterator[Any]:
            inside.set()
            done.wait(30)
            yield from super().items()

    source = HandMadeSource([Slow([record(A, {"a": "1"})])])
    node = threading.Thread(target=Runner(intake, [source], turns).run)
    node.start()
    inside.wait(30)
    other = Runner(Intake(engine, lambda: NOW), [source], Turns(turns.directory))
    with pytest.raises(NotReadyError, match="hand"):
        other.run(wait_s=0)
    done.set()
    node.join()
    assert other.run(wait_s=0) == 0
    assert len(RecordStore(engine).history(A, "2023")) == 1


def test_work_goes_on_with_what_is_there_while_another_reads_the_folder_or_the_process_stops(engine: Engine, tmp_path: Path) -> None:
    stopping = threading.Event()
    stopping.set()
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "a.csv").write_text(f"uscc,period,a\n{A},2023,1\n", encoding="utf-8")
    turns = turns_of(tmp_path / "state", stopping)
    with turns.turn("records", 0):
        Runner(Intake(engine, lambda: NOW), [PlainFolder(folder)], turns).look()
    assert values(engine) == {}
    Runner(Intake(engine, lambda: NOW), [PlainFolder(folder)], turns_of(tmp_path / "state")).look()
    assert values(engine) == {A: {"a": "1"}}


def test_a_corrected_mapping_reads_anew_what_was_refused_or_misread(intake: Intake, turns: Turns, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    path, drop = tmp_path / "tax.yaml", tmp_path / "inbox" / "a.csv"

    def run(mapping: str) -> int:
        path.write_text(mapping, encoding="utf-8")
        drop.write_text(table(row(0)), encoding="utf-8")  # the same file once more
        return Runner(intake, [open_connector(path)], turns).run()

    def waiting() -> int:
        return sum(health.waiting for health in intake.health(["tax-returns"]))

    lacking = MAPPING.replace("staff: {column: 参保人数", "staff: {column: 人数")
    assert (run(lacking), waiting(), values(engine)) == (1, 1, {})
    assert run(lacking) == 0, "the same rules find the same"
    wrong = MAPPING.replace("unit: 10k-yuan", "unit: yuan")
    assert (run(wrong), waiting()) == (1, 0), "what was refused waits no more"
    assert values(engine)[CODES[0]]["revenue"] == "1234.5"
    assert (run(MAPPING), run(MAPPING)) == (1, 0)
    assert values(engine)[CODES[0]]["revenue"] == "12345000"


def test_a_source_with_a_cursor_begins_again_when_it_is_read_by_other_rules(intake: Intake, turns: Turns) -> None:
    source = HandMadeSource([HandMade([record(A, {"a": "1"})], "1", cursor="1"), HandMade([record(B, {"a": "1"})], "2", cursor="2")])
    source.cursors, source.reading = True, "x"
    runner = Runner(intake, [source], turns)
    assert (runner.run(), runner.run()) == (2, 0)
    source.reading = "y"
    assert (runner.run(), runner.run()) == (2, 0)
    assert source.asked == ["", "2", "", "2"]
