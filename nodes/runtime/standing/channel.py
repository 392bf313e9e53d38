"""A gRPC channel that follows what it is made of: when certificates are replaced, new calls go over a new connection.

gRPC fixes a channel's credentials when it is made. Calls that run keep their connection until they end, or until the server's maximum age
ends it: nothing is cut because of a replacement.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import grpc

T = TypeVar("T")


class _Line:
    """One connection's channel, with the calls that run on it."""

    def __init__(self, made_of: object, channel: grpc.Channel) -> None:
        self.made_of, self.channel = made_of, channel
        self.running = 0
        self.methods: dict[tuple[str, str], Any] = {}


class RenewedChannel(grpc.Channel, Generic[T]):
    """``connect`` makes a channel of what ``present`` gives; another value than before, by identity, and it is made anew."""

    def __init__(self, present: Callable[[], T], connect: Callable[[T], grpc.Channel]) -> None:
        self._present, self._connect = present, connect
        self._lock = threading.Lock()
        made_of = present()
        self._line = _Line(made_of, connect(made_of))
        self._retired: list[_Line] = []
        self._closed = False

    def unary_unary(self, method: str, *form: Any, **more: Any) -> Any:
        return _Method(self, "unary_unary", method, form, more)

    def unary_stream(self, method: str, *form: Any, **more: Any) -> Any:
        return _Method(self, "unary_stream", method, form, more)

    def stream_unary(self, method: str, *form: Any, **more: Any) -> Any:
        return _Method(self, "stream_unary", method, form, more)

    def stream_stream(self, method: str, *form: Any, **more: Any) -> Any:
        return _Method(self, "stream_stream", method, form, more)

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        self._line.channel.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        self._line.channel.unsubscribe(callback)

    def close(self) -> None:
        with self._lock:
            lines, self._retired, self._closed = [self._line, *self._retired], [], True
        for line in lines:
            line.channel.close()

    def __enter__(self) -> RenewedChannel[T]:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def take(self) -> _Line:
        """The connection for a call that begins now; ``give_back`` it when the call has ended."""
        made_of = self._present()
        with self._lock:
            if made_of is not self._line.made_of and not self._closed:
                self._retired.append(self._line)
                self._line = _Line(made_of, self._connect(made_of))
            idle = [line for line in self._retired if line.running == 0]
            self._retired = [line for line in self._retired if line.running]
            self._line.running += 1
            taken = self._line
        for line in idle:  # closed by a later call, never by the thread that tells of a call's end: it is the channel's own
            line.channel.close()
        return taken

    def method(self, line: _Line, kind: str, name: str, form: tuple[Any, ...], more: dict[str, Any]) -> Any:
        """The method of the connection's channel, made at its first call. Raises ValueError, as gRPC does, when the channel is closed.

        gRPC makes no two of them at once, and ends the process where the channel is closed meanwhile: so one at a time, and none afterwards.
        """
        with self._lock:
            if self._closed:
                raise ValueError("Cannot invoke RPC on closed channel!")
            if (kind, name) not in line.methods:
                line.methods[kind, name] = getattr(line.channel, kind)(name, *form, **more)
            return line.methods[kind, name]

    def give_back(self, line: _Line) -> None:
        """One call on the connection has ended."""
        with self._lock:
            line.running -= 1


class _Method:
    """A method of the service, called over the connection of the moment."""

    def __init__(self, channel: RenewedChannel[Any], kind: str, method: str, form: tuple[Any, ...], more: dict[str, Any]) -> None:
        self._channel, self._kind, self._method, self._form, self._more = channel, kind, method, form, more

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self._kind.endswith("stream"):
            return self._begun("__call__", arguments, options)
        return self._answered("__call__", arguments, options)

    def with_call(self, *arguments: Any, **options: Any) -> Any:
        return self._answered("with_call", arguments, options)

    def future(self, *arguments: Any, **options: Any) -> Any:
        return self._begun("future", arguments, options)

    def _answered(self, how: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """A call that is over when it returns."""
        line = self._channel.take()
        try:
            return getattr(self._on(line), how)(*arguments, **options)
        finally:
            self._channel.give_back(line)

    def _begun(self, how: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """A call that goes on after it returns, until gRPC tells of its end."""
        line = self._channel.take()
        try:
            call = getattr(self._on(line), how)(*arguments, **options)
        except BaseException:
            self._channel.give_back(line)
            raise
        if not call.add_callback(lambda: self._channel.give_back(line)):
            self._channel.give_back(line)
        return call

    def _on(self, line: _Line) -> Any:
        return self._channel.method(line, self._kind, self._method, self._form, self._more)
