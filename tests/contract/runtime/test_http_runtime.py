"""HTTP under the processes: servers that keep to their machine or to TLS, clients that tell refusals from outages."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from structlog.testing import capture_logs

from nodes.errors import PeerUnavailableError, RpcRefusal, SettingsError
from nodes.runtime.peers.identity import CERTIFICATE_REFUSED, CERTIFICATE_TAKEN, Identity
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import BoundedProtocol
from nodes.runtime.web.gateway_client import GatewayClient, GatewayRefusal
from nodes.runtime.web.server import WebServer
from scoring.statements import Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan
from tests.contract.conftest import ZONE


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/here")
    def here() -> dict[str, str]:
        return {"answer": "yes"}

    @app.get("/full")
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device: /state/4711")

    problems.install(app)
    return app


@pytest.fixture
def serve() -> Iterator[Callable[..., WebServer]]:
    """Start servers; all are stopped at the end."""
    running: list[tuple[WebServer, threading.Thread]] = []

    def start(certificate: Path | None = None, key: Path | None = None, protocol: type[BoundedProtocol] = BoundedProtocol) -> WebServer:
        server = WebServer(application(), "127.0.0.1:0", certificate, key, protocol)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


# --- servers ---


def test_a_server_without_tls_serves_its_own_machine(serve: Callable[..., WebServer]) -> None:
    assert GatewayClient(f"http://127.0.0.1:{serve().port}").get("/here") == {"answer": "yes"}


def test_a_full_disk_asks_the_caller_to_come_again_and_says_no_more(serve: Callable[..., WebServer]) -> None:
    client = GatewayClient(f"http://127.0.0.1:{serve().port}")
    with pytest.raises(GatewayRefusal) as refusal:
        client.get("/full")
    assert (refusal.value.reason, refusal.value.http_status, refusal.value.passing) == ("STORAGE_UNAVAILABLE", 503, True)
    assert "4711" not in refusal.value.detail


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:0", "example.com:0", ":0"])
def test_a_server_without_tls_listens_to_no_other(listen: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        WebServer(application(), listen)


def test_an_address_that_is_taken_is_an_error_at_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError, match="cannot listen"):
        WebServer(application(), f"127.0.0.1:{taken.getsockname()[1]}")


def test_the_gateways_certificate_must_come_from_the_pinned_ca(
    serve: Callable[..., WebServer], make_identity: Callable[..., Identity], authority: CertificateAuthority, tmp_path: Path
) -> None:
    identity = make_identity("authority", listens=True)
    certificate, key, ca, foreign = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem", "foreign.pem"))
    certificate.write_bytes(identity.tls.chain)
    key.write_bytes(identity.tls.key)
    ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    foreign.write_bytes(CertificateAuthority.create("foreign").certificate.public_bytes(Encoding.PEM))
    base = f"https://127.0.0.1:{serve(certificate, key).port}"
    assert GatewayClient(base, ca).get("/here") == {"answer": "yes"}
    for trusted in (foreign, None):
        with pytest.raises(PeerUnavailableError):
            GatewayClient(base, trusted).get("/here")


@dataclass
class Front:
    """A gateway's TLS files and what its clients believe."""

    root: Path
    authority: CertificateAuthority
    serials: list[int] = field(default_factory=list)

    @property
    def files(self) -> tuple[Path, Path, Path]:
        return self.root / "cert.pem", self.root / "tls-key.pem", self.root / "ca.pem"

    def trust(self, *cas: CertificateAuthority) -> None:
        self.files[2].write_bytes(b"".join(ca.certificate.public_bytes(Encoding.PEM) for ca in cas))

    def replace(self, authority: CertificateAuthority, *, half: bool = False) -> None:
        """Fresh files, one after the other; ``half``: the certificate alone."""
        new = self.root / f"new-{len(self.serials)}"
        make_member(authority, ZONE, MemberPlan("authority", Title(zh="", en=""), (), listens=True), new)
        self.serials.append(x509.load_pem_x509_certificate((new / "cert.pem").read_bytes()).serial_number)
        for path in self.files[: 1 if half else 2]:
            (new / path.name).replace(path)

    def revoke(self) -> None:
        """Put what the front shows now on its CA's list."""
        new = self.root / "ca.crl.new"
        new.write_bytes(self.authority.revoke([x509.load_pem_x509_certificate(self.files[0].read_bytes())]))
        new.replace(self.root / "ca.crl")

    def shown(self, port: int) -> int:
        pem = ssl.get_server_certificate(("127.0.0.1", port))
        return x509.load_pem_x509_certificate(pem.encode()).serial_number


@pytest.fixture
def https(tmp_path: Path, authority: CertificateAuthority) -> Front:
    tmp_path.chmod(0o700)
    made = Front(tmp_path, authority)
    made.replace(authority)
    made.trust(authority)
    return made


def test_new_connections_are_shown_the_replaced_pair_and_never_half_of_it(serve: Callable[..., WebServer], https: Front) -> None:
    port = serve(*https.files[:2]).port
    client = GatewayClient(f"https://127.0.0.1:{port}", https.files[2])
    client.get("/here")
    assert https.shown(port) == https.serials[0]
    with capture_logs() as said:
        https.replace(https.authority, half=True)
        assert https.shown(port) == https.serials[0]
        https.replace(https.authority)
        assert https.shown(port) == https.serials[2]
    assert [line["event"] for line in said] == [CERTIFICATE_REFUSED, CERTIFICATE_TAKEN]
    client.get("/here")  # over the connection that it has


def test_a_client_follows_its_ca_and_the_removal_of_one_bites(serve: Callable[..., WebServer], https: Front) -> None:
    client = GatewayClient(f"https://127.0.0.1:{serve(*https.files[:2]).port}", https.files[2])
    new = CertificateAuthority.create("new")
    client.get("/here")
    https.trust(https.authority, new)
    client.get("/here")
    https.trust(new)
    with pytest.raises(PeerUnavailableError):  # the gateway shows the old CA's certificate still
        client.get("/here")
    https.replace(new)
    client.get("/here")


def test_a_gateway_whose_certificate_was_revoked_is_asked_nothing_even_on_a_live_connection(serve: Callable[..., WebServer], https: Front) -> None:
    client = GatewayClient(f"https://127.0.0.1:{serve(*https.files[:2]).port}", https.files[2])
    client.get("/here")
    https.revoke()
    with pytest.raises(PeerUnavailableError):
        client.get("/here")
    https.replace(https.authority)
    client.get("/here")


def test_a_connection_ends_with_an_answer_once_it_is_old_and_no_call_fails(serve: Callable[..., WebServer], https: Front) -> None:
    class Short(BoundedProtocol):
        age_s = 0.0

    port = serve(*https.files[:2], protocol=Short).port
    context = ssl.create_default_context(cafile=str(https.files[2]))
    with httpx.Client(verify=context) as client:
        answers = [client.get(f"https://127.0.0.1:{port}/here") for _ in range(3)]
    assert [(answer.status_code, answer.headers["connection"]) for answer in answers] == [(200, "close")] * 3


# --- clients ---


def answering(response: httpx.Response) -> GatewayClient:
    return GatewayClient("https://gateway.test", transport=httpx.MockTransport(lambda _request: response))


def test_a_refusal_keeps_its_reason_detail_and_leaf() -> None:
    problem = {"reason": "CONSENT_MISSING", "title": "t", "detail": "no such consent", "status": 403, "leaf_index": 7}
    with pytest.raises(GatewayRefusal) as refusal:
        answering(httpx.Response(403, json=problem)).get("/v1/x")
    said = refusal.value
    assert (said.reason, said.detail, said.http_status, said.leaf_index) == ("CONSENT_MISSING", "no such consent", 403, 7)
    assert isinstance(said, RpcRefusal)


@pytest.mark.parametrize(("status", "passing"), [(503, True), (500, True), (429, True), (403, False), (409, False)])
def test_a_refusal_says_whether_it_may_pass(status: int, passing: bool) -> None:
    with pytest.raises(GatewayRefusal) as refusal:
        answering(httpx.Response(status, json={"reason": "NOT_READY", "title": "not yet"})).get("/v1/x")
    assert refusal.value.passing is passing


@pytest.mark.parametrize("body", [b"<html>", b'["x"]', b'{"no": "reason"}'])
def test_an_error_without_a_reason_counts_as_unavailable(body: bytes) -> None:
    with pytest.raises(PeerUnavailableError):
        answering(httpx.Response(502, content=body)).get("/v1/x")


@pytest.mark.parametrize("response", [httpx.Response(200, text="hello"), httpx.Response(200, json=[1])])
def test_an_answer_that_is_no_json_object_counts_as_unavailable(response: httpx.Response) -> None:
    with pytest.raises(PeerUnavailableError):
        answering(response).get("/v1/x")


def test_a_gateway_that_is_not_there_counts_as_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(PeerUnavailableError):
        GatewayClient(f"http://127.0.0.1:{port}").get("/here")


def test_the_token_goes_with_every_request() -> None:
    seen: list[str] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    client = GatewayClient("https://gateway.test", token="secret-token", transport=httpx.MockTransport(look))
    client.get("/a")
    client.post("/b", {"wait_s": 0.5})
    assert seen == ["Bearer secret-token"] * 2
