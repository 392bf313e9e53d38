"""An auditor's or a witness's process: ``python -m nodes.auditor CONFIG``. Follows the log with a view of its own, witnesses its checkpoints
and draws contributions; a member that is a witness only cosigns.

Statements that have no effect are reported as they come; the judgement of the whole log is ``xinqiao audit``. ``note.pem`` in the keys
directory is the cosignature key, whose verifier key stands in the registry's witness policy.
"""

from __future__ import annotations

from pathlib import Path

from crypto.notes import COSIGNATURE_V1
from nodes.auditor.draws.role import DrawsRole
from nodes.auditor.settings import AuditorSettings
from nodes.auditor.witness import Witness, WitnessClient
from nodes.auditor.witness_state import WitnessState
from nodes.errors import IdentityError, LogForkError
from nodes.runtime import logging
from nodes.runtime.clock import now
from nodes.runtime.entry import run_program
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.notices.heads import HeadComparison, HeadLimits
from nodes.runtime.notices.kept import kept_notes
from nodes.runtime.notices.turn import Notices
from nodes.runtime.peers.identity import Identity, load_note_signer, witness_name
from nodes.runtime.process import Process
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import LogReplica, open_copy
from nodes.runtime.replica.zone import Zone, announce_witnesses, follow_own_keys
from nodes.runtime.standing.remaining import watch_certificate
from protos.errors import refusal_of

_log = logging.logger("auditor")


class Observed:
    """The zone's view as the follower's sink; tells of every statement that breaks a rule."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def apply(self, index: int, leaf: bytes, envelope: bytes, /) -> None:
        """Take one leaf into the view. Raises LogInconsistentError (fatal)."""
        self._zone.apply(index, leaf, envelope)
        with self._zone.reading() as view:
            error = view.void.get(index)
        if error is not None:
            _log.warning(logging.STATEMENT_VOID, leaf_index=index, reason=refusal_of(error).reason)


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code. Raises NodeError when it cannot start, RollbackError when the witness is retired."""
    settings = AuditorSettings.load(config)
    process = Process(settings)
    identity = Identity.load(settings)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    zone = Zone(settings.public_dir)
    genesis = zone.genesis
    announce_witnesses(genesis.witness_policy)
    if not settings.auditor.witness_only:
        _follow(process, identity, settings, zone)
    signer = load_note_signer(witness_name(settings.zone, settings.member), COSIGNATURE_V1, settings.keys_dir / "note.pem")
    if signer.key.to_vkey() not in genesis.witness_policy.witnesses:
        raise IdentityError(f"note.pem is the key {signer.key.to_vkey()}, which the registry's witness policy does not name")
    state = WitnessState(settings.state_dir / "witness", settings.pin)
    WitnessClient(identity, settings.peer("log"), Witness(genesis.log_vkey, signer, state, now)).attach(process)
    return process.run()


def _follow(process: Process, identity: Identity, settings: AuditorSettings, zone: Zone) -> None:
    genesis = zone.genesis
    follow_own_keys(identity, zone)
    replica = LogReplica(open_copy(settings.state_dir, settings.database_url, "replica"), settings.state_dir / "replica", genesis.log_vkey)
    follower = LogFollower(identity, settings.peer("log"), replica, Observed(zone), genesis.witness_policy)
    if settings.peers.coordinator is not None:
        DrawsRole(process, identity, settings, zone, follower, replica)
    follower.attach(process)
    heads = HeadComparison(zone, replica, identity.member, settings.state_dir / "heads", now, HeadLimits())
    boards = [BoardClient(identity, peer) for peer in (settings.peers.coordinator, settings.peers.log) if peer is not None]
    kept = [settings.state_dir / "witness" / "evidence", settings.state_dir / "replica" / "evidence"]
    notices = Notices(identity, boards, follower, heads, None, now, lambda: kept_notes(*kept))

    def compare() -> None:
        """Until the process ends. A witness does not go on signing a log that shows others another history."""
        while not process.stopping.is_set():
            if heads.split:
                raise LogForkError("the log showed another history to others: see the notes kept under heads/")
            notices.turn()
            process.stopping.wait(settings.auditor.notices_s)

    process.worker("notices", compare)
    for board in boards:
        process.on_stop(board.close)


if __name__ == "__main__":
    run_program(main)
