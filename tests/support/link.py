"""A network link that can be cut: a proxy of bytes on this machine, between one caller and one server."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Link:
    """Passes connections on to ``upstream`` (host:port) from ``address``. Cut, it ends those that are and refuses new ones."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._lock = threading.Lock()
        self._up, self._open = True, set[socket.socket]()
        self.passed = 0  # bytes that came back from upstream
        self.cut_after: int | None = None  # bytes from upstream after which the connection is cut, once
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        self._thread.join(10)

    def cut(self) -> None:
        """End what passes now, and let nothing pass."""
        with self._lock:
            self._up = False
            ended, self._open = self._open, set()
        for connection in ended:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections pass again."""
        with self._lock:
            self._up = True

    def blink(self) -> None:
        """End what passes now; callers may connect again at once."""
        self.cut()
        self.mend()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            try:
                host, _, port = self.upstream.rpartition(":")
                upstream = socket.create_connection((host, int(port)))
            except OSError:
                caller.close()
                continue
            with self._lock:
                if not self._up:
                    caller.close()
                    upstream.close()
                    continue
                self._open |= {caller, upstream}
            threading.Thread(target=self._pass, args=(caller, upstream, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(upstream, caller, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                if back and self._counted(len(data)):
                    self.blink()
                    break
        for connection in (source, target):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, target}

    def _counted(self, size: int) -> bool:
        """Whether the connection is to be cut now."""
        with self._lock:
            self.passed += size
            due = self.cut_after is not None and self.passed >= self.cut_after
            if due:
                self.cut_after = None
            return due
