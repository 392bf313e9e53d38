"""Certificates, keys and CAs replaced under running servers and clients: no restart, no failed call; what is removed bites at once [P7.1]."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.notices.board import BoardService
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import CERTIFICATE_REFUSED, CERTIFICATE_TAKEN, Identity, load_identity
from nodes.runtime.peers.rpc import RpcServer, ServerLimits
from protos.v1 import board_pb2, board_pb2_grpc
from scoring.statements import Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan
from tests.contract.conftest import ZONE


@dataclass
class Place:
    """Two members on one machine, their CA, and where their files lie."""

    root: Path
    authority: CertificateAuthority
    made: int = 0

    @property
    def ca_file(self) -> Path:
        return self.root / "ca.pem"

    def trust(self, *cas: CertificateAuthority) -> None:
        _replace(self.ca_file, b"".join(item.certificate.public_bytes(Encoding.PEM) for item in cas))

    def fresh(self, member: str, authority: CertificateAuthority | None = None) -> Path:
        """New files for a member, beside the ones in use."""
        self.made += 1
        keys = self.root / f"{member}-{self.made}"
        make_member(authority or self.authority, ZONE, MemberPlan(member, Title(zh=member, en=member), (), listens=member == "coordinator"), keys)
        return keys

    def identity(self, member: str) -> Identity:
        keys = self.root / member
        if not keys.exists():
            self.fresh(member).rename(keys)
        return load_identity(ZONE, member, keys, self.ca_file)

    def replace(self, member: str, authority: CertificateAuthority | None = None) -> None:
        """Put new files in the place of those in use, one after the other, as an operator does."""
        new = self.fresh(member, authority)
        for name in ("cert.pem", "tls-key.pem"):
            (new / name).replace(self.root / member / name)


def _replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    tmp_path.chmod(0o700)
    authority = CertificateAuthority.create("test zone")
    place = Place(tmp_path, authority)
    place.trust(authority)
    return place


class Told(BoardService):
    """A board that remembers the certificates under which it was called."""

    def __init__(self) -> None:
        super().__init__(ZONE, lambda *_: True)
        self.serials: list[int] = []

    def Exchange(self, request: board_pb2.Notices, context: grpc.ServicerContext) -> board_pb2.Notices:
        pem = bytes(context.auth_context()["x509_pem_cert"][0])
        self.serials.append(x509.load_pem_x509_certificate(pem).serial_number)
        return super().Exchange(request, context)


@pytest.fixture
def board() -> Told:
    return Told()


@pytest.fixture
def server(place: Place, board: Told) -> Iterator[RpcServer]:
    found = RpcServer(place.identity("coordinator"), "127.0.0.1:0", lambda _member: None, lambda _error: None)
    found.add(board_pb2_grpc.add_BoardServicer_to_server, board)
    found.start()
    yield found
    found.stop(0.1)


@pytest.fixture
def channel(place: Place, server: RpcServer) -> Iterator[grpc.Channel]:
    with tls.channel(place.identity("tax"), f"127.0.0.1:{server.port}", "coordinator") as made:
        yield made


def ask(channel: grpc.Channel, timeout_s: float = 10.0) -> None:
    rpc.call(board_pb2_grpc.BoardStub(channel).Exchange, board_pb2.Notices(), timeout_s=timeout_s)


def serial(place: Place, member: str) -> int:
    return x509.load_pem_x509_certificate((place.root / member / "cert.pem").read_bytes()).serial_number


def test_a_callers_replaced_certificate_is_shown_from_the_next_call_on(place: Place, board: Told, channel: grpc.Channel) -> None:
    ask(channel)
    place.replace("tax")
    ask(channel)
    assert board.serials[1] == serial(place, "tax") != board.serials[0]


def test_a_listeners_replaced_certificate_is_shown_to_new_connections_while_old_ones_go_on(
    place: Place, server: RpcServer, channel: grpc.Channel
) -> None:
    ask(channel)
    before = serial(place, "coordinator")
    place.replace("coordinator")
    ask(channel)
    with tls.channel(place.identity("notary"), f"127.0.0.1:{server.port}", "coordinator") as other:
        ask(other)
    assert serial(place, "coordinator") != before


def test_half_a_pair_is_refused_with_an_alarm_and_the_old_one_goes_on(place: Place, board: Told, channel: grpc.Channel) -> None:
    new, own = place.fresh("tax"), place.root / "tax"
    with capture_logs() as said:
        (new / "cert.pem").replace(own / "cert.pem")
        ask(channel)
        ask(channel)
    assert [line["event"] for line in said if line["event"].startswith("certificate.")] == [CERTIFICATE_REFUSED]  # once for what is there
    assert len(set(board.serials)) == 1
    with capture_logs() as said:
        (new / "tls-key.pem").replace(own / "tls-key.pem")
        ask(channel)
    assert [line["event"] for line in said if line["event"].startswith("certificate.")] == [CERTIFICATE_TAKEN]
    assert board.serials[-1] == serial(place, "tax")


@pytest.mark.parametrize("damage", ["garbage", "empty", "gone", "open to others", "another member's", "of a CA that nobody trusts"])
def test_what_cannot_be_taken_changes_nothing(place: Place, board: Told, channel: grpc.Channel, damage: str) -> None:
    ask(channel)
    own = place.root / "tax"
    if damage == "garbage":
        _replace(own / "cert.pem", b"-----BEGIN CERTIFICATE-----\nnone\n")
    elif damage == "empty":
        _replace(own / "tls-key.pem", b"")
    elif damage == "gone":
        (own / "cert.pem").unlink()
    elif damage == "open to others":
        place.replace("tax")
        (own / "tls-key.pem").chmod(0o640)
    else:
        new = place.fresh("notary") if damage == "another member's" else place.fresh("tax", CertificateAuthority.create("foreign"))
        for name in ("cert.pem", "tls-key.pem"):
            (new / name).replace(own / name)
    with capture_logs() as said:
        ask(channel)
    assert CERTIFICATE_REFUSED in {line["event"] for line in said}
    assert len(set(board.serials)) == 1
    place.replace("tax")
    ask(channel)
    assert board.serials[-1] == serial(place, "tax")


def test_a_ca_is_replaced_by_trusting_both_for_a_while_and_the_old_ones_removal_bites_on_live_connections(
    place: Place, server: RpcServer, channel: grpc.Channel
) -> None:
    old, new = place.authority, CertificateAuthority.create("test zone, new")
    with tls.channel(place.identity("notary"), f"127.0.0.1:{server.port}", "coordinator") as late:
        ask(channel)
        ask(late)
        place.trust(old, new)
        for member in ("tax", "coordinator"):
            place.replace(member, new)
            ask(channel)
            ask(late)
        place.trust(new)  # notary did not renew in time
        ask(channel)
        with pytest.raises((RpcRefusal, PeerUnavailableError)) as refused:
            ask(late, 2.0)
        if isinstance(refused.value, RpcRefusal):
            assert refused.value.reason == "CALLER_UNKNOWN"
        place.replace("notary", new)
        ask(late)


def test_the_removed_cas_certificate_is_refused_on_the_connection_that_is_open(place: Place, server: RpcServer) -> None:
    """The caller here does not notice anything: what it holds is as it was when it connected."""
    old, new = place.authority, CertificateAuthority.create("test zone, new")
    files = place.identity("tax").tls
    credentials = grpc.ssl_channel_credentials(files.ca, files.key, files.chain)
    options = [("grpc.ssl_target_name_override", f"coordinator.{ZONE}.xinqiao")]
    with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials, options) as fixed:
        ask(fixed)
        place.trust(old, new)
        ask(fixed)
        place.trust(new)
        ask(fixed)  # the listener's own certificate is the old CA's: taking this would cut it off, so it is refused with an alarm
        place.replace("coordinator", new)
        with pytest.raises(RpcRefusal, match="not trusted any more") as refused:
            ask(fixed)
        assert refused.value.reason == "CALLER_UNKNOWN"


def test_under_load_no_call_fails_while_everything_is_replaced(place: Place, server: RpcServer, channel: grpc.Channel) -> None:
    stop, made, failed = threading.Event(), [0], list[BaseException]()

    def load() -> None:
        while not stop.is_set():
            try:
                ask(channel)
                made[0] += 1
            except BaseException as error:  # noqa: BLE001 - told by the test
                failed.append(error)
                return

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    new = CertificateAuthority.create("test zone, new")
    steps: list[Callable[[], None]] = [
        lambda: place.replace("tax"),
        lambda: place.replace("coordinator"),
        lambda: place.trust(place.authority, new),
        lambda: place.replace("coordinator", new),
        lambda: place.replace("tax", new),
        lambda: place.trust(new),
    ]
    for step in steps:
        before = made[0]
        step()
        ask(channel)
        while made[0] < before + 20 and not failed:
            threads[0].join(0.01)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not failed


def test_a_connection_has_a_maximum_age_after_which_calls_go_on_over_another(place: Place, board: Told) -> None:
    young = RpcServer(place.identity("coordinator"), "127.0.0.1:0", lambda _member: None, lambda _error: None, ServerLimits(age_s=0.3, grace_s=0.2))
    peers: list[str] = []

    class Seen(Told):
        def Exchange(self, request: board_pb2.Notices, context: grpc.ServicerContext) -> board_pb2.Notices:
            peers.append(context.peer())
            return super().Exchange(request, context)

    young.add(board_pb2_grpc.add_BoardServicer_to_server, Seen())
    young.start()
    with tls.channel(place.identity("tax"), f"127.0.0.1:{young.port}", "coordinator") as channel:
        while len(set(peers)) < 2:
            ask(channel)
    young.stop(0.1)
    assert len(set(peers)) >= 2
