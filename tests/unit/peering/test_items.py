"""Items as a peer zone's node keeps them: in order, whole, once [F4, F5]."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import TypeAdapter, ValidationError

from crypto.encoding import sha256
from nodes.errors import QuotaFullError
from nodes.peering.items import ROW_BYTES, ItemPuller, ItemStore
from nodes.peering.settings import Gigabytes
from nodes.runtime.files import BLOCK_BYTES
from protos.errors import WireFormatError
from protos.v1.federation_pb2 import ReplicatedItem, ReplicatedItems, ReplicateRequest
from protos.v1.federation_pb2_grpc import FederationStub
from tests.support.databases import ON_BOTH, ON_FILES, database_in

pytestmark = ON_BOTH

KINDS = frozenset({"models", "backup"})


def item(sequence: int, kind: str = "models", name: str = "", content: bytes = b"", **changes: object) -> ReplicatedItem:
    content = content or b"%s %d" % (kind.encode(), sequence)
    said = {"kind": kind, "sequence": sequence, "name": name or f"n{sequence}", "content": content, "digest": sha256(content), **changes}
    return ReplicatedItem(**said)  # type: ignore[arg-type]  # a test says wrong things too


@pytest.fixture
def store(tmp_path: Path) -> ItemStore:
    return ItemStore(database_in(tmp_path / "state", "peering"))


def test_items_and_cursor_are_one(store: ItemStore) -> None:
    store.take([item(1), item(1, "backup"), item(2)], KINDS)
    assert store.cursors(KINDS) == {"models": 2, "backup": 1}
    assert [(number, name, content) for number, name, _, content in store.contents("models", 1)] == [(2, "n2", b"models 2")]


WRONG = {
    "a gap": [item(1), item(3)],
    "one again": [item(1), item(1)],
    "from the middle": [item(2)],
    "a kind that nobody asked for": [item(1), item(1, "policies")],
    "a path for a kind": [item(1, "../../x")],
    "changed content": [item(1), item(2, digest=sha256(b"other"))],
    "no content": [item(1, content=b"x", digest=b"")],
    "a digest of nothing": [item(1, digest=b"", withdrawn=True)],
    "no name": [item(1, name="x"), ReplicatedItem(kind="models", sequence=2, digest=sha256(b""))],
    "a name that no database takes": [item(1, name="a\0b")],
    "a name that is a text": [item(1, name="x" * 201)],
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_an_item_that_does_not_follow_or_fit_is_refused_and_nothing_is_kept(store: ItemStore, wrong: str) -> None:
    with pytest.raises(WireFormatError):
        store.take(WRONG[wrong], KINDS)
    assert store.cursors(KINDS) == {"models": 0, "backup": 0}


def test_a_withdrawn_item_is_counted_and_has_no_content(store: ItemStore) -> None:
    store.take([item(1, "backup"), item(2, "backup", digest=sha256(b"gone"), withdrawn=True), item(3, "backup")], KINDS)
    assert store.cursors(KINDS)["backup"] == 3
    assert [number for number, _, _, _ in store.contents("backup")] == [1, 3]
    assert [number for number, _, _, _ in store.contents("backup", 1)] == [3]


def test_what_is_beyond_the_bound_of_its_part_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    """Small items and withdrawn ones count too; a store that is opened again knows how much is there."""
    engine = database_in(tmp_path / "state", "peering")
    store = ItemStore(engine, {"items": 3 * (ROW_BYTES + BLOCK_BYTES + 12), "backup": 2 * (ROW_BYTES + 1000)})
    store.take([item(1), item(2)], KINDS)
    before = store.kept_bytes
    with pytest.raises(QuotaFullError, match=f"{before['items']} bytes of items are here"):
        store.take([item(3), item(4, withdrawn=True)], KINDS)
    assert (store.cursors(KINDS), store.kept_bytes, store.full) == ({"models": 2, "backup": 0}, before, frozenset({"items"}))
    store.take([item(1, "backup", content=bytes(900)), item(2, "backup", content=bytes(900))], KINDS)
    again = ItemStore(engine, {"backup": 2 * (ROW_BYTES + 1000)})
    assert (again.kept_bytes, again.full) == (store.kept_bytes, frozenset())
    with pytest.raises(QuotaFullError):
        again.take([item(3, "backup", content=bytes(900))], KINDS)
    again.take([item(3)], KINDS)  # no bound was set
    assert [number for number, _, _, _ in again.contents("backup")] == [1, 2]


def test_an_item_that_is_shown_counts_with_its_file(tmp_path: Path) -> None:
    """A file takes a block however small it is; a chunk of a backup, and what was withdrawn, lie in the database alone."""
    engine = database_in(tmp_path / "state", "peering")
    store = ItemStore(engine)
    store.take([item(1, content=b"x"), item(2, withdrawn=True), item(1, "backup", content=b"x")], KINDS)
    assert store.kept_bytes == {"items": 2 * (ROW_BYTES + 2) + BLOCK_BYTES + 1, "backup": ROW_BYTES + 3}
    assert ItemStore(engine).kept_bytes == store.kept_bytes


@ON_FILES
@pytest.mark.parametrize("bound", ["inf", "nan", "-inf", "0", "-1", "1e300"])
def test_a_bound_is_a_number_of_gigabytes(bound: str) -> None:
    """Each can stand in TOML or in the environment."""
    with pytest.raises(ValidationError):
        TypeAdapter(Gigabytes).validate_python(float(bound))


def test_the_puller_leaves_a_full_part_and_goes_on_with_the_others(tmp_path: Path) -> None:
    store, granted = ItemStore(database_in(tmp_path / "state", "peering"), {"backup": 2000}), KINDS
    asked: list[dict[str, int]] = []

    def replicate(request: ReplicateRequest, **_options: object) -> Any:
        wanted = {cursor.kind: cursor.after for cursor in request.cursors}
        asked.append(wanted)
        if len(asked) == 2:
            puller.cancel()
        found = [item(after + 1, kind, content=bytes(5000) if kind == "backup" else b"") for kind, after in sorted(wanted.items())]
        return Stream([ReplicatedItems(items=[each]) for each in found])

    puller = ItemPuller(cast(FederationStub, SimpleNamespace(Replicate=replicate)), store, lambda: granted, lambda _items: None)
    puller.run()
    assert asked == [{"models": 0, "backup": 0}, {"models": 0}]
    assert store.full == {"backup"}


class Stream(list[ReplicatedItems]):
    """Of answers, as a call gives them."""

    def cancel(self) -> None: ...


def test_the_index_has_the_newest_item_of_each_name(store: ItemStore) -> None:
    store.take([item(1, name="a"), item(2, name="b"), item(3, name="a"), item(1, "backup")], KINDS)
    index = store.index()
    assert {name: found["sequence"] for name, found in index["models"].items()} == {"a": 3, "b": 2}
    assert set(index) == {"models"}, "chunks of a backup, of which there may be any number, are not looked up by name"
