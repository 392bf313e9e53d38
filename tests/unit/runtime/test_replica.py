"""A process's copy of the log: only what the log signed and this process recomputed, never less than it was."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from crypto.encoding import sha256
from crypto.merkle import EMPTY_ROOT, root
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.errors import LogForkError, QuotaFullError, RollbackError
from nodes.runtime.database import writing
from nodes.runtime.files import BLOCK_BYTES
from nodes.runtime.replica.store import ENTRIES, ROW_BYTES, Entry, LogReplica
from scoring.errors import LogInconsistentError
from scoring.statements import Leaf
from tests.support.databases import ON_BOTH, ON_FILES, database_in, put_back, rows_of

pytestmark = ON_BOTH
ORIGIN = "xinqiao/test-zone"
LOG_KEY = secrets.token_bytes(32)
SIGNER = NoteSigner(ORIGIN, ED25519, LOG_KEY)
WITNESS = NoteSigner(f"{ORIGIN}/auditor", COSIGNATURE_V1, secrets.token_bytes(32))


def entry(index: int, text: str = "") -> Entry:
    envelope = f"envelope {index} {text}".encode()
    leaf = Leaf(kind="refusal", actor="bank-a", time=1_700_000_000 + index, digest=sha256(envelope).hex())
    return Entry(index, leaf.to_bytes(), envelope)


def note(entries: list[Entry], signer: NoteSigner = SIGNER, size: int | None = None) -> bytes:
    count = len(entries) if size is None else size
    return sign_checkpoint(Checkpoint(signer.name, count, root(item.leaf for item in entries[:count])), signer)


LOG = [entry(index) for index in range(40)]


def opened(directory: Path) -> LogReplica:
    engine = database_in(directory / "state", "replica")
    return LogReplica(engine, directory / "state", SIGNER.key.to_vkey())


def filled(directory: Path, size: int = 10) -> LogReplica:
    replica = opened(directory)
    replica.accept(LOG[:size], note(LOG[:size]))
    return replica


# --- what is kept ---


def test_a_copy_of_anothers_log_grows_to_its_bound_and_stays_as_it_is(tmp_path: Path) -> None:
    """Unconfirmed entries count too; those that were dropped do not; a copy that is opened again knows how large it is."""
    each = len(LOG[0].leaf) + len(LOG[0].envelope) + ROW_BYTES + BLOCK_BYTES + 2  # two more bytes for indices of two digits

    def bounded() -> LogReplica:
        engine = database_in(tmp_path / "state", "replica")
        return LogReplica(engine, tmp_path / "state", SIGNER.key.to_vkey(), most_bytes=15 * each)

    replica = bounded()
    replica.accept(LOG[:10], note(LOG[:10]))
    replica.accept(LOG[10:14], b"")
    with pytest.raises(QuotaFullError, match=f"{15 * each} are kept at most"):
        replica.accept(LOG[14:16], note(LOG[:16]))
    assert (replica.head.size, replica.next_index(), replica.full) == (10, 14, True)
    replica.forget_unconfirmed()
    replica.accept(LOG[10:15], note(LOG[:15]))
    again = bounded()
    assert (again.head.size, again.kept_bytes, again.full) == (15, replica.kept_bytes, False)
    with pytest.raises(QuotaFullError):
        again.accept(LOG[15:17], note(LOG[:17]))
    assert [item.index for item in again.entries(0, again.head.size)] == list(range(15)), "what is there stays"


def test_an_entry_counts_with_the_file_that_shows_its_statement(tmp_path: Path) -> None:
    """Each lies in the mirror as a file of its own, and a file takes a block however small it is; a leaf alone lies in a tile."""
    bare = Entry(2, LOG[2].leaf, b"")
    engine = database_in(tmp_path / "state", "replica")
    replica = LogReplica(engine, tmp_path / "state", SIGNER.key.to_vkey(), read=frozenset(), most_bytes=1 << 20)
    replica.accept([*LOG[:2], bare], note(LOG[:3]))
    sizes = [len(item.leaf) + len(item.envelope) for item in (*LOG[:2], bare)]
    assert replica.kept_bytes == sum(sizes) + 3 * ROW_BYTES + 2 * BLOCK_BYTES
    replica.complete(2, LOG[2].envelope)
    again = LogReplica(engine, tmp_path / "state", SIGNER.key.to_vkey(), read=frozenset())
    assert again.kept_bytes == replica.kept_bytes == sum(sizes) + len(LOG[2].envelope) + 3 * (ROW_BYTES + BLOCK_BYTES)


def test_an_empty_copy_has_the_empty_trees_head(tmp_path: Path) -> None:
    head = opened(tmp_path).head
    assert (head.size, head.root, head.note) == (0, EMPTY_ROOT, b"")


def test_what_a_checkpoint_covers_survives_a_restart(tmp_path: Path) -> None:
    head = filled(tmp_path).head
    again = opened(tmp_path)
    assert again.head == head
    assert list(again.entries(0, 10)) == LOG[:10]
    assert list(again.entries(3, 5)) == LOG[3:5]


def test_entries_without_a_checkpoint_do_not_count_yet(tmp_path: Path) -> None:
    replica = filled(tmp_path)
    assert replica.accept(LOG[10:12], b"") is None
    assert (replica.head.size, replica.next_index()) == (10, 12)
    proved = replica.accept(LOG[12:15], note(LOG[:15]))
    assert proved == replica.head
    assert list(replica.entries(10, 15)) == LOG[10:15]


def test_unconfirmed_entries_are_forgotten_by_a_new_connection_and_by_a_restart(tmp_path: Path) -> None:
    replica = filled(tmp_path)
    replica.accept(LOG[10:12], b"")
    replica.forget_unconfirmed()
    assert replica.next_index() == 10
    replica.accept([entry(10, "other")], b"")
    again = opened(tmp_path)
    assert again.next_index() == 10
    assert again.accept(LOG[10:12], note(LOG[:12])) == again.head


@ON_FILES  # by hundreds of restarts: what it is about is not where the copy lies
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_however_the_log_is_cut_into_updates_the_copy_is_the_same(cuts: list[tuple[int, bool, bool]], tmp_path: Path) -> None:
    (tmp_path / "state" / "log-head.json").unlink(missing_ok=True)
    put_back(tmp_path / "state", "replica", {})
    replica, sent, confirmed = opened(tmp_path), 0, 0
    for count, signed, restarted in cuts:
        end = min(sent + count, len(LOG))
        replica.accept(LOG[sent:end], note(LOG[:end]) if signed else b"")
        sent, confirmed = end, end if signed else confirmed
        if restarted:
            replica, sent = opened(tmp_path), confirmed
        assert replica.next_index() == sent
        assert (replica.head.size, replica.head.root) == (confirmed, root(item.leaf for item in LOG[:confirmed]))
    assert list(replica.entries(0, confirmed)) == LOG[:confirmed]


def test_a_cosigned_checkpoint_of_an_earlier_size_is_proved_without_going_back(tmp_path: Path) -> None:
    replica = filled(tmp_path, 10)
    early = note(LOG[:10])
    replica.accept(LOG[10:15], note(LOG[:15]))
    cosigned = early + cosign(early, WITNESS, 1_700_000_000)
    proved = replica.accept([], cosigned)
    assert proved is not None
    assert (proved.size, proved.note) == (10, cosigned)
    assert replica.head.size == 15


def test_a_checkpoint_of_a_size_never_confirmed_here_proves_nothing(tmp_path: Path) -> None:
    assert filled(tmp_path, 10).accept([], note(LOG[:7])) is None


def test_more_cosignatures_for_the_head_are_kept(tmp_path: Path) -> None:
    replica = filled(tmp_path, 10)
    plain = note(LOG[:10])
    cosigned = plain + cosign(plain, WITNESS, 1_700_000_000)
    replica.accept([], cosigned)
    assert opened(tmp_path).head.note == cosigned


def test_more_cosignatures_for_the_head_confirm_nothing_that_came_behind_it(tmp_path: Path) -> None:
    """A log sends leaves under no checkpoint, then cosignatures of the one before: they are no part of the copy, here or after a restart."""
    replica = filled(tmp_path, 10)
    replica.accept(LOG[10:14], b"")
    plain = note(LOG[:10])
    replica.accept([], plain + cosign(plain, WITNESS, 1_700_000_000))
    assert (opened(tmp_path).head.size, opened(tmp_path).next_index()) == (10, 10)
    replica.forget_unconfirmed()
    assert replica.next_index() == 10
    replica.accept(LOG[10:12], note(LOG[:12]))
    assert list(replica.entries(0, 12)) == LOG[:12]


# --- what is refused ---


@pytest.mark.parametrize(
    ("entries", "checkpoint", "message"),
    [
        ([LOG[11]], note(LOG[:12]), "expected leaf 10, the log sent 11"),
        ([LOG[9]], note(LOG[:10]), "expected leaf 10, the log sent 9"),
        ([Entry(10, LOG[10].leaf, b"another envelope")], note(LOG[:11]), "envelope sent is not the one"),
        ([Entry(10, LOG[10].leaf, b"")], note(LOG[:11]), "envelope sent is not the one"),
        ([Entry(10, LOG[10].leaf + b" ", LOG[10].envelope)], note(LOG[:11]), "leaf 10"),
        (LOG[10:12], note(LOG[:11]), "size 11 came with entries up to 12"),
        (LOG[10:12], note(LOG[:13]), "size 13 came with entries up to 12"),
        ([], note(LOG[:12]), "size 12 came with entries up to 10"),
        (LOG[10:11], note(LOG[:11], NoteSigner(ORIGIN, ED25519, bytes(32))), "not its own"),
        (LOG[10:11], note(LOG[:11], NoteSigner("xinqiao/other", ED25519, LOG_KEY)), "not its own"),
        (LOG[10:11], b"no note", "not its own"),
    ],
)
def test_an_update_that_does_not_hold_is_fatal_and_leaves_nothing(entries: list[Entry], checkpoint: bytes, message: str, tmp_path: Path) -> None:
    replica = filled(tmp_path, 10)
    head = replica.head
    with pytest.raises(LogInconsistentError, match=message):
        replica.accept(entries, checkpoint)
    assert (replica.head, replica.next_index()) == (head, 10)
    assert opened(tmp_path).head == head


def backdated(index: int, time: int) -> Entry:
    envelope = f"backdated {index}".encode()
    return Entry(index, Leaf(kind="refusal", actor="bank-a", time=time, digest=sha256(envelope).hex()).to_bytes(), envelope)


@pytest.mark.parametrize("restart", [False, True])
def test_a_log_whose_time_goes_back_is_fatal(tmp_path: Path, restart: bool) -> None:
    """What is over would be in force again: a request, a consent, a ticket."""
    replica = filled(tmp_path, 10)
    if restart:
        replica = opened(tmp_path)
    turned_back = [*LOG[:10], backdated(10, 1_700_000_008)]
    with pytest.raises(LogInconsistentError, match="time goes back"):
        replica.accept(turned_back[10:], note(turned_back))
    assert replica.head.size == 10
    within = [*LOG[:10], backdated(10, 1_700_000_020), backdated(11, 1_700_000_019)]
    with pytest.raises(LogInconsistentError, match="time goes back"):
        replica.accept(within[10:], note(within))
    same = [*LOG[:10], backdated(10, 1_700_000_009)]
    assert replica.accept(same[10:], note(same)) is not None


FORKED = [*LOG[:9], *(entry(index, "fork") for index in range(9, 20))]


@pytest.mark.parametrize("entries", [[], LOG[10:12]], ids=["same size", "later"])
def test_a_fork_is_fatal_and_both_notes_are_kept_as_evidence(entries: list[Entry], tmp_path: Path) -> None:
    replica = filled(tmp_path, 10)
    first, second = replica.head.note, note(FORKED[: 10 + len(entries)])
    with pytest.raises(LogForkError, match="is not that of the leaves it sent"):
        replica.accept(entries, second)
    evidence = tmp_path / "state" / "evidence"
    assert {path.read_bytes() for path in evidence.iterdir()} == {first, second}
    assert opened(tmp_path).head.note == first


def test_a_fork_at_an_earlier_size_is_seen(tmp_path: Path) -> None:
    replica = filled(tmp_path, 10)
    replica.accept(LOG[10:15], note(LOG[:15]))
    with pytest.raises(LogForkError):
        replica.accept([], note(FORKED[:10]))


# --- a database that is not what it was ---


def test_a_restored_older_database_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    backup = rows_of(tmp_path / "state", "replica")
    opened(tmp_path).accept(LOG[10:15], note(LOG[:15]))
    put_back(tmp_path / "state", "replica", backup)
    with pytest.raises(RollbackError, match="holds 10 leaves of the log, 15 were pinned"):
        opened(tmp_path)


def test_a_lost_database_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    put_back(tmp_path / "state", "replica", {})
    with pytest.raises(RollbackError, match="holds 0 leaves"):
        opened(tmp_path)


def test_a_lost_pin_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    (tmp_path / "state" / "log-head.json").unlink()
    with pytest.raises(RollbackError, match="is missing"):
        opened(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"size":10,"root":"zz"}'])
def test_an_unreadable_pin_is_refused(content: bytes, tmp_path: Path) -> None:
    filled(tmp_path, 10)
    (tmp_path / "state" / "log-head.json").write_bytes(content)
    with pytest.raises(RollbackError, match="cannot be read"):
        opened(tmp_path)


def test_a_crash_between_commit_and_pin_is_no_rollback(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    pin = (tmp_path / "state" / "log-head.json").read_bytes()
    opened(tmp_path).accept(LOG[10:15], note(LOG[:15]))
    (tmp_path / "state" / "log-head.json").write_bytes(pin)
    assert opened(tmp_path).head.size == 15


def test_another_history_of_the_same_size_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    pin = json.loads((tmp_path / "state" / "log-head.json").read_bytes())
    (tmp_path / "state" / "log-head.json").write_text(json.dumps({**pin, "root": "00" * 32}), encoding="utf-8")
    with pytest.raises(RollbackError, match="not those that were pinned"):
        opened(tmp_path)


def test_a_changed_leaf_is_seen_at_the_next_start(tmp_path: Path) -> None:
    replica = filled(tmp_path, 10)
    with writing(replica._engine) as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.index == 4).values(leaf=LOG[5].leaf))
    with pytest.raises(RollbackError):
        opened(tmp_path)


def test_a_missing_leaf_is_seen_at_the_next_start(tmp_path: Path) -> None:
    replica = filled(tmp_path, 10)
    with writing(replica._engine) as connection:
        connection.execute(ENTRIES.delete().where(ENTRIES.c.index == 4))
    with pytest.raises(RollbackError, match="lacks leaves"):
        opened(tmp_path)
