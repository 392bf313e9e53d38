"""``xinqiao backup hand-back``: what a peer's node stored of another zone's backup comes out whole, listed, and not twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.encoding import sha256
from nodes.peering.items import ItemStore
from nodes.recovery.handing import chunks_in, listed_in
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
    items = [_item("backup", number, f"coordinator/{number}/0", chunk) for number, (_, chunk) in enumerate(chunks, 1)]
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
