"""Whose keys count in a mirrored zone now: its log as it lies in the mirror, believed by what is pinned of the zone alone [F16]."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crypto.checkpoint import WitnessedCheckpoint, check_witnessed
from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.merkle import Frontier, leaf_hash
from crypto.paillier import DEFAULT_MIN_BITS
from crypto.statements import parse_envelope
from crypto.tiles import TILE_WIDTH, TileAddress, decode_entries, tile_width
from nodes.errors import NotFoundError, SettingsError
from nodes.peering.files import CHECKPOINT
from nodes.peering.mirrored import MirroredLog
from nodes.runtime.replica.zone import read_public
from scoring.errors import LogInconsistentError, ScoringError
from scoring.exchange.membership import MEMBERSHIP, Membership
from scoring.exchange.registry import MemberRegistry
from scoring.federation.errors import SharedItemError
from scoring.statements import Ceremony, Registry, parse_leaf, parse_statement

CEREMONY: Final = "ceremony.dsse.json"
_KIND = re.compile(rb'"kind":"([a-z-]{1,40})"')  # a leaf is canonical: a quote within its other texts has a backslash before it


class MembersNow:
    """Members of the zone that ``public_dir`` pins, at the newest leaf in ``mirror``. Thread-safe; what was verified is not read again.

    Every mirrored leaf is hashed under the checkpoint that the pinned log key and witnesses signed, so that no change of members can be left
    out, added or altered; each statement of members is replayed by the rules of the whole log, from the pinned registry on. The pinned ceremony
    is the only one that appoints custodians; where none is pinned, the log's first.
    """

    def __init__(self, public_dir: Path, mirror: MirroredLog, min_key_bits: int = DEFAULT_MIN_BITS) -> None:
        """Raises SettingsError unless the directory holds a registry."""
        genesis = read_public(public_dir / "registry.dsse.json")
        envelope = parse_envelope(genesis)
        registry = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(registry, Registry):
            raise SettingsError(f"{public_dir / 'registry.dsse.json'} is not a registry statement")
        self.zone = registry.zone
        self._genesis, self._mirror, self._policy = sha256(genesis).hex(), mirror, registry.witness_policy
        self._log_vkey = registry.log_vkey
        self._ceremony = sha256(read_public(public_dir / CEREMONY)).hex() if (public_dir / CEREMONY).exists() else ""
        self._members = Membership(MemberRegistry(registry), min_key_bits=min_key_bits)
        self._frontier, self._note = Frontier(), b""
        self._lock = threading.Lock()

    def registry(self) -> MemberRegistry:
        """Members now, as a copy. Raises SharedItemError when the mirror has no log yet, is not the log that its checkpoint signs, lacks a
        statement of members, or is older than this has seen it."""
        with self._lock:
            try:
                self._follow()
            except (NotFoundError, ScoringError, CryptoError) as error:
                raise SharedItemError(f"the mirror does not show whose keys count in {self.zone} now: {error}") from error
            return self._members.registry.copied()

    def _follow(self) -> None:
        note = self._mirror.read_path(CHECKPOINT)
        if note == self._note:
            return
        shown = check_witnessed(note, self._log_vkey, self._policy.witnesses, self._policy.required)
        if shown.size < self._frontier.size:
            raise LogInconsistentError(f"it shows {shown.size} leaves, it had {self._frontier.size}")
        frontier, told = self._read(shown)
        for index, leaf, envelope in told:
            self._take(index, leaf, envelope)
        self._frontier, self._note = frontier, note

    def _read(self, shown: WitnessedCheckpoint) -> tuple[Frontier, list[tuple[int, bytes, bytes]]]:
        """The tree of ``shown``, and each new (leaf index, leaf, envelope) that says something of members."""
        frontier, told = self._frontier, []
        for leaves in self._new_leaves(shown.size):
            told += [(index, leaf) for index, leaf in enumerate(leaves, frontier.size) if self._tells(index, leaf)]
            frontier = frontier.extended(map(leaf_hash, leaves))
        if frontier.root() != shown.root:
            raise LogInconsistentError(f"its leaves are not the {shown.size} that its checkpoint signs")
        return frontier, [(index, leaf, self._statement(index, leaf)) for index, leaf in told]

    def _new_leaves(self, size: int) -> Iterator[list[bytes]]:
        known = self._frontier.size
        for index in range(known // TILE_WIDTH, -(-size // TILE_WIDTH)):
            width = tile_width(0, index, size)
            bundle = decode_entries(self._mirror.read_path(TileAddress(None, index, width).path()), width)
            yield bundle[max(0, known - index * TILE_WIDTH) :]

    def _tells(self, index: int, leaf: bytes) -> bool:
        if index == 0:
            if parse_leaf(leaf).digest != self._genesis:
                raise LogInconsistentError("the log begins with another registry than the pinned one")
            return False
        kind = _KIND.search(leaf)
        if kind is None or kind[1].decode() not in MEMBERSHIP:
            return False
        return kind[1].decode() != Ceremony.kind or parse_leaf(leaf).digest == (self._ceremony or parse_leaf(leaf).digest)

    def _statement(self, index: int, leaf: bytes) -> bytes:
        digest = parse_leaf(leaf).digest
        envelope = self._mirror.statement(digest)
        if sha256(envelope).hex() != digest:
            raise LogInconsistentError(f"the statement behind leaf {index} is another one than the leaf names")
        return envelope

    def _take(self, index: int, leaf: bytes, envelope: bytes) -> None:
        try:
            self._members.take(index, leaf, envelope)
        except LogInconsistentError:
            raise
        except (ScoringError, CryptoError):
            return  # it is void in the log too, and told by the peer's node
