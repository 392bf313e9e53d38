"""The zone's members as its log has them now, for processes that may not read the rest of it: departments, banks, enterprise services.

They follow the log like everyone else, with a copy, a pin and checks of their own, and take from it what every member may read: who is in
the zone. A log that withholds a change of members, or shows another history than before, stops them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from crypto.errors import CryptoError
from crypto.statements import check_signature, parse_envelope
from nodes.errors import NotReadyError, PeerUnavailableError
from nodes.runtime import logging
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import LogReplica, open_copy
from nodes.runtime.replica.zone import announce_witnesses, appoint_custodians
from nodes.runtime.settings import NodeSettings
from protos.errors import refusal_of
from scoring.errors import ScoringError, WrongSignerError, ZoneMismatchError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.statements import Leaf, Member, MemberChange, parse_leaf, parse_statement

READ: Final = frozenset({MemberChange.kind})
"""Kinds whose statements this needs; of others it keeps the leaves."""

LOG_WAIT_S = 20.0

_log = logging.logger("members")


class MembersSink:
    """Brings ``registry`` up to date in place: whoever holds it sees members as the log has them. A change that does not hold is void."""

    def __init__(self, registry: MemberRegistry, registered: Callable[[Member, int], None] = lambda _entry, _time: None) -> None:
        """``registered`` hears of every entry that a change brings, with the time of its leaf."""
        self._registry, self._registered = registry, registered

    def apply(self, index: int, leaf: bytes, envelope: bytes, /) -> None:
        """Take one leaf. Never raises for what a member said."""
        parsed = parse_leaf(leaf)
        if parsed.kind not in READ:
            return
        try:
            after, change = self._registry.copied(), self._change(envelope)
            after.apply(change, index)
        except (CryptoError, ScoringError) as error:
            _log.warning(logging.STATEMENT_VOID, leaf_index=index, reason=refusal_of(error).reason)
            return
        self._registry.become(after)
        if change.action != "leave":
            self._registered(change.member, parsed.time)
        _log.info(logging.MEMBERS_CHANGED, leaf_index=index)

    def _change(self, raw: bytes) -> MemberChange:
        """The change in an envelope, signed by the authority. Raises the errors of envelope, registry and signature."""
        envelope = parse_envelope(raw)
        change = parse_statement(envelope.payload_type, envelope.payload)
        signer = self._registry.key(envelope.key_ids[0])
        if not isinstance(change, MemberChange) or "authority" not in signer.member.roles:
            raise WrongSignerError("only the authority changes members")
        if change.zone != self._registry.genesis.zone:
            raise ZoneMismatchError(f"the change is of zone {change.zone!r}")
        check_signature(envelope, verify_key(signer.key))
        return change


class Members:
    """Follows the log for ``registry``. Make it before the process runs."""

    def __init__(self, process: Process, identity: Identity, settings: NodeSettings, registry: MemberRegistry, state_dir: Path | None = None) -> None:
        genesis = registry.genesis
        announce_witnesses(genesis.witness_policy)
        appoint_custodians(registry, settings.public_dir)
        directory = (state_dir or settings.state_dir) / "members"
        replica = LogReplica(open_copy(directory, settings.database_url, "members"), directory, genesis.log_vkey, READ)
        self._follower = LogFollower(identity, settings.peer("log"), replica, MembersSink(registry, identity.registered), genesis.witness_policy)
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
