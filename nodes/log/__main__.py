"""The log's program: ``python -m nodes.log CONFIG``. Wires store, sequencer, witness rounds and service together.

Configuration: the common keys of a process, and ``[log]`` with ``listen`` and, if the pin is to lie on another disk than the
database, ``pin``. ``note.pem`` is the Ed25519 key that signs checkpoints; its verifier key stands in the registry.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from pydantic import Field

from crypto.errors import NoteError
from crypto.notes import ED25519, NoteSigner
from nodes.errors import IdentityError, LogForkError
from nodes.log import observed
from nodes.log.admission import KEY_CHANGING_KINDS, Admission
from nodes.log.publication import FilePin, Publication
from nodes.log.reader import Reader
from nodes.log.sequencer import Sequencer, genesis_submission
from nodes.log.service import APPENDS_PER_MINUTE, LogService
from nodes.log.storage import Entry, LogStore
from nodes.log.witnessing import Rounds, restore
from nodes.runtime import logging
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.entry import run_program
from nodes.runtime.files import write_public
from nodes.runtime.notices.board import BoardService
from nodes.runtime.observing.service import HealthService
from nodes.runtime.peers.entitlement import permitting
from nodes.runtime.peers.identity import Identity, load_note_signer, log_name
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.peers.rpc import RpcServer, ServerLimits
from nodes.runtime.process import Process
from nodes.runtime.replica.zone import announce_witnesses, read_public
from nodes.runtime.settings import Address, ConfigPath, NodeSettings, Table
from nodes.runtime.standing.remaining import watch_certificate
from protos.v1.board_pb2_grpc import add_BoardServicer_to_server
from protos.v1.log_pb2_grpc import add_LogServicer_to_server

WORKERS = 320  # each follower, witness and waiting caller holds one
CHECKPOINT_FORGOTTEN = "checkpoint.forgotten"


class LogTable(Table):
    """``listen``: host:port for members. ``pin``: file of the last signed checkpoint; default ``head.pin`` in ``state_dir``.
    ``appends_per_minute_per_member``: of every member but the coordinator, with bursts of a sixth of that."""

    listen: Address
    pin: ConfigPath | None = None
    appends_per_minute_per_member: int = Field(default=APPENDS_PER_MINUTE, gt=0)


class LogSettings(NodeSettings):
    log: LogTable

    @property
    def pin(self) -> Path:
        """Where the last signed checkpoint is pinned."""
        return self.log.pin or self.state_dir / "head.pin"

    @property
    def written(self) -> dict[str, Path]:
        return {**super().written, "log.pin": self.pin}


def main(config_path: Path) -> int:
    """Run the log until it is told to stop. Returns the exit code. Raises NodeError when it cannot start."""
    settings = LogSettings.load(config_path)
    identity = Identity.load(settings)
    process = Process(settings)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    admission = Admission(read_public(settings.public_dir / "registry.dsse.json"))
    announce_witnesses(admission.registry_statement.witness_policy)
    signer = _signer(settings, admission.registry_statement.log_vkey)
    engine = open_database(settings.state_dir, "log", settings.database_url)
    process.on_stop(engine.dispose)
    store, publication = LogStore(engine), Publication()
    reader = Reader(store, publication)
    for entry in store.entries_of(KEY_CHANGING_KINDS):
        admission.apply(entry)

    def on_commit(entries: Sequence[Entry]) -> None:
        for entry in entries:
            admission.apply(entry)
        reader.remember(entries)
        observed.count(entries)

    pin = FilePin(settings.pin)
    sequencer = Sequencer(store, pin, signer, publication, now, on_commit)
    _begin(store, sequencer, admission)
    rounds = _rounds(settings, admission, publication, reader, store)
    permit = permitting(admission.member)
    server = RpcServer(identity, settings.log.listen, admission.check_member, process.fatal, ServerLimits(workers=WORKERS), permit)
    appends = RateLimit(settings.log.appends_per_minute_per_member, time.monotonic)
    server.add(add_LogServicer_to_server, LogService(admission, sequencer, reader, publication, rounds, appends))
    server.add(add_BoardServicer_to_server, BoardService(settings.zone, admission.has_role))
    server.add(add_HealthServicer_to_server, HealthService(process.health, "xinqiao.v1.Log", "xinqiao.v1.Board"))
    observed.tell_of(publication, reader, admission.registry_statement, now)
    process.worker("sequencer", sequencer.run)
    process.on_stop(server.stop)
    process.on_stop(publication.close)
    process.on_stop(sequencer.close)
    return process.run({"port": server.start()})


def _begin(store: LogStore, sequencer: Sequencer, admission: Admission) -> None:
    """Leaf 0 is the pinned registry. Raises LogForkError when the stored log begins with another."""
    genesis = genesis_submission(admission.genesis, admission.authority)
    first = store.entries(0, 1, 0)
    if not first:
        sequencer.submit([genesis])
    elif first[0].digest != genesis.digest:
        raise LogForkError("the stored log begins with another registry than the one in the public directory")


def _signer(settings: LogSettings, log_vkey: str) -> NoteSigner:
    """The signer of checkpoints. Raises IdentityError when ``note.pem`` is not the key that the registry names."""
    signer = load_note_signer(log_name(settings.zone), ED25519, settings.keys_dir / "note.pem")
    if signer.key.to_vkey() != log_vkey:
        raise IdentityError(f"note.pem is the key {signer.key.to_vkey()}, the registry names {log_vkey}")
    return signer


def _rounds(settings: LogSettings, admission: Admission, publication: Publication, reader: Reader, store: LogStore) -> Rounds:
    """Witness rounds, with the witnessed checkpoint that was saved before a restart on show again."""
    registry = admission.registry_statement
    policy = registry.witness_policy
    saved = settings.state_dir / "checkpoint"
    try:
        note = saved.read_bytes() if saved.exists() else None
        restore(publication, note, registry.log_vkey, policy.witnesses, policy.required, store.root_at)
    except NoteError as error:  # the witnesses will be asked again at once
        logging.logger("log").warning(CHECKPOINT_FORGOTTEN, detail=str(error))
    save, further = (lambda note: write_public(saved, note)), admission.peer_witnesses
    return Rounds(publication, policy.witnesses, policy.required, reader.consistency_proof, save, further)


if __name__ == "__main__":
    run_program(main)
