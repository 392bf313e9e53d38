"""Other zones as this one pins them: their public directories, given out of band, never fetched from the zone itself [F2]."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.paillier import DEFAULT_MIN_BITS
from nodes.errors import NodeError, SettingsError
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import Roots
from nodes.peering.members_now import MembersNow
from nodes.peering.mirrored import MirroredLog
from nodes.runtime import logging
from scoring.errors import ScoringError
from scoring.federation.credential import PinnedPeer
from scoring.statements import Title

PUBLIC, MIRROR = "public", "mirror"
PEER_UNREADABLE = "peer.unreadable"
_log = logging.logger("recognition")


@dataclass(frozen=True, slots=True)
class Peer:
    """A pinned zone: what a verifier pins of it, that in the form in which credentials are judged, and whose keys count there now by its mirror."""

    roots: Roots
    pinned: PinnedPeer
    members: MembersNow

    @property
    def title(self) -> Title:
        """What the zone calls itself."""
        return self.roots.registry.genesis.title

    def model_title(self, sha: str) -> Title:
        """What one of its pinned models is called; its hash where it is not pinned."""
        model = self.roots.packs.get(sha)
        return Title(zh=sha, en=sha) if model is None else model.title


class Peers:
    """The zones whose public directories lie in ``directory`` as ``<zone>/public``. Read again when a file in them is added, replaced or taken
    away."""

    def __init__(self, directory: Path, min_bits: int = DEFAULT_MIN_BITS) -> None:
        self._directory, self._min_bits = directory, min_bits
        self._lock = threading.Lock()
        self._read: dict[str, tuple[tuple[tuple[str, int], ...], Peer | None]] = {}

    def pinned(self) -> Mapping[str, Peer]:
        """Every zone that can be read. One that cannot, or whose registry is another zone's, is left out and told in the process's log."""
        with self._lock:
            names = sorted(path.name for path in self._directory.iterdir() if (path / PUBLIC).is_dir()) if self._directory.is_dir() else []
            self._read = {name: self._looked(name) for name in names}
            return {name: peer for name, (_, peer) in self._read.items() if peer is not None}

    def mirror(self, zone: str) -> MirroredLog:
        """The files of the zone's log and items that a peer node of ours keeps as ``<zone>/mirror``; there may be none [F8]."""
        return MirroredLog(self._directory / zone / MIRROR)

    def _looked(self, name: str) -> tuple[tuple[tuple[str, int], ...], Peer | None]:
        stamp = tuple(_stamp(self._directory / name / PUBLIC))
        known = self._read.get(name)
        return known if known is not None and known[0] == stamp else (stamp, self._load(name))

    def _load(self, name: str) -> Peer | None:
        try:
            roots = _roots(self._directory / name, self._min_bits)
            members = MembersNow(self._directory / name / PUBLIC, self.mirror(name), self._min_bits)
        except (NodeError, ScoringError, CryptoError) as error:
            _log.warning(PEER_UNREADABLE, zone=name, error=type(error).__name__)
            return None
        verify = partial(verify_receipt, roots=roots)
        return Peer(roots, PinnedPeer(roots.registry, sha256(roots.genesis).hex(), verify, roots.first_generation), members)


def _roots(directory: Path, min_bits: int) -> Roots:
    roots = Roots.load(directory / PUBLIC, min_bits)
    if roots.zone != directory.name:
        raise SettingsError(f"the registry in {directory} is of zone {roots.zone}: name the directory after its zone")
    return roots


def _stamp(directory: Path) -> Iterator[tuple[str, int]]:
    """What tells that a file of the directory is another one."""
    for path in sorted(directory.rglob("*")):
        yield str(path.relative_to(directory)), path.stat().st_mtime_ns
