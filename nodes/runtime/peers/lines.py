"""One channel over the several addresses of a member, of which one answers at a time: the others stand by, or are gone [B5].

A call goes to the address that served last. Where that one cannot be reached, is silent for a call's time or says that it stands by, the next
call goes to the next address: callers try again by themselves (``rpc.call``), or follow on from their cursors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import grpc

_ELSEWHERE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class Lines(grpc.Channel):
    """Calls over ``channels``, each to one address of the same member. Thread-safe."""

    def __init__(self, channels: Sequence[grpc.Channel]) -> None:
        self._channels = tuple(channels)
        self._place = 0
        self._lock = threading.Lock()

    @property
    def place(self) -> int:
        """Place of the address that is called now."""
        with self._lock:
            return self._place

    def failed(self, place: int) -> None:
        """Call the next address from now on, unless somebody has moved on from ``place`` before."""
        with self._lock:
            if self._place == place:
                self._place = (place + 1) % len(self._channels)

    def unary_unary(self, *method: Any, **options: Any) -> Any:
        return _Single(self, [channel.unary_unary(*method, **options) for channel in self._channels])

    def stream_unary(self, *method: Any, **options: Any) -> Any:
        return _Single(self, [channel.stream_unary(*method, **options) for channel in self._channels])

    def unary_stream(self, *method: Any, **options: Any) -> Any:
        return _Asking(self, [channel.unary_stream(*method, **options) for channel in self._channels])

    def stream_stream(self, *method: Any, **options: Any) -> Any:
        return _Streaming(self, [channel.stream_stream(*method, **options) for channel in self._channels])

    def subscribe(self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool | None = False) -> None:
        """Hear of the first address alone."""
        self._channels[0].subscribe(callback, bool(try_to_connect))

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        self._channels[0].unsubscribe(callback)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None) -> bool | None:
        self.close()
        return None


class _Single:
    """A method with one answer."""

    def __init__(self, lines: Lines, methods: Sequence[Callable[..., Any]]) -> None:
        self._lines, self._methods = lines, methods

    def __call__(self, request: Any, timeout: float | None = None, **options: Any) -> Any:
        place = self._lines.place
        try:
            return self._methods[place](request, timeout=timeout, **options)
        except grpc.RpcError as error:
            if error.code() in _ELSEWHERE:
                self._lines.failed(place)
            raise


class _Streaming(_Single):
    """A method with many answers."""

    def __call__(self, request: Any, timeout: float | None = None, **options: Any) -> Any:
        place = self._lines.place
        return _Answers(self._lines, place, self._methods[place](request, timeout=timeout, **options))


class _Asking(_Single):
    """A method with many answers to one message: asked at the next address where one failed before its first answer."""

    def __call__(self, request: Any, timeout: float | None = None, **options: Any) -> Any:
        def begin() -> tuple[int, Any]:
            place = self._lines.place
            return place, self._methods[place](request, timeout=timeout, **options)

        return _AskedAnswers(self._lines, begin, len(self._methods))


class _AskedAnswers:
    """The answers of whichever address gives some."""

    def __init__(self, lines: Lines, begin: Callable[[], tuple[int, Any]], tries: int) -> None:
        self._lines, self._begin, self._tries = lines, begin, tries
        self._place, self._call = begin()
        self._cancelled = False

    def __iter__(self) -> Iterator[Any]:
        answered = False
        while True:
            try:
                for answer in self._call:
                    answered = True
                    yield answer
            except grpc.RpcError as error:
                if error.code() not in _ELSEWHERE:
                    raise
                self._lines.failed(self._place)
                self._tries -= 1
                if answered or self._cancelled or not self._tries or error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self._place, self._call = self._begin()
            else:
                return

    def cancel(self) -> None:
        self._cancelled = True
        self._call.cancel()


class _Answers:
    """The answers of a running call."""

    def __init__(self, lines: Lines, place: int, call: Any) -> None:
        self._lines, self._place, self._call = lines, place, call

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._call
        except grpc.RpcError as error:
            if error.code() in _ELSEWHERE:
                self._lines.failed(self._place)
            raise

    def cancel(self) -> None:
        self._call.cancel()
