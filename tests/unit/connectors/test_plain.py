"""A folder of plain files is read line by line; what is malformed is told by its place, and a file as a whole when none of it can be read."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.plain import MAX_CELL, PlainFolder, read_plain, read_plain_again
from connectors.records import Malformed, Origin, Outcome, Record
from simulators.population import binjiang

USCCS = [firm.uscc for firm in binjiang.generate(12, seed=3).firms]
HEADER = "uscc,period,revenue,staff\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "drop"
    path.mkdir()
    return path


def line(number: int, revenue: str = "1.50", staff: str = "7") -> str:
    return f"{USCCS[number]},2023,{revenue},{staff}\n"


def read(data: bytes | str) -> list[Record | Malformed]:
    return list(read_plain(io.BytesIO(data.encode() if isinstance(data, str) else data), "records", "a.csv"))


def take(source: PlainFolder) -> list[tuple[str, list[Record | Malformed]]]:
    """Every delivery of a folder, read and settled."""
    found = []
    for delivery in source.deliveries(""):
        found.append((delivery.name, list(delivery.items())))
        delivery.settle(Outcome.TAKEN, ())
    return found


def test_a_file_is_read_into_records() -> None:
    assert read(HEADER + line(0) + line(1, revenue=" 2 ", staff="")) == [
        Record(USCCS[0], "2023", {"revenue": "1.50", "staff": "7"}, Origin("records", "a.csv", "line 2")),
        Record(USCCS[1], "2023", {"revenue": "2", "staff": ""}, Origin("records", "a.csv", "line 3")),
    ]


def test_a_column_says_since_when_a_line_holds() -> None:
    first, second, third = read(f"uscc,period,valid_from,a\n{USCCS[0]},2023,2023-04-30,1\n{USCCS[1]},2023,,2\n{USCCS[2]},2023,30/4/2023,3\n")
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert isinstance(third, Malformed)
    assert [(item.valid_from, item.values) for item in (first, second)] == [("2023-04-30", {"a": "1"}), ("", {"a": "2"})]
    assert third.field == "valid_from"


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (f"{USCCS[5]},2023,1\n", "", "3 cells"),
        (f"{USCCS[5]},2023,1,2,3\n", "", "5 cells"),
        (f"{USCCS[5][:-1]},2023,1,2\n", "uscc", "length"),
        (f"{USCCS[5][:16]}I{USCCS[5][17]},2023,1,2\n", "uscc", "charset"),
        (f"{USCCS[5][:8]}NA{USCCS[5][10:]},2023,1,2\n", "uscc", "inner"),
        (f"{USCCS[5]},,1,2\n", "period", "period"),
        (f"{USCCS[5]},2023 年,1,2\n", "period", "period"),
        (f"{USCCS[0]},2023,9,9\n", "", "second line"),
        (f"{USCCS[5]},2023,1\x00,2\n", "revenue", "control"),
        (f'{USCCS[5]},2023,"a\nb",2\n', "revenue", "control"),
        (f"{USCCS[5]},2023,1,{'9' * (MAX_CELL + 1)}\n", "staff", "characters"),
        (f'{USCCS[5]},2023,"1"x,2\n', "", "not CSV"),
    ],
    ids=[
        "short", "long", "code too short", "letter I", "organisation", "no period", "period in words", "twice", "NUL", "newline", "huge", "quote",
    ],
)  # fmt: skip
def test_a_malformed_line_is_told_by_number_field_and_reason_and_the_others_are_read(bad: str, field: str, reason: str) -> None:
    first, wrong, last = read(HEADER + line(0) + bad + line(1))
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert isinstance(wrong, Malformed)
    assert (wrong.origin, wrong.field) == (Origin("records", "a.csv", "line 3"), field)
    assert reason in wrong.reason


def test_the_number_of_a_malformed_line_counts_lines_of_the_file() -> None:
    found = [item.origin.place for item in read(HEADER + "\n" + line(0) + "\n\nx,y,1,2\n" + line(1)) if isinstance(item, Malformed)]
    assert found == ["line 6"]


def test_an_unclosed_quote_ends_the_file_as_one_malformed_line() -> None:
    first, second = read(HEADER + line(0) + f'{USCCS[1]},2023,"1,2\n' + line(2))
    assert isinstance(first, Record)
    assert isinstance(second, Malformed)
    assert "not CSV" in second.reason


@pytest.mark.filterwarnings("error")
def test_a_code_of_which_only_the_outer_check_fails_is_taken() -> None:
    (record,) = read(b"uscc,period\n91350100M0001TGQXM,2023\n")
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
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(DeliveryError):
        read(data)


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert len(read(b"\xef\xbb\xbf" + (HEADER + line(0)).encode())) == 1


def test_files_come_by_name_and_each_once_until_it_changes(folder: Path) -> None:
    source = PlainFolder(folder)
    (folder / "b.csv").write_text(HEADER + line(1), encoding="utf-8")
    (folder / "a.csv").write_text(HEADER + line(0), encoding="utf-8")
    (folder / "c.csv.tmp").write_text(HEADER, encoding="utf-8")
    assert [name for name, _ in take(source)] == ["a.csv", "b.csv"]
    assert take(source) == []
    (folder / "a.csv").write_text(HEADER + line(0, revenue="23.5"), encoding="utf-8")
    assert [name for name, _ in take(source)] == ["a.csv"]
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv", "c.csv.tmp"]


def test_a_file_that_is_not_settled_comes_again_and_its_digest_is_of_its_content(folder: Path) -> None:
    source = PlainFolder(folder)
    (folder / "a.csv").write_text(HEADER + line(0), encoding="utf-8")
    assert len({delivery.digest for _ in range(2) for delivery in source.deliveries("")}) == 1


def test_a_file_that_is_still_being_written_is_left_for_later(folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text(HEADER + line(0), encoding="utf-8")
    deliveries = PlainFolder(folder).deliveries("")
    items = next(deliveries).items()
    next(items)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line(1))
    with pytest.raises(SourceUnavailableError):
        list(items)


def test_a_folder_that_is_not_there_is_a_source_that_is_away(folder: Path) -> None:
    with pytest.raises(SourceUnavailableError):
        list(PlainFolder(folder / "nowhere").deliveries(""))


def test_a_corrected_line_is_read_under_the_header_that_was_kept_with_it() -> None:
    (wrong,) = read(HEADER + f"{USCCS[0]},2023 年,1,2\n")
    assert isinstance(wrong, Malformed)
    assert (wrong.header, wrong.content) == (HEADER.strip(), f"{USCCS[0]},2023 年,1,2")
    (record,) = read_plain_again(wrong, wrong.content.replace(" 年", ""))
    assert record == Record(USCCS[0], "2023", {"revenue": "1", "staff": "2"}, wrong.origin)
    (still,) = read_plain_again(wrong, wrong.content)
    assert isinstance(still, Malformed)


def test_a_file_that_was_refused_is_not_corrected_line_by_line() -> None:
    with pytest.raises(DeliveryError):
        list(read_plain_again(Malformed(Origin("records", "a.csv", ""), "", "not UTF-8", ""), "x"))


def test_what_is_no_file_is_refused_and_nothing_waits_for_it(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(HEADER + line(0))
    (folder / "a.csv").symlink_to(secret)
    os.mkfifo(folder / "b.csv")
    (folder / "c.csv").mkdir()
    (folder / os.fsdecode(b"d\xff\x1b.csv")).write_text(HEADER + line(1))
    source = PlainFolder(folder)
    told: dict[str, list[str] | str] = {}
    for delivery in source.deliveries(""):
        try:
            told[delivery.name] = [item.uscc for item in delivery.items() if isinstance(item, Record)]
        except DeliveryError as error:
            told[delivery.name] = str(error)
        delivery.settle(Outcome.TAKEN, ())
    assert told.pop("d\\xff\\x1b.csv") == [USCCS[1]]
    assert told == {
        "a.csv": "not a file that can be opened: Too many levels of symbolic links 文件无法打开",
        "b.csv": "not a regular file 不是普通文件",
    }
    assert list(source.deliveries("")) == []


def test_a_line_without_end_is_refused_before_it_is_held_in_memory(folder: Path) -> None:
    with pytest.raises(DeliveryError, match="line 2: more than 1048576 characters"):
        read(HEADER + "x" * (2 << 20))
