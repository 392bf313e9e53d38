"""A peer zone's node: ``python -m nodes.peering CONFIG``. Member, keys and public directory of its configuration are those in the *other* zone.

``note.pem`` in the keys directory is the key with which it witnesses the other zone's log; without it, it does not. ``next/`` in it may hold the
keys that come after these.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nodes.auditor.witness import Witness, WitnessClient
from nodes.auditor.witness_state import WitnessState
from nodes.evidence.sources import RpcStatements
from nodes.log.admission import PUBLIC_KINDS
from nodes.peering.files import MirrorFiles
from nodes.peering.items import ItemPuller, ItemStore
from nodes.peering.keys import WitnessKeys
from nodes.peering.members import OtherZone
from nodes.peering.settings import LOG, PeeringSettings
from nodes.peering.show import Show
from nodes.peering.statements import LateStatements
from nodes.peering.trust import Trust
from nodes.peering.watch import Watch
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.entry import run_program
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.notices.heads import HeadComparison, HeadLimits
from nodes.runtime.notices.turn import Notices
from nodes.runtime.peers import tls
from nodes.runtime.peers.identity import Identity, witness_name
from nodes.runtime.process import Process
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.members import MissingStatements
from nodes.runtime.replica.store import LogReplica
from nodes.runtime.replica.zone import announce_witnesses
from protos.v1.federation_pb2_grpc import FederationStub


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code. Raises NodeError when it cannot start, RollbackError when what it keeps is an old copy."""
    settings = PeeringSettings.load(config)
    process, identity = Process(settings), Identity.load(settings)
    other = OtherZone(settings.public_dir, settings.zone, settings.member, settings.peering.home)
    keys = _witness_keys(settings, other)
    announce_witnesses(other.genesis.witness_policy)
    engine = open_database(settings.state_dir, "peering", settings.database_url, schema=f"peering-{settings.zone}")
    process.on_stop(engine.dispose)
    most = settings.peering.most_bytes
    replica = LogReplica(engine, settings.state_dir / "replica", other.genesis.log_vkey, PUBLIC_KINDS, most[LOG])
    store = ItemStore(engine, {part: bound for part, bound in most.items() if part != LOG})
    trust = Trust(settings.state_dir / "trust", now)
    other.tell(identity.registered, MissingStatements(replica, identity, settings.peer("log")))
    follower = LogFollower(identity, settings.peer("log"), replica, other, other.genesis.witness_policy)
    follower.replay()
    if keys is not None:
        keys.check()
    files = MirrorFiles(settings.peering.mirror_dir, replica)
    show = Show(settings, other, follower, files, store, trust, now)
    watch = Watch(trust, settings.state_dir, process.stopping)
    watch.work(process, "follower", follower.run, follower.cancel)
    if keys is not None:
        watch.work(process, "witness", *_witness(settings, identity, other, keys, watch))
    _pull(process, settings, identity, other, store, show)
    _notices(process, settings, identity, other, follower, watch)
    late = LateStatements(other, replica, files, _source(process, settings, identity))
    watch.work(process, "statements", lambda: late.run(process.stopping), late.cancel)
    process.worker("show", lambda: show.run(process.stopping))
    return process.run()


def _witness_keys(settings: PeeringSettings, other: OtherZone) -> WitnessKeys | None:
    if not WitnessKeys.there(settings.keys_dir):
        return None
    return WitnessKeys(witness_name(settings.zone, settings.member), settings.keys_dir, lambda: other.witness_vkey)


def _witness(
    settings: PeeringSettings, identity: Identity, other: OtherZone, keys: WitnessKeys, watch: Watch
) -> tuple[Callable[[], None], Callable[[], None]]:
    state = WitnessState(settings.state_dir / "witness", settings.pin)
    client = WitnessClient(identity, settings.peer("log"), Witness(other.genesis.log_vkey, keys, state, now, watch.witness_saw_fork))
    return client.run, client.cancel


def _pull(process: Process, settings: PeeringSettings, identity: Identity, other: OtherZone, store: ItemStore, show: Show) -> None:
    coordinator = settings.peer("coordinator")
    channel = tls.channel(identity, coordinator.address, coordinator.member)
    puller = ItemPuller(FederationStub(channel), store, lambda: other.grants - {"log"}, show.items)
    process.on_stop(channel.close)
    process.on_stop(puller.cancel)
    process.worker("items", puller.run)


def _notices(process: Process, settings: PeeringSettings, identity: Identity, other: OtherZone, follower: LogFollower, watch: Watch) -> None:
    heads = HeadComparison(other, follower.replica, settings.member, settings.state_dir / "heads", now, HeadLimits())
    boards = [BoardClient(identity, settings.peer(role)) for role in ("coordinator", "log")]
    notices = Notices(identity, boards, follower, heads, None, now, watch.evidence)
    process.worker("notices", lambda: watch.notices(notices, heads, settings.peering.notices_s))
    for board in boards:
        process.on_stop(board.close)


def _source(process: Process, settings: PeeringSettings, identity: Identity) -> RpcStatements:
    source = RpcStatements(identity, settings.peer("log"), settings.peer("coordinator"))
    process.on_stop(source.close)
    return source


if __name__ == "__main__":
    run_program(main)
