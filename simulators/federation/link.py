"""The links between zones: one TCP relay for each listener that another zone calls, so that a link can be cut without touching either zone.

A relay passes on bytes and sees nothing of them: TLS ends at the zones' own processes. What is cut looks to both ends like a line that
is down: connections break, new ones are refused, until it is mended.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
CHUNK = 1 << 16
CONNECT_TIMEOUT_S = 10.0
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, as a broken line does


class Relay:
    """Listens on ``address`` and passes every connection on to ``upstream``."""

    def __init__(self, upstream: str, port: int = 0) -> None:
        self._upstream = upstream.rpartition(":")
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.carried = 0
        self._listen(port)
        self.address = f"{HOST}:{self._port}"

    def cut(self) -> None:
        """Break every connection and refuse new ones until ``mend``."""
        with self._lock:
            listener, self._listener = self._listener, None
            ends = list(self._open)
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        for end in ends:
            _abort(end)

    def redirect(self, upstream: str) -> None:
        """Break every connection; new ones go to another listener."""
        self.cut()
        self._upstream = upstream.rpartition(":")
        self.mend()

    def mend(self) -> None:
        """Take connections again."""
        if self._listener is None:
            self._listen(self._port)

    def _listen(self, port: int) -> None:
        listener = socket.create_server((HOST, port))
        self._port: int = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="link", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:  # cut
                return
            threading.Thread(target=self._carry, args=(near,), name="link", daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        host, _, port = self._upstream
        try:
            far = socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S)
        except OSError:  # nobody is there: the caller is told as a line would tell it
            _abort(near)
            return
        far.settimeout(None)
        with self._lock:
            down = self._listener is None
            self._open |= {near, far}
        if down:  # cut meanwhile
            _abort(near)
            _abort(far)
        back = threading.Thread(target=self._pass, args=(far, near), name="link", daemon=True)
        back.start()
        self._pass(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(CHUNK):
                target.sendall(data)
                self.carried += len(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:  # one end broke: so does the other
            _abort(source)
            _abort(target)


class Link:
    """Everything over which one zone reaches another: ``relays`` by what listens behind them."""

    def __init__(self, upstreams: dict[str, str], ports: Iterable[int]) -> None:
        self.relays = {name: Relay(address, port) for (name, address), port in zip(upstreams.items(), ports, strict=False)}

    @property
    def addresses(self) -> dict[str, str]:
        """host:port to call, by what listens behind it."""
        return {name: relay.address for name, relay in self.relays.items()}

    @property
    def carried(self) -> int:
        """Bytes that were passed on so far, both ways."""
        return sum(relay.carried for relay in self.relays.values())

    def cut(self) -> None:
        """Break the link."""
        for relay in self.relays.values():
            relay.cut()

    def mend(self) -> None:
        """Restore the link."""
        for relay in self.relays.values():
            relay.mend()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.cut()


def _abort(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
