"""``xinqiao backup hand-back``: what a peer's node stored of another zone's backup comes out whole, listed, and not twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import sha256
from nodes.commands.storage.hand_back import held_by
from nodes.errors import SettingsError
from nodes.peering.items import ItemStore
from nodes.recovery.handing import LIST, chunks_in, given_before, hand_back, listed_in
from nodes.runtime.database import open_database
from protos.v1 import federation_pb2 as wire
from scoring.federation.backup import Part, Place, seal_part
from simulators.zone.configs import to_toml
from tests.scenario.conftest import run_command

ZONE, KEY = "river-zone", bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
KINDS = frozenset({"backup", "models"})


def _item(kind: str, sequence: int, name: str, content: bytes, *, withdrawn: bool = False) -> wire.ReplicatedItem:
    kept = b"" if withdrawn else content
    return wire.ReplicatedItem(kind=kind, sequence=sequence, name=name, digest=sha256(content), content=kept, withdrawn=withdrawn)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A node's configuration and, in its state, two chunks, one pack, and one pack that its zone withdrew."""
    settings = {
        "member": "zone-hill", "zone": ZONE, "state_dir": "state", "keys_dir": "keys", "public_dir": "public",
        "peering": {"home": "hill", "mirror_dir": "mirror"},
    }  # fmt: skip
    path = tmp_path / "peer.toml"
    path.write_text(to_toml(settings), encoding="utf-8")
    chunks = [(place, chunk) for part in (Part("blob", "ab" * 32, b"first"),) for place, chunk in seal_part(part, KEY, ZONE, "coordinator", Place())]
    place = chunks[-1][0]
    chunks += seal_part(Part("blob", "cd" * 32, b"second"), KEY, ZONE, "coordinator", place)
    engine = open_database(tmp_path / "state", "peering", schema=f"peering-{ZONE}")
    items = [_item("backup", number, f"coordinator/{number:012}/9", chunk) for number, (_, chunk) in enumerate(chunks, 1)]
    items += [_item("models", 1, "pack@1", b"old", withdrawn=True), _item("models", 2, "pack@2", b"new")]
    ItemStore(engine).take(items, KINDS)
    engine.dispose()
    return path


def test_chunks_are_handed_back_whole_with_a_list_of_every_item(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "handed"
    code, document = run_command("backup", "hand-back", str(config), "--out", str(out))
    assert (code, document["zone"], document["chunks"]) == (0, ZONE, 2), document
    assert len(chunks_in(out)) == 2
    assert [(item.kind, item.sequence) for item in listed_in(out)] == [("backup", 1), ("backup", 2), ("models", 1), ("models", 2)]
    assert not [path for path in out.iterdir() if path.read_bytes() == b"new"], "nothing but backups comes out"


def test_nothing_is_written_over(config: Path, tmp_path: Path) -> None:
    (tmp_path / "handed").mkdir()
    code, document = run_command("backup", "hand-back", str(config), "--out", str(tmp_path / "handed"))
    assert (code, document["error"]) == (2, "SETTINGS_INVALID")


def test_a_node_without_a_backup_says_so_in_one_document_though_its_database_is_made_on_the_spot(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state" / "peering.db").unlink()
    code, document = run_command("backup", "hand-back", str(config), "--out", str(tmp_path / "handed"))
    assert (code, document["error"]) == (2, "SETTINGS_INVALID")
    assert "keeps no backup of river-zone" in document["detail"]


@pytest.fixture
def handed(config: Path, tmp_path: Path) -> Path:
    """What the command writes."""
    engine = open_database(tmp_path / "state", "peering", schema=f"peering-{ZONE}")
    hand_back(held_by(ItemStore(engine)), tmp_path / "handed")
    engine.dispose()
    return tmp_path / "handed"


def test_how_far_a_peer_says_that_the_log_was_sealed_is_not_believed(handed: Path) -> None:
    """Else nothing would be sealed any more after a recovery, for as long as the log is shorter than the peer said."""
    assert [name for kind, _, name, _ in given_before(handed) if kind == "backup"] == ["coordinator/000000000001/0", "coordinator/000000000002/0"]


LIES: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "a number that no database takes": lambda items: items[-1].update(sequence=1 << 63),
    "a name that no peer takes": lambda items: items[-1].update(name="a\0b"),
    "a gap": lambda items: items[-1].update(sequence=9),
    "a number twice": lambda items: items[-1].update(sequence=1),
    "an item twice": lambda items: items[-1].update(digest=items[-2]["digest"]),
    "a chunk in another place of its stream": lambda items: items[1].update(name="coordinator/000000000007/9"),
    "a chunk of another stream": lambda items: items[1].update(name="bank-a/000000000002/9"),
    "a chunk without a place": lambda items: items[0].update(name="coordinator/x"),
    "a chunk left out": lambda items: items.pop(1),
}


@pytest.mark.parametrize("lie", list(LIES))
def test_a_list_that_a_peer_made_up_is_refused_before_anything_is_restored_from_it(lie: str, handed: Path) -> None:
    document = json.loads((handed / LIST).read_bytes())
    LIES[lie](document["items"])
    (handed / LIST).write_text(json.dumps(document))
    with pytest.raises(SettingsError):
        given_before(handed)


def test_chunks_in_each_others_places_are_refused(handed: Path) -> None:
    """Else the coordinator would go on behind one that is not the last."""
    document = json.loads((handed / LIST).read_bytes())
    first, second = document["items"][:2]
    first["sequence"], second["sequence"] = 2, 1
    document["items"][:2] = second, first
    (handed / LIST).write_text(json.dumps(document))
    one, two = chunks = sorted(handed.glob("*.chunk"))
    contents = [path.read_bytes() for path in chunks]
    one.write_bytes(contents[1])
    two.write_bytes(contents[0])
    with pytest.raises(SettingsError, match="is chunk 2 of coordinator"):
        given_before(handed)


def test_links_and_endless_files_are_not_read(config: Path, handed: Path) -> None:
    chunk = chunks_in(handed)[0]
    kept = chunk.read_bytes()
    for target in ("/dev/zero", str(config)):
        chunk.unlink()
        chunk.symlink_to(target)
        with pytest.raises(SettingsError):
            chunks_in(handed)
    chunk.unlink()
    with chunk.open("wb") as file:
        file.write(kept)
        file.truncate(1 << 40)  # of which nothing lies on the disk
    with pytest.raises(SettingsError, match="no file of at most"):
        chunks_in(handed)
