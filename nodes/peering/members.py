"""The other zone's members as its log has them: what this node may have there, and whose heads to believe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.paillier import DEFAULT_MIN_BITS
from crypto.statements import parse_envelope
from nodes.errors import IdentityError, SettingsError
from nodes.runtime.replica.members import MembersSink
from nodes.runtime.replica.zone import read_public
from scoring.errors import LogInconsistentError
from scoring.exchange.registry import MemberRegistry
from scoring.statements import Member, Registry, parse_statement


class OtherZone:
    """A zone known by its pinned ``public_dir`` [F2] and by the changes of members that its log tells: the follower's sink. Its registry
    changes in one step, so that it may be read from any thread.

    ``home``: the zone for which this node must stand there.
    """

    def __init__(self, public_dir: Path, zone: str, member: str, home: str, min_key_bits: int = DEFAULT_MIN_BITS) -> None:
        """Raises SettingsError unless the directory holds the registry of ``zone``."""
        self._genesis = read_public(public_dir / "registry.dsse.json")
        envelope = parse_envelope(self._genesis)
        genesis = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(genesis, Registry) or genesis.zone != zone:
            raise SettingsError(f"{public_dir} does not hold the registry of zone {zone}")
        self.registry = MemberRegistry(genesis)
        self._member, self._home, self._min_key_bits = member, home, min_key_bits
        self._sink = MembersSink(self.registry, min_key_bits=min_key_bits)

    def tell(self, registered: Callable[[Member, int], None], missing: Callable[[int, str], bytes]) -> None:
        """Have ``registered`` told of every entry, with its leaf's time, and ask ``missing`` for a statement of members that came without its
        envelope. Before the log is replayed."""
        for member in self.genesis.members:
            registered(member, 0)
        self._sink = MembersSink(self.registry, registered, missing, self._min_key_bits)

    @property
    def genesis(self) -> Registry:
        return self.registry.genesis

    def apply(self, index: int, leaf: bytes, envelope: bytes, /) -> None:
        """Take one leaf. Raises LogInconsistentError when the log does not begin with the pinned registry, IdentityError when this node's
        entry there is another's."""
        if index == 0 and envelope != self._genesis:
            raise LogInconsistentError("the log begins with another registry than the pinned one")
        self._sink.apply(index, leaf, envelope)
        entry = self.entry
        if entry is None or entry.peer is None:
            return
        if entry.peer.zone != self._home:
            raise IdentityError(f"{entry.id} is registered there for zone {entry.peer.zone}")

    @contextmanager
    def reading(self) -> Iterator[OtherZone]:
        """This, as what compares heads asks for it."""
        yield self

    @property
    def entry(self) -> Member | None:
        """This node's own entry there, None before it joined and after it left."""
        return self.registry.members.get(self._member)

    @property
    def witness_vkey(self) -> str:
        """The key of this node's witness by its entry there; empty where it has none."""
        entry = self.entry
        return "" if entry is None or entry.peer is None else entry.peer.witness_vkey

    @property
    def grants(self) -> frozenset[str]:
        """What this node may have."""
        entry = self.entry
        return frozenset() if entry is None or entry.peer is None else frozenset(entry.peer.grants)
