"""What the coordinator takes from departments over real mutual TLS, with the real log behind it: every contribution once, whatever ends
in the middle. What it refuses is in ``test_intake_refusals``. The key has 512 bits and the roster a dozen firms."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from nodes.coordinator.keeping.blobs import BlobStore
from nodes.errors import RpcRefusal
from nodes.runtime.peers import tls
from nodes.runtime.peers.signing import fresh_nonce
from protos.v1.exchange_pb2 import ContributionPart
from protos.v1.exchange_pb2_grpc import ExchangeStub
from scoring.statements import EpochClose, parse_leaf
from tests.support.coordinator import Coordinator, Moment
from tests.support.epoch import EPOCH
from tests.support.intake import RACED, SENDER, TIMEOUT_S, MakeIdentity, Sent, Site, intake_site
from tests.support.members import DEPARTMENTS, ZONE


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with intake_site(small_private_key, make_identity, tmp_path_factory.mktemp("intake")) as running:
        yield running


@pytest.mark.parametrize("sender", DEPARTMENTS)
def test_a_department_contributes_every_column_that_it_owes(site: Site, sender: str) -> None:
    owed = site.entries(sender)
    assert owed
    for entry in owed:
        message = site.sent(site.column(entry, sender))
        receipt = site.contribute(message)
        assert receipt.digest == sha256(message.envelope)
        leaf = parse_leaf(receipt.leaf)
        assert (leaf.kind, leaf.actor, leaf.digest) == ("column", sender, receipt.digest.hex())
        with site.coordinator.zone.reading() as view:
            logged = view.contributions[receipt.leaf_index]
        assert (logged.leaf, logged.envelope) == (receipt.leaf, message.envelope)


def test_a_row_is_taken_under_a_standing_consent(site: Site) -> None:
    message = site.sent(site.row("tax"))
    receipt = site.contribute(message)
    assert parse_leaf(receipt.leaf).kind == "row"
    assert site.contribute(message) == receipt


def test_what_was_taken_can_be_fetched_by_custodians_and_auditors_only(site: Site) -> None:
    message = site.sent(site.column())
    site.contribute(message)
    for reader in ("notary", "auditor"):
        client = site.client(reader)
        assert client.fetch_blob(message.root) == message.ciphertexts
        client.close()
    for stranger in ("bank-a", "enterprise", "science"):
        client = site.client(stranger)
        with pytest.raises(RpcRefusal) as refused:
            client.fetch_blob(message.root)
        assert refused.value.reason == "ROLE_MISSING"
        client.close()


def test_a_later_revision_replaces_the_earlier_one(site: Site) -> None:
    entry = site.entries()[0]
    receipts = [site.contribute(site.sent(site.column(entry))) for _ in range(2)]
    with site.coordinator.zone.reading() as view:
        logged = view.columns[EPOCH, SENDER, entry.indicator, entry.functional]
    assert [item.index for item in logged[-2:]] == [receipt.leaf_index for receipt in receipts]


# --- the same bytes again ---


def test_the_same_bytes_again_get_the_same_receipt(site: Site) -> None:
    message = site.sent(site.column())
    first = site.contribute(message)
    before = site.traces()
    assert site.contribute(message) == first
    site.restart()
    assert site.contribute(message) == first
    assert site.traces() == before


def test_the_same_bytes_at_once_get_one_leaf(site: Site) -> None:
    message, size = site.sent(site.column()), site.log.size
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(site.contribute, [message] * 4))
    assert all(receipt == receipts[0] for receipt in receipts)
    assert site.log.size == size + 1


# --- parts ---

Order = Callable[[ContributionPart, ContributionPart], list[ContributionPart]]
ORDERS: dict[str, Order] = {
    "nothing": lambda _envelope, _data: [],
    "an empty part": lambda _envelope, _data: [ContributionPart()],
    "ciphertexts first": lambda envelope, data: [data, envelope],
    "the envelope twice": lambda envelope, data: [envelope, envelope, data],
    "the envelope again at the end": lambda envelope, data: [envelope, data, envelope],
    "an empty part between": lambda envelope, data: [envelope, ContributionPart(ciphertexts=b""), data],
}


@pytest.mark.parametrize("order", ORDERS)
def test_parts_in_another_order_are_refused(site: Site, order: str) -> None:
    message, before = site.sent(site.column()), site.traces()
    with pytest.raises(RpcRefusal) as refused:
        site.send(SENDER, ORDERS[order](*message.parts()))
    assert refused.value.reason == "MESSAGE_INVALID"
    assert site.traces() == before


def test_ciphertexts_may_come_in_any_number_of_parts(site: Site) -> None:
    message = site.sent(site.column())
    cut = [message.ciphertexts[start : start + 100] for start in range(0, len(message.ciphertexts), 100)]
    assert len(cut) > 3
    receipt = site.send(SENDER, [message.parts()[0], *(ContributionPart(ciphertexts=piece) for piece in cut)])
    assert site.contribute(message) == receipt


def test_a_sender_that_hangs_up_in_the_middle_leaves_nothing(site: Site) -> None:
    message, before = site.sent(site.column()), site.traces()
    sending, over = threading.Event(), threading.Event()

    def parts() -> Iterator[ContributionPart]:
        yield message.parts()[0]
        yield ContributionPart(ciphertexts=message.ciphertexts[:10])
        sending.set()
        over.wait(TIMEOUT_S)

    with tls.channel(site.identities(SENDER), site.coordinator.peer.address, "coordinator") as channel:
        call = ExchangeStub(channel).Contribute.future(parts(), timeout=TIMEOUT_S)
        assert sending.wait(TIMEOUT_S)
        call.cancel()
        over.set()
        with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
            call.result()
    assert site.contribute(message).leaf_index == before["leaves"]


# --- ends in the middle ---


def contribute_to_a_dying_one(site: Site, message: Sent) -> None:
    """One call, never tried again."""
    with tls.channel(site.identities(message.caller), site.coordinator.peer.address, "coordinator") as channel:
        call = ExchangeStub(channel).Contribute
        with pytest.raises(grpc.RpcError):
            call(iter(message.parts()), timeout=TIMEOUT_S)


def kill_while_logging(site: Site, message: Sent, moment: Moment) -> None:
    """Let the coordinator check and store ``message``, end it at ``moment`` of its call to the log, and start another one on its state."""
    site.coordinator.log.hold = moment
    first = threading.Thread(target=partial(contribute_to_a_dying_one, site, message))
    first.start()
    assert site.coordinator.log.reached.wait(TIMEOUT_S)
    site.restart()
    first.join(TIMEOUT_S)
    assert not first.is_alive()
    site.coordinator.wait_for(site.log.size - 1)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_coordinator_killed_between_storing_and_answering_loses_and_doubles_nothing(site: Site, moment: Moment) -> None:
    """``before``: the log has not heard of the statement; ``after``: it has logged it, and its answer was lost."""
    message, size, work = site.sent(site.column()), site.log.size, site.coordinator.work()
    kill_while_logging(site, message, moment)
    assert site.log.size == size + (moment == "after")

    receipt = site.contribute(message)
    assert receipt.leaf_index == size
    assert site.log.size == size + 1
    assert site.contribute(message) == receipt
    with site.coordinator.zone.reading() as view:
        assert view.contributions[size].envelope == message.envelope
        assert not view.void
    assert site.coordinator.work() == work
    assert site.coordinator.blobs.get(message.root) == message.ciphertexts


def test_other_bytes_under_a_revision_that_was_never_answered_are_refused(site: Site) -> None:
    """Begun and not logged: the revision is that of the first bytes, which their sender keeps and sends again."""
    statement = site.column()
    message, other = site.sent(statement), site.recounted(statement.header.revision)
    assert other.root != message.root
    kill_while_logging(site, message, "before")
    before = site.traces()
    with pytest.raises(RpcRefusal, match="other bytes came before"):
        site.contribute(other)
    assert site.traces() == before
    assert site.contribute(message).leaf_index == before["leaves"]


def test_a_coordinator_that_lost_its_database_takes_again_what_is_in_the_log(site: Site) -> None:
    """It gives the first leaf, and has the ciphertexts again."""
    message = site.sent(site.column())
    receipt, size = site.contribute(message), site.log.size
    site.coordinator.end()
    for path in [*site.state.glob("coordinator.db*"), *(site.state / "blobs").rglob("*")]:
        if path.is_file():
            path.unlink()
    site.coordinator = Coordinator.start(site.identities("coordinator"), site.log.peer, site.public, site.state)
    assert site.contribute(message) == receipt
    assert site.log.size == size
    assert site.coordinator.blobs.get(message.root) == message.ciphertexts


class ClosingBlobs(BlobStore):
    """A store while whose ``put`` the authority closes the epoch: the last moment before a contribution is logged."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.close: Callable[[], object] = lambda: None

    def put(self, digest: str, content: bytes) -> None:
        super().put(digest, content)
        self.close()


def test_an_epoch_that_closes_while_a_column_is_checked_does_not_get_it(site: Site) -> None:
    site.coordinator.end()
    site.coordinator = Coordinator.start(site.identities("coordinator"), site.log.peer, site.public, site.state, ClosingBlobs)
    journal, blobs = site.coordinator.journal, site.coordinator.blobs
    assert isinstance(blobs, ClosingBlobs)
    closing = site.memory.envelope(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=RACED), "authority")
    blobs.close = lambda: journal.submit(closing)
    size = site.log.size
    with pytest.raises(RpcRefusal, match="EPOCH_STATE"):
        site.contribute(site.sent(site.column(epoch=RACED)))
    assert site.log.size == size + 1
    with site.coordinator.zone.reading() as view:
        assert view.at(size).statement.kind == "epoch-close"
    site.restart()


def test_a_log_that_cannot_be_reached_is_no_refusal(site: Site) -> None:
    """The status asks the sender to try again; nothing was logged."""
    message, size = site.sent(site.column()), site.log.size
    site.coordinator.log.close()
    with tls.channel(site.identities(SENDER), site.coordinator.peer.address, "coordinator") as channel:
        call = ExchangeStub(channel).Contribute
        with pytest.raises(grpc.RpcError) as failed:
            call(iter(message.parts()), timeout=TIMEOUT_S)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert site.log.size == size
    site.restart()
    assert site.contribute(message).leaf_index == size
