"""What one connection, one body and one address may cost the HTTP interfaces, over real sockets with bounds of a fraction of a second."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.testclient import TestClient

from crypto.keygen import PrivateKey
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import MAX_BODY_BYTES, BoundedProtocol, Bounds
from nodes.runtime.web.server import WebServer
from tests.support.gateway import Front, front
from tests.support.zone import BASE, open_zone

GET = b"GET /here HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 64 << 20
WAIT_S = 20.0


class Hasty(BoundedProtocol):
    head_s = 1.0
    taken_s = 0.4
    most = 3


def application() -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Bounds, body_s=0.8)

    @app.get("/here")
    def here() -> dict[str, str]:
        return {"answer": "yes"}

    @app.get("/large")
    def large() -> Response:
        return Response(bytes(LARGE))

    @app.post("/body")
    async def body(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    return app


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = WebServer(application(), "127.0.0.1:0", protocol=Hasty)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.port
    server.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()


@pytest.fixture
def connect(port: int) -> Iterator[Callable[[], socket.socket]]:
    """Open connections; all are closed at the end."""
    opened: list[socket.socket] = []

    def one() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", port), WAIT_S))
        return opened[-1]

    yield one
    for connection in opened:
        connection.close()


def until_closed(connection: socket.socket) -> bytes:
    """All that comes before the other side ends the connection, which it must."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(1 << 16):
            received += part
    return received


def answered(connection: socket.socket) -> bytes:
    """One small answer, the connection staying open."""
    received = b""
    while not received.endswith(b"}"):
        part = connection.recv(1 << 16)
        assert part, received
        received += part
    return received


def test_a_whole_request_is_answered_and_its_connection_stays(connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    for pause_s in (0.0, 1.5 * Hasty.head_s):  # an idle connection waits for its keep-alive, not for the bound of a head
        time.sleep(pause_s)
        connection.sendall(GET)
        assert b"200 OK" in answered(connection)


@pytest.mark.parametrize("begun", [b"", b"GET /here HTTP/1.1\r\nHost:"])
def test_a_head_that_does_not_come_ends_the_connection(connect: Callable[[], socket.socket], begun: bytes) -> None:
    connection = connect()
    connection.sendall(begun)
    assert until_closed(connection) == b""


def test_a_head_that_comes_byte_by_byte_ends_the_connection_too(connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012 - the end comes at some byte
        for byte in (GET[:-2] + b"X: " + b"y" * 10_000)[:10_000]:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)


def test_the_head_of_a_further_request_is_bounded_as_well(connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    connection.sendall(GET)
    answered(connection)
    connection.sendall(GET[:10])
    assert until_closed(connection) == b""


@pytest.mark.parametrize(
    ("head", "body", "status", "reason"),
    [
        (b"Content-Length: 10", b"x", 408, b"BODY_TOO_SLOW"),
        (b"Transfer-Encoding: chunked", b"1\r\nx\r\n", 408, b"BODY_TOO_SLOW"),
        (f"Content-Length: {MAX_BODY_BYTES + 1}".encode(), bytes(MAX_BODY_BYTES + 1), 413, b"BODY_TOO_LARGE"),
        (b"Transfer-Encoding: chunked", b"%x\r\n" % (MAX_BODY_BYTES + 1) + bytes(MAX_BODY_BYTES + 1), 413, b"BODY_TOO_LARGE"),
        (b"Content-Length: two", b"", 400, b"REQUEST_UNREADABLE"),
        (b"Content-Length: 2", b"xx", 200, b""),
    ],
)
def test_a_body_out_of_bounds_is_refused_and_its_connection_closed(
    connect: Callable[[], socket.socket], head: bytes, body: bytes, status: int, reason: bytes
) -> None:
    connection = connect()
    connection.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    with suppress(BrokenPipeError, ConnectionResetError):  # it may be refused before it has all gone out
        connection.sendall(body)
    received = answered(connection) if status == 200 else until_closed(connection)
    assert received.startswith(b"HTTP/1.1 %d " % status), received[:300]
    assert status == 200 or (b'"reason":"' + reason + b'"' in received and b"application/problem+json" in received)


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", b"X" * (1 << 17)]
)
def test_bytes_that_are_no_http_are_refused_as_a_problem(connect: Callable[[], socket.socket], rubbish: bytes) -> None:
    connection = connect()
    connection.sendall(rubbish)
    received = until_closed(connection)
    assert received.startswith(b"HTTP/1.1 400 "), received[:300]
    assert b"application/problem+json" in received
    assert b'"reason":"REQUEST_UNREADABLE"' in received


def test_an_answer_that_is_not_taken_is_given_up(connect: Callable[[], socket.socket]) -> None:
    slow, quick = connect(), connect()
    for connection in (slow, quick):
        connection.sendall(GET.replace(b"/here", b"/large"))
    received, parts = 0, 0
    while received < LARGE:
        part = quick.recv(1 << 20)
        assert part, received
        received, parts = received + len(part), parts + 1
        time.sleep(0.05 if parts < 30 else 0)  # takes longer than the bound, but takes
    time.sleep(3 * Hasty.taken_s)
    assert len(until_closed(slow)) < LARGE


def test_one_address_has_no_more_connections_than_it_may(connect: Callable[[], socket.socket]) -> None:
    held = [connect() for _ in range(Hasty.most)]
    for connection in held:
        connection.sendall(GET)
        assert b"200 OK" in answered(connection)
    one_more = connect()
    assert until_closed(one_more) == b""
    held.pop().close()
    assert eventually(lambda: asked(connect()))
    for connection in held:
        connection.sendall(GET)
        assert b"200 OK" in answered(connection)


def asked(connection: socket.socket) -> bool:
    try:
        connection.sendall(GET)
        return b"200 OK" in connection.recv(1 << 16)
    except (BrokenPipeError, ConnectionResetError):
        return False


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


# --- calls of an address ---


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Front:
    return front(open_zone(small_private_key), tmp_path_factory.mktemp("gateway") / "state", per_address=60)


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/epochs", "/log/checkpoint", "/nowhere", "/v1/consents"])
def test_an_address_in_haste_is_slowed_down_and_others_are_served(site: Front, path: str) -> None:
    hasty, other = (TestClient(site.client.app, base_url=BASE, client=(f"{name}{path}", 1)) for name in ("hasty", "other"))
    answers = [hasty.get(path) for _ in range(11)]
    assert [answer.status_code == 429 for answer in answers] == [False] * 10 + [True]
    last = answers[-1]
    assert (last.json()["reason"], last.headers["content-type"]) == ("RATE_LIMITED", "application/problem+json")
    assert int(last.headers["retry-after"]) >= 1
    assert other.get(path).status_code == answers[0].status_code
    assert hasty.get("/healthz").status_code == 200


def test_an_invented_method_is_no_series_of_its_own(site: Front) -> None:
    client = TestClient(site.client.app, base_url=BASE, client=("inventor", 1))
    for number in range(3):
        assert client.request(f"INVENTED{number}", "/v1/keys").json()["reason"] == "METHOD_NOT_ALLOWED"
    assert "INVENTED" not in client.get("/metrics").text


# --- every refusal is a problem ---


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/log/tile/9/9", 404, "NOT_FOUND"),
        ("GET", "/v1/epochs/", 404, "NOT_FOUND"),
        ("GET", "/v1/scores", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/v1/keys", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/epochs", 401, "TOKEN_INVALID"),
        ("DELETE", "/v1/consents/x", 422, "BODY_INVALID"),
        ("POST", "/v1/scores", 400, "REQUEST_INVALID"),
    ],
)
def test_every_refusal_of_the_framework_is_a_problem_with_a_reason(site: Front, method: str, path: str, status: int, reason: str) -> None:
    client = TestClient(site.client.app, base_url=BASE, client=(f"asking {method} {path}", 1), raise_server_exceptions=False)
    problem(client.request(method, path), status, reason)


@pytest.mark.parametrize(("status", "reason"), [(415, "MEDIA_TYPE_UNSUPPORTED"), (413, "BODY_TOO_LARGE"), (418, "HTTP_418")])
def test_what_a_route_refuses_by_status_is_a_problem_too(status: int, reason: str) -> None:
    app = application()

    @app.get("/refused")
    def refused() -> None:
        raise HTTPException(status)

    problem(TestClient(app).get("/refused"), status, reason)


def problem(response: Any, status: int, reason: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert (response.json()["status"], response.json()["reason"]) == (status, reason)
