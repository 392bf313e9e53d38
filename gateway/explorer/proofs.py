"""Proofs as people follow them: each step with the leaves that it stands for, checked before it is shown, and drawn [X2]."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from crypto import merkle, tiles
from crypto.checkpoint import TlogProof, open_checkpoint
from nodes.runtime.peers.log_client import LogClient

CACHED = 256
_ROW, _WIDTH, _BOX, _HIGH = 64, 760, 216, 40
_COLUMNS = {"left": 130, "path": 380, "right": 630}


@dataclass(frozen=True, slots=True)
class Step:
    """One hash of a proof: on which side of the path it joins, and which leaves [start, end) it stands for."""

    side: Literal["left", "right"]
    start: int
    end: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds: ``steps`` from the bottom, ``size`` and ``root`` of the whole tree, and of the earlier one where there is one.
    ``base``: the leaves [start, end) at the bottom; none where the first hash of the proof is the bottom."""

    steps: tuple[Step, ...]
    size: int
    root: bytes
    base: tuple[int, int]
    earlier: int = 0
    earlier_root: bytes = b""

    def covered(self) -> list[tuple[int, int]]:
        """Which leaves each node of the path stands for, from the bottom to the root."""
        found, (start, end) = [self.base], self.base
        for step in self.steps:
            start, end = (step.start, step.end) if start == end else (min(start, step.start), max(end, step.end))
            found.append((start, end))
        return found


class Prover:
    """Makes proofs from the log's public tiles. Full tiles never change, so that some are kept."""

    def __init__(self, log: LogClient) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._tiles: OrderedDict[str, bytes] = OrderedDict()

    def inclusion(self, index: int, leaf: bytes, note: bytes, log_vkey: str) -> tuple[Proof, bytes]:
        """That ``leaf`` stands at ``index`` under the checkpoint ``note``, and the same as a C2SP tlog-proof. Raises MerkleError, NoteError."""
        checkpoint = open_checkpoint(note, log_vkey)
        hashes = tiles.inclusion_proof(index, checkpoint.size, self._read)
        merkle.check_inclusion(merkle.leaf_hash(leaf), index, checkpoint.size, hashes, checkpoint.root)
        places = _inclusion_places(index, checkpoint.size)
        steps = tuple(Step(*place, item) for place, item in zip(places, hashes, strict=True))
        return Proof(steps, checkpoint.size, checkpoint.root, (index, index + 1)), TlogProof(index, tuple(hashes), note).to_bytes()

    def consistency(self, earlier: int, note: bytes, log_vkey: str) -> Proof:
        """That the tree of the first ``earlier`` leaves is the beginning of that of the checkpoint ``note``. Raises MerkleError, NoteError."""
        checkpoint = open_checkpoint(note, log_vkey)
        hashes = tiles.consistency_proof(earlier, checkpoint.size, self._read)
        before = tiles.frontier(earlier, self._read_within(checkpoint.size)).root()
        merkle.check_consistency(earlier, checkpoint.size, hashes, before, checkpoint.root)
        places = _consistency_places(earlier, checkpoint.size)
        steps = tuple(Step(*place, item) for place, item in zip(places, hashes, strict=True))
        base = (0, 0) if steps and steps[0].side == "left" and steps[0].end == earlier else (0, earlier)
        return Proof(steps, checkpoint.size, checkpoint.root, base, earlier, before)

    def _read_within(self, size: int) -> tiles.ReadTile:
        """Tiles of an earlier tree out of those of the tree of ``size`` leaves: hashes of complete subtrees do not change."""

        def read(level: int, index: int, width: int) -> bytes:
            return self._read(level, index, tiles.tile_width(level, index, size))[: width * merkle.HASH_SIZE]

        return read

    def _read(self, level: int, index: int, width: int) -> bytes:
        path = tiles.TileAddress(level, index, width).path()
        with self._lock:
            if path in self._tiles:
                self._tiles.move_to_end(path)
                return self._tiles[path]
        data = self._log.read_tile(path)
        with self._lock:
            self._tiles[path] = data
            if len(self._tiles) > CACHED:
                self._tiles.popitem(last=False)
        return data


def drawing(proof: Proof, bottom: str) -> str:
    """The proof as a picture within the page (SVG in a data URI): the path in the middle, what joins it at the sides, the root on top."""
    rows = len(proof.steps) + 1
    height = rows * _ROW + 24
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" font-family="monospace">']
    parts.append(f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>')
    covered = proof.covered()[::-1]
    for number in range(rows):
        if number < len(proof.steps):
            step = proof.steps[-1 - number]
            parts += [_line(number, "path"), _line(number, step.side)]
            parts.append(_box(step.side, number + 1, step.hash.hex()[:16], f"{step.start}–{step.end - 1}", "#ffffff"))
        start, end = covered[number]
        name = proof.root.hex()[:16] if number == 0 else bottom if number == rows - 1 else "…"
        parts.append(_box("path", number, name, f"{start}–{end - 1}" if end > start else "", "#dbe9f6"))
    return "data:image/svg+xml;base64," + base64.b64encode("".join([*parts, "</svg>"]).encode()).decode()


def drawing_height(proof: Proof) -> int:
    """Height of the picture in pixels."""
    return (len(proof.steps) + 1) * _ROW + 24


def _box(column: str, row: int, first: str, second: str, fill: str) -> str:
    x, y = _COLUMNS[column] - _BOX // 2, row * _ROW + 12
    texts = "".join(
        f'<text x="{_COLUMNS[column]}" y="{y + at}" text-anchor="middle" font-size="12" fill="#1b1f24">{escape(text)}</text>'
        for at, text in ((17, first), (33, second))
        if text
    )
    return f'<rect x="{x}" y="{y}" width="{_BOX}" height="{_HIGH}" rx="5" fill="{fill}" stroke="#0b4f8a"/>{texts}'


def _line(row: int, column: str) -> str:
    top, below = row * _ROW + 12 + _HIGH, (row + 1) * _ROW + 12
    return f'<line x1="{_COLUMNS["path"]}" y1="{top}" x2="{_COLUMNS[column]}" y2="{below}" stroke="#6b7280"/>'


_Place = tuple[Literal["left", "right"], int, int]


def _inclusion_places(index: int, size: int) -> Sequence[_Place]:
    """Where each hash of an inclusion proof stands, in the proof's order."""
    start, end, found = 0, size, list[_Place]()
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < middle:
            found.append(("right", middle, end))
            end = middle
        else:
            found.append(("left", start, middle))
            start = middle
    return found[::-1]


def _consistency_places(earlier: int, size: int) -> Sequence[_Place]:
    """Where each hash of a consistency proof stands, in the proof's order: left in both trees, right in the later one only."""
    if earlier in {0, size}:
        return []
    start, end, found = 0, size, list[_Place]()
    while end != earlier:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if earlier <= middle:
            found.append(("right", middle, end))
            end = middle
        else:
            found.append(("left", start, middle))
            start = middle
    if start > 0:
        found.append(("left", start, end))
    return found[::-1]
