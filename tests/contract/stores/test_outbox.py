"""The outbox for peer zones keeps its order on SQLite and on PostgreSQL [F4]."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crypto.encoding import sha256
from nodes.coordinator.keeping.outbox import LARGEST_ITEM, Item, Outbox
from nodes.runtime.database import open_database
from protos.errors import WireFormatError


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "state", "coordinator", url)
    yield engine
    engine.dispose()


@pytest.fixture
def outbox(engine: Engine) -> Outbox:
    return Outbox(engine)


def test_items_of_a_kind_are_numbered_without_gaps_and_read_after_a_cursor(outbox: Outbox) -> None:
    assert [outbox.put("models", f"m{i}", b"%d" % i) for i in range(3)] == [1, 2, 3]
    assert outbox.put("policies", "p", b"0") == 1
    assert [item.name for item in outbox.after("models", 1, 1 << 20)] == ["m1", "m2"]
    assert outbox.after("policies", 0, 1 << 20) == [Item("policies", 1, "p", sha256(b"0"), b"0")]
    assert (outbox.last("models"), outbox.last("backup")) == (3, 0)


def test_the_same_bytes_of_a_kind_are_one_item(outbox: Outbox) -> None:
    assert [outbox.put("models", name, b"same") for name in ("a", "a", "b")] == [1, 1, 1]
    assert outbox.put("catalog", "a", b"same") == 1
    assert len(outbox.after("models", 0, 1 << 20)) == 1


def test_a_page_has_a_bound_and_at_least_one_item(outbox: Outbox) -> None:
    for i in range(4):
        outbox.put("backup", f"part {i}", bytes([i]) * 1000)
    assert [item.sequence for item in outbox.after("backup", 0, 2500)] == [1, 2]
    assert [item.sequence for item in outbox.after("backup", 2, 10)] == [3]
    assert [item.sequence for item in outbox.after("backup", 0, 1 << 20, most_items=3)] == [1, 2, 3]


def test_what_is_withdrawn_keeps_its_number_and_digest(outbox: Outbox) -> None:
    for i in range(3):
        outbox.put("backup", f"part {i}", bytes([i]))
    outbox.withdraw("backup", 2)
    assert [item.content for item in outbox.after("backup", 0, 1 << 20)] == [None, None, b"\x02"]
    assert outbox.after("backup", 0, 1 << 20)[0].digest == sha256(b"\x00")
    assert outbox.put("backup", "part 0", b"\x00") == 1


@pytest.mark.parametrize(
    ("kind", "name", "size"), [("log", "n", 1), ("rows", "n", 1), ("models", "", 1), ("models", "n" * 201, 1), ("models", "a\0", 1)]
)
def test_what_is_no_item_is_refused(outbox: Outbox, kind: str, name: str, size: int) -> None:
    with pytest.raises(WireFormatError):
        outbox.put(kind, name, bytes(size))


def test_an_item_has_at_most_three_mebibytes(outbox: Outbox) -> None:
    assert outbox.put("models", "n", bytes(LARGEST_ITEM)) == 1
    with pytest.raises(WireFormatError):
        outbox.put("models", "n", bytes(LARGEST_ITEM + 1))


def test_writers_at_once_give_one_order_in_which_nobody_is_overtaken(outbox: Outbox) -> None:
    """Whoever has read up to a number would miss an item that got a smaller one later."""
    start = threading.Barrier(5)
    done = threading.Event()
    seen: list[int] = []

    def write(writer: int) -> None:
        start.wait()
        for i in range(10):
            outbox.put("models", "n", b"%d-%d" % (writer, i))

    def read() -> None:
        start.wait()
        while len(seen) < 40 and not done.is_set():
            seen.extend(item.sequence for item in outbox.after("models", seen[-1] if seen else 0, 1 << 20))

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    reader = threading.Thread(target=read)
    for thread in [*writers, reader]:
        thread.start()
    for thread in writers:
        thread.join(30)
    reader.join(10)
    done.set()
    assert seen == list(range(1, 41))


def test_who_waits_is_woken_by_a_new_item(outbox: Outbox) -> None:
    version = outbox.version
    assert not outbox.wait(version, 0.0)
    outbox.put("models", "n", b"1")
    assert outbox.wait(version, 10.0)
