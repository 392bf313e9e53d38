"""Dropped files become records; what is malformed is kept aside with its line and reason, and stops nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crypto.subjects import OuterCheckCharacterWarning
from nodes.department.drop import MAX_CELL, Malformed, Record, read_drop
from nodes.department.role import metadata
from nodes.department.store import RecordStore
from nodes.errors import RecordFileError, StorageError
from nodes.runtime.database import open_database
from simulators.population import binjiang

USCCS = [firm.uscc for firm in binjiang.generate(12, seed=3).firms]
HEADER = "uscc,period,revenue,staff\n"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = open_database(tmp_path / "state", "department", metadata())
    yield found
    found.dispose()


@pytest.fixture
def store(engine: Engine) -> RecordStore:
    return RecordStore(engine)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "drop"
    path.mkdir()
    return path


def line(number: int, revenue: str = "1.50", staff: str = "7") -> str:
    return f"{USCCS[number]},2023,{revenue},{staff}\n"


def test_a_file_is_read_into_records() -> None:
    lines = list(read_drop((HEADER + line(0) + line(1, revenue=" 2 ", staff="")).encode()))
    assert lines == [
        Record(USCCS[0], "2023", {"revenue": "1.50", "staff": "7"}),
        Record(USCCS[1], "2023", {"revenue": "2", "staff": ""}),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (f"{USCCS[5]},2023,1\n", "3 cells"),
        (f"{USCCS[5]},2023,1,2,3\n", "5 cells"),
        (f"{USCCS[5][:-1]},2023,1,2\n", "length"),
        (f"{USCCS[5][:16]}I{USCCS[5][17]},2023,1,2\n", "charset"),
        (f"{USCCS[5][:8]}NA{USCCS[5][10:]},2023,1,2\n", "inner"),
        (f"{USCCS[5]},,1,2\n", "period"),
        (f"{USCCS[5]},2023 年,1,2\n", "period"),
        (f"{USCCS[0]},2023,9,9\n", "second line"),
        (f"{USCCS[5]},2023,1\x00,2\n", "control"),
        (f'{USCCS[5]},2023,"a\nb",2\n', "control"),
        (f"{USCCS[5]},2023,{'9' * (MAX_CELL + 1)},2\n", "characters"),
        (f'{USCCS[5]},2023,"1"x,2\n', "not CSV"),
    ],
    ids=[
        "short",
        "long",
        "code too short",
        "letter I",
        "wrong organisation",
        "no period",
        "period in words",
        "twice",
        "NUL",
        "newline",
        "huge",
        "quote",
    ],
)
def test_a_malformed_line_is_quarantined_with_its_number_and_the_others_are_taken(store: RecordStore, folder: Path, bad: str, reason: str) -> None:
    (folder / "a.csv").write_text(HEADER + line(0) + bad + line(1), encoding="utf-8")
    assert store.import_folder(folder) == 1
    assert set(store.period("2023")) == {USCCS[0], USCCS[1]}
    assert store.period("2023")[USCCS[0]]["revenue"] == "1.50"
    (kept,) = store.quarantined()
    assert (kept.source, kept.line) == ("a.csv", 3)
    assert reason in kept.reason


def test_the_number_of_a_malformed_line_counts_lines_of_the_file() -> None:
    text = HEADER + "\n" + line(0) + "\n\nx,y,1,2\n" + line(1)
    found = [item.line for item in read_drop(text.encode()) if isinstance(item, Malformed)]
    assert found == [6]


def test_an_unclosed_quote_ends_the_file_as_one_malformed_line() -> None:
    first, second = read_drop((HEADER + line(0) + f'{USCCS[1]},2023,"1,2\n' + line(2)).encode())
    assert isinstance(first, Record)
    assert isinstance(second, Malformed)
    assert "not CSV" in second.reason


def test_a_code_of_which_only_the_outer_check_fails_is_taken_with_a_warning() -> None:
    with pytest.warns(OuterCheckCharacterWarning):
        (record,) = read_drop(b"uscc,period\n91350100M0001TGQXM,2023\n")
    assert isinstance(record, Record)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"period,uscc,revenue\n",
        b"uscc,period,revenue,revenue\n",
        b"uscc,period,Revenue\n",
        b"uscc,period,\n",
        b'uscc,period,"revenue\n',
        "uscc,period,收入\n".encode(),
        "uscc,period,revenue\n".encode("utf-16"),
        b"uscc,period,revenue\n\xff\n",
        b"uscc,period," + ",".join(f"f{n}" for n in range(201)).encode() + b"\n",
    ],
    ids=["empty", "order", "twice", "capital", "no name", "open quote", "chinese name", "UTF-16", "not UTF-8", "too many"],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(store: RecordStore, folder: Path, data: bytes) -> None:
    with pytest.raises(RecordFileError):
        list(read_drop(data))
    (folder / "a.csv").write_bytes(data)
    (folder / "b.csv").write_text(HEADER + line(0), encoding="utf-8")
    assert store.import_folder(folder) == 2
    assert set(store.period("2023")) == {USCCS[0]}
    assert [(kept.source, kept.line) for kept in store.quarantined()] == [("a.csv", 0)]
    assert store.import_folder(folder) == 0
    assert len(store.quarantined()) == 1


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert len(list(read_drop(b"\xef\xbb\xbf" + (HEADER + line(0)).encode()))) == 1


def test_a_file_is_taken_once_and_again_when_it_changes_even_back(store: RecordStore, engine: Engine, folder: Path) -> None:
    path = folder / "a.csv"
    for number, revenue in enumerate(("1", "2", "1")):
        path.write_text(HEADER + line(0, revenue=revenue), encoding="utf-8")
        assert store.import_folder(folder) == 1
        assert store.import_folder(folder) == 0
        assert RecordStore(engine).import_folder(folder) == 0  # nor after a restart
        assert store.find(USCCS[0], "2023") == {"revenue": revenue, "staff": "7"}
        assert store.version == number + 1


def test_a_record_changes_the_fields_that_it_names_and_an_empty_cell_empties_one(store: RecordStore) -> None:
    store.put([Record(USCCS[0], "2023", {"revenue": "1", "staff": "2"})], "a")
    store.put([Record(USCCS[0], "2023", {"staff": "", "patents": "4"}), Record(USCCS[1], "2023", {"staff": "9"})], "b")
    assert store.find(USCCS[0], "2023") == {"revenue": "1", "staff": "", "patents": "4"}
    assert store.find(USCCS[1], "2023") == {"staff": "9"}
    assert store.find(USCCS[0], "2022") is None


def test_records_are_kept_by_period_and_a_firm_is_known_from_any(store: RecordStore) -> None:
    store.put([Record(USCCS[0], "2022", {"a": "1"}), Record(USCCS[0], "2023", {"a": "2"}), Record(USCCS[1], "2022", {"a": "3"})], "a")
    assert store.period("2022") == {USCCS[0]: {"a": "1"}, USCCS[1]: {"a": "3"}}
    assert store.period("2023") == {USCCS[0]: {"a": "2"}}
    assert store.knows(USCCS[1])
    assert not store.knows(USCCS[2])


def test_one_put_with_more_records_than_a_chunk_keeps_the_last_of_each(store: RecordStore) -> None:
    usccs = [firm.uscc for firm in binjiang.generate(700, seed=1).firms]
    store.put([Record(uscc, "2023", {"n": "0"}) for uscc in usccs[:600]], "a")
    taken = store.put([Record(uscc, "2023", {"n": str(n)}) for n in (1, 2) for uscc in usccs], "b")
    assert taken == 1400
    assert store.period("2023") == {uscc: {"n": "2"} for uscc in sorted(usccs)}


def test_the_points_of_a_column_are_kept_once_under_what_it_says(store: RecordStore) -> None:
    store.keep_points("aa", [1, 2, 3])
    store.keep_points("aa", [1, 2, 3])
    assert store.points("aa") == [1, 2, 3]
    with pytest.raises(StorageError):
        store.points("bb")
