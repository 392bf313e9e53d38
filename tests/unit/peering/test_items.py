"""Items as a peer zone's node keeps them: in order, whole, once [F4, F5]."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.encoding import sha256
from nodes.errors import WireFormatError
from nodes.peering.items import ItemStore
from protos.v1.federation_pb2 import ReplicatedItem
from tests.support.databases import ON_BOTH, database_in

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
    store.forget("backup", 1)
    assert [number for number, _, _, _ in store.contents("backup")] == [3]
    assert store.cursors(KINDS)["backup"] == 3


def test_the_index_has_the_newest_item_of_each_name(store: ItemStore) -> None:
    store.take([item(1, name="a"), item(2, name="b"), item(3, name="a")], KINDS)
    assert {name: found["sequence"] for name, found in store.index()["models"].items()} == {"a": 3, "b": 2}
