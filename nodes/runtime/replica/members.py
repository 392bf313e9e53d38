"""The zone's members as its log has them now, for processes that may not read the rest of it: departments, banks, enterprise services.

They follow the log like everyone else, with a copy, a pin and checks of their own, and take from it what every member may read: who is in
the zone. A log that withholds a change of members, or shows another history than before, stops them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from crypto.errors import CryptoError
from crypto.paillier import DEFAULT_MIN_BITS
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import LogReplica, open_copy
from nodes.runtime.replica.zone import announce_witnesses
from nodes.runtime.settings import NodeSettings, Peer
from protos.errors import refusal_of
from scoring.errors import ScoringError
from scoring.exchange.membership import MEMBERSHIP, Membership
from scoring.exchange.registry import MemberRegistry
from scoring.statements import Leaf, Member, MemberChange, parse_leaf

READ: Final = MEMBERSHIP
"""Kinds whose statements this needs; of others it keeps the leaves."""

LOG_WAIT_S = 20.0

_log = logging.logger("members")


class MembersSink:
    """Brings ``registry`` up to date in place: whoever holds it sees members, and the custodians who approve changes of them, as the log has
    them. A statement that does not hold is void."""

    def __init__(
        self,
        registry: MemberRegistry,
        registered: Callable[[Member, int], None] = lambda _entry, _time: None,
        late: Callable[[int, str], bytes] = lambda _index, _digest: b"",
        min_key_bits: int = DEFAULT_MIN_BITS,
        heard: Callable[[int, Leaf, bytes], None] = lambda _index, _leaf, _envelope: None,
    ) -> None:
        """``registered`` hears of every entry that a change brings, with the time of its leaf. ``late`` is asked for a statement that came
        without its envelope: an earlier version of this program did not read all of READ. ``heard`` is given the statements of other kinds that the
        log shows to this member, its own among them: while it looks at one, members are as they were at that leaf."""
        self._registry, self._registered, self._late = registry, registered, late
        self._members, self._heard = Membership(registry, min_key_bits=min_key_bits), heard

    def apply(self, index: int, leaf: bytes, envelope: bytes, /) -> None:
        """Take one leaf. Never raises for what a member said."""
        parsed = parse_leaf(leaf)
        if parsed.kind not in READ:
            if envelope:
                self._heard(index, parsed, envelope)
            return
        said = envelope or self._late(index, parsed.digest)
        if not said:
            _log.warning(logging.STATEMENT_MISSING, leaf_index=index, kind=parsed.kind)
            return
        try:
            logged = self._members.take(index, leaf, said)
        except (CryptoError, ScoringError) as error:
            _log.warning(logging.STATEMENT_VOID, leaf_index=index, reason=refusal_of(error).reason)
            return
        self._registry.become(self._members.registry.copied())
        change = logged.statement
        if isinstance(change, MemberChange):
            if change.action != "leave":
                self._registered(change.member, parsed.time)
            _log.info(logging.MEMBERS_CHANGED, leaf_index=index)


class MissingStatements:
    """Asks the log for statements that ``replica`` lacks, and keeps them there. Called with a leaf's index and digest: the envelope; empty when the
    log is away or does not show it, after which it is not asked again before the next start."""

    def __init__(self, replica: LogReplica, identity: Identity, log: Peer) -> None:
        self._replica, self._identity, self._log, self._away = replica, identity, log, False

    def __call__(self, index: int, digest: str) -> bytes:
        if self._away:
            return b""
        client = LogClient(self._identity, self._log)
        try:
            found = client.envelope(digest)
        except (PeerUnavailableError, RpcRefusal) as error:
            self._away = True
            _log.warning(logging.STATEMENT_MISSING, leaf_index=index, cause=type(error).__name__, detail="asked for again at the next start")
            return b""
        finally:
            client.close()
        self._replica.complete(index, found)
        return found


class Members:
    """Follows the log for ``registry``. Make it before the process runs. ``heard``: as of MembersSink, from the first leaf at every start."""

    def __init__(
        self, process: Process, identity: Identity, settings: NodeSettings, registry: MemberRegistry, state_dir: Path | None = None,
        heard: Callable[[int, Leaf, bytes], None] = lambda _index, _leaf, _envelope: None,
    ) -> None:  # fmt: skip
        genesis = registry.genesis
        announce_witnesses(genesis.witness_policy)
        directory = (state_dir or settings.state_dir) / "members"
        replica = LogReplica(open_copy(directory, settings.database_url, "members"), directory, genesis.log_vkey, READ)
        peer = settings.peer("log")
        sink = MembersSink(registry, identity.registered, MissingStatements(replica, identity, peer), heard=heard)
        self._follower = LogFollower(identity, peer, replica, sink, genesis.witness_policy)
        for member in genesis.members:
            identity.registered(member, 0)
        self._follower.attach(process)

    def wait_for(self, index: int) -> None:
        """Return once everything up to leaf ``index`` is taken into account. Raises PeerUnavailableError while the log does not show it."""
        try:
            self._follower.wait_for(index, LOG_WAIT_S)
        except NotReadyError as error:
            raise PeerUnavailableError(f"the log has not shown leaf {index} yet") from error

    def leaf(self, index: int) -> Leaf:
        """Leaf ``index`` as the log shows it to everybody. Raises PeerUnavailableError while it does not."""
        self.wait_for(index)
        return parse_leaf(next(self._follower.replica.entries(index, index + 1)).leaf)
