"""GET with manners: no faster than agreed, again after a while where the server asks for it, never more than a bounded answer, never to
another host than the mapping's."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from connectors.api.addresses import joined, origin_of
from connectors.api.signing import Credentials
from connectors.errors import DeliveryError, MappingError, SourceUnavailableError
from connectors.sources import HttpSource

MAX_REDIRECTS = 3
MAX_PAUSE_S = 60.0
MAX_SAID = 200
Trust = ssl.SSLContext | bool
_AGAIN = {429, 500, 502, 503, 504}
_MOVED = {301, 302, 303, 307, 308}
_WHY: dict[type[httpx.TransportError], str] = {
    httpx.ConnectTimeout: "no connection within timeout_s 连接超时",
    httpx.ReadTimeout: "no answer within timeout_s 应答超时",
    httpx.RemoteProtocolError: "the connection broke off, or what answers does not speak HTTP 连接中断，或对方不是 HTTP 服务",
    httpx.ReadError: "the connection broke off 连接中断",
}
_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5)


class _TryLaterError(Exception):
    """An answer or failure after which the same may be asked again. ``after_s``: what the server said, if it did."""

    def __init__(self, said: str, after_s: float | None = None) -> None:
        super().__init__(said)
        self.after_s = after_s


class Client:
    """Asks one API for one run, which has ``source.run_s`` from here. ``sleep`` waits; every request goes through it, so that tests see what was
    waited for."""

    def __init__(self, source: HttpSource, trust: Trust, credentials: Credentials, sleep: Callable[[float], None] = time.sleep) -> None:
        self._source = source
        self._credentials = credentials
        self._sleep = sleep
        self._next_at = 0.0
        self._ends_at = time.monotonic() + source.run_s
        self._sockets: list[socket.socket] = []
        self._origin = origin_of(source.url)
        self._http = httpx.Client(
            verify=trust,
            timeout=source.timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **source.headers},
        )

    def close(self) -> None:
        """End the connections."""
        self._http.close()
        self._let_go()

    def get(self, uri: str) -> bytes:
        """The body of the answer to a GET of ``uri``.

        Raises SourceUnavailableError when the server cannot be reached, refuses, or goes on asking for patience; DeliveryError when the
        answer is too large, packed, or leads to another host.
        """
        attempts = Retrying(
            stop=stop_after_attempt(self._source.retries + 1),
            wait=_pause,
            retry=retry_if_exception_type(_TryLaterError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return attempts(self._follow, uri)
        except _TryLaterError as error:
            raise SourceUnavailableError(f"{_shown(uri)}: {error}, after {self._source.retries + 1} attempts 多次尝试仍未成功") from error

    def _follow(self, uri: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            if origin_of(uri) != self._origin:
                raise DeliveryError("the answer leads to another host, which is not asked 应答转向其他主机，不予访问")
            body, moved = self._ask(uri)
            if moved is None:
                return body
            uri = joined(uri, moved)
        raise SourceUnavailableError(f"{_shown(uri)}: more than {MAX_REDIRECTS} redirections 转向次数过多")

    def _ask(self, uri: str) -> tuple[bytes, str | None]:
        self._keep_pace()
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise SourceUnavailableError(f"{_shown(uri)}: the run was not at its end after {self._source.run_s:g} s (run_s) 本轮读取超时")
        alarm = _Alarm(self._sockets)
        try:
            with (
                alarm.after(min(left_s, self._source.answer_s)),
                self._http.stream("GET", uri, headers=dict(self._credentials(uri)), extensions={"trace": self._trace}) as answer,
            ):
                if answer.status_code in _AGAIN:
                    raise _TryLaterError(f"status {answer.status_code}", _retry_after(answer.headers.get("Retry-After", "")))
                if answer.status_code in _MOVED:
                    return b"", answer.headers.get("Location", "")
                if answer.status_code != 200:
                    raise SourceUnavailableError(f"{_shown(uri)}: status {answer.status_code} 接口返回错误状态")
                body = self._body(answer)
                if not alarm.rang:  # what was cut off may look like an answer that ends
                    return body, None
        except httpx.TransportError as error:
            if _distrusts(error):
                raise SourceUnavailableError(
                    f"{_shown(uri)}: the certificate there is not trusted, see ca_file: {_said(error)} 对方证书不受信任"
                ) from error
            if not alarm.rang:
                raise _TryLaterError(_said(error)) from error
        except (httpx.InvalidURL, httpx.HTTPError, UnicodeError) as error:
            raise SourceUnavailableError(f"{_shown(uri)}: {type(error).__name__} 接口无法访问") from error
        self._let_go()
        raise SourceUnavailableError(
            f"{_shown(uri)}: no whole answer within {min(left_s, self._source.answer_s):.3g} s (answer_s, run_s) 未在时限内收到完整应答"
        )

    def _trace(self, event: str, about: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._sockets.append(about["return_value"].get_extra_info("socket").dup())  # TLS takes the socket itself away

    def _let_go(self) -> None:
        for connection in self._sockets:
            connection.close()
        self._sockets.clear()

    def _body(self, answer: httpx.Response) -> bytes:
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise DeliveryError("the answer is packed, though it was asked for as it is 应答不应压缩")
        body = bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > self._source.max_bytes:
                raise DeliveryError(f"the answer has more than {self._source.max_bytes} bytes 应答过大")
        return bytes(body)

    def _keep_pace(self) -> None:
        wait = self._next_at - time.monotonic()
        if wait > 0:
            self._sleep(wait)
        self._next_at = time.monotonic() + 1 / self._source.rate_per_s


class _Alarm:
    """Ends connections when the time is up: a server that sends a byte now and then keeps to every timeout of a single read."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self._sockets = sockets
        self.rang = False

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        """Ring in so many seconds, unless the block ends before."""
        timer = threading.Timer(seconds, self._ring)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _ring(self) -> None:
        self.rang = True
        for connection in tuple(self._sockets):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # what waits at it goes on at once, with an end


def trust_of(source: HttpSource, base: Path) -> Trust:
    """Whom the client believes to be the server: the certificates of ``ca_file``, or the public authorities. Raises MappingError when the
    file holds none."""
    if source.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=base / source.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise MappingError(f"source.ca_file: {base / source.ca_file} holds no certificate that can be read 没有可读取的证书") from error


def _shown(uri: str) -> str:
    """``uri`` without what it asks for: parameters may hold what no log should."""
    return uri.partition("?")[0]


def _distrusts(error: BaseException | None) -> bool:
    """Whether it is the certificate that failed: it will fail the next time too."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _said(error: httpx.TransportError) -> str:
    """What kind of trouble, and why where it is known: other messages may hold what was asked."""
    kind = type(error).__name__
    why = str(error)[:MAX_SAID] if isinstance(error, httpx.ConnectError) else _WHY.get(type(error), "")
    return f"{kind}: {why}" if why else kind


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.after_s if isinstance(error, _TryLaterError) else None
    return _BACK_OFF(state) if asked is None else min(max(asked, 0.0), MAX_PAUSE_S)


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None where there is none that can be read."""
    if text.isascii() and text.isdecimal() and len(text) < 7:
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return None
