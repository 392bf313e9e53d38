"""The zone as this process knows it: its own replay of the log, shared by its threads under one lock.

The follower feeds ``apply``; everything else reads inside ``with zone.reading() as view``. Observers hear of each statement that
holds, in log order, after it took effect; on a restart they hear of all of them again, so what they do must be idempotent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.statements import parse_envelope
from nodes.errors import MemberUnknownError, NotReadyError, SettingsError
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import LogReplica, open_copy
from nodes.runtime.settings import NodeSettings
from scoring.errors import ScoringError
from scoring.exchange.view import Logged, ZoneView
from scoring.indicators.model import Model, load_pack
from scoring.statements import Ceremony, Member, MemberChange, Registry, WitnessPolicy, parse_statement

Observer = Callable[[Logged], None]
T = TypeVar("T")

_log = logging.logger("zone")


class Zone:
    """Thread-safe holder of one ``ZoneView``. ``public_dir`` holds the pinned registry and the packs."""

    def __init__(self, public_dir: Path) -> None:
        self._lock = threading.Condition(threading.RLock())
        self._observers: list[Observer] = []
        self._public_dir = public_dir
        self._view = ZoneView(read_public(public_dir / "registry.dsse.json"), load_packs(public_dir / "packs"))

    @property
    def genesis(self) -> Registry:
        """The pinned registry statement."""
        return self._view.registry.genesis

    @contextmanager
    def reading(self) -> Iterator[ZoneView]:
        """The view, held still for the block. Keep blocks short: the log is not followed meanwhile."""
        with self._lock:
            yield self._view

    def apply(self, index: int, leaf: bytes, envelope: bytes) -> None:
        """Take one leaf into the view and tell the observers. Raises LogInconsistentError (fatal)."""
        with self._lock:
            logged = self._view.apply(index, leaf, envelope)
            self._lock.notify_all()
        if logged is not None:
            for observer in self._observers:
                observer(logged)

    def wait(self, found: Callable[[ZoneView], T | None], timeout_s: float, what: str) -> T:
        """First result of ``found`` that is not None, asked again after every leaf. Raises NotReadyError naming ``what`` after ``timeout_s``."""
        timer = Timer(timeout_s)
        with self._lock:
            while (result := found(self._view)) is None:
                if not self._lock.wait(max(timer.left_s(), 0)) and timer.left_s() <= 0:
                    raise NotReadyError(f"{what} is not in the log after {timeout_s:g} s")
            return result

    def observe(self, observer: Observer) -> None:
        """Call ``observer`` for each statement that holds. Register before the follower starts."""
        self._observers.append(observer)

    def remaining(self, time: int) -> tuple[str, int | None]:
        """The registry's state at Unix ``time`` and the seconds that it still holds; None where it holds without end [P9]."""
        with self._lock:
            return self._view.validity.state(time), self._view.validity.left_s(time)

    def has_role(self, member_id: str, *roles: str) -> bool:
        """Whether the member holds one of ``roles`` now."""
        with self._lock:
            member = self._view.registry.members.get(member_id)
            return member is not None and not set(roles).isdisjoint(member.roles)

    def member(self, member_id: str) -> Member | None:
        """The member's entry as it is now; None when there is none."""
        with self._lock:
            return self._view.registry.members.get(member_id)

    def admit(self, member_id: str) -> None:
        """Returns when ``member_id`` is a member now; raises MemberUnknownError."""
        with self._lock:
            if member_id not in self._view.registry.members:
                raise MemberUnknownError(f"{member_id} is not a member of the zone, or has left it")


def follow_zone(process: Process, identity: Identity, settings: NodeSettings, zone: Zone, state_dir: Path | None = None) -> LogFollower:
    """Replay the copy of the log in ``state_dir`` (default: the process's own) into ``zone`` and keep both up to date. Observers first.

    Raises RollbackError when the copy is older than its pin.
    """
    genesis = zone.genesis
    announce_witnesses(genesis.witness_policy)
    directory = state_dir or settings.state_dir
    replica = LogReplica(open_copy(directory, settings.database_url, "replica"), directory / "replica", genesis.log_vkey)
    follower = LogFollower(identity, settings.peer("log"), replica, zone, genesis.witness_policy)
    follow_own_keys(identity, zone)
    follower.attach(process)
    return follower


def follow_own_keys(identity: Identity, zone: Zone) -> None:
    """Have the identity sign and open with the keys that the registry says, as the log goes on. Before the follower starts."""
    for member in zone.genesis.members:
        identity.registered(member, 0)
    zone.observe(partial(_turn_keys, identity))


def _turn_keys(identity: Identity, logged: Logged) -> None:
    if isinstance(logged.statement, MemberChange) and logged.statement.action != "leave":
        identity.registered(logged.statement.member, logged.time)


def announce_witnesses(policy: WitnessPolicy) -> None:
    """Say in this process's log how many witnesses there are, as a warning where they are too few for production [L5]."""
    counts = {"witnesses": len(policy.witnesses), "required": policy.required, "faulty": policy.faulty, "outside": len(policy.outside)}
    if policy.development:
        _log.warning(logging.WITNESSES_FOR_DEVELOPMENT, **counts, detail="too few witnesses for production: nobody outside keeps the log honest")
    else:
        _log.info(logging.WITNESSES_NAMED, **counts)


def read_ceremony(public_dir: Path) -> Ceremony | None:
    """The key ceremony that is pinned; None where none is, or what is there cannot be read. An audit reports another one than the log's."""
    path = public_dir / "ceremony.dsse.json"
    if not path.exists():
        return None
    try:
        envelope = parse_envelope(read_public(path))
        ceremony = parse_statement(envelope.payload_type, envelope.payload)
    except (CryptoError, ScoringError):
        return None
    return ceremony if isinstance(ceremony, Ceremony) else None


def load_packs(directory: Path) -> dict[str, Model]:
    """Every pack in ``directory``, by the sha256 of its bytes. Raises ModelError for a malformed one."""
    models = [load_pack(path.read_bytes()) for path in sorted(directory.glob("*.yaml"))]
    return {model.sha256: model for model in models}


def load_one_pack(directory: Path, sha: str) -> Model | None:
    """The pack in ``directory`` with this sha256 (hex); None when there is none. Raises ModelError when it is malformed."""
    for path in sorted(directory.glob("*.yaml")):
        data = path.read_bytes()
        if sha256(data).hex() == sha:
            return load_pack(data)
    return None


def read_public(path: Path) -> bytes:
    """Bytes of a public file. Raises SettingsError when it is missing."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} is missing: it is part of the zone's public directory") from error
