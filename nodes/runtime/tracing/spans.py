"""Traces of calls from process to process: spans with the members and leaf indices that they are about, never with contents [H4].

Off unless ``[observe] traces`` names a receiver; then ``start`` puts a tracer in place, else every function here does nothing. What
crosses the wire is one W3C ``traceparent``. Members continue each other's traces; what comes from outside, by HTTP, is by the policy
``outside`` only linked to, or continued, or ignored. Whatever is not exactly one well-formed traceparent is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

KEY = "traceparent"
ATTRIBUTES = frozenset({"caller", "leaf_index", "status", "reason", "size"})
"""All that a span may tell: members, places in the log, statuses, the catalogue's reasons."""

_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
_SHORT = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

Outside = Literal["link", "parent", "ignore"]


@dataclass(frozen=True, slots=True)
class Remote:
    """Another process's span, as its traceparent names it. ``sampled``: it is being recorded there."""

    trace: int
    span: int
    sampled: bool


class Span(Protocol):
    """A span that runs."""

    @property
    def traceparent(self) -> str:
        """What tells another process that its work belongs to this span; empty when there is nothing to tell."""
        ...

    def rename(self, name: str, /) -> None:
        """Call it otherwise, as what it is about becomes known."""

    def set(self, key: str, value: str | int, /) -> None:
        """Add an attribute."""

    def end(self, failed: str, /) -> None:
        """It is over; ``failed`` is the reason or the error's class, empty when it went well."""


class Tracer(Protocol):
    """Where spans come from."""

    def begin(self, name: str, parent: Span | Remote | None, link: Remote | None, /) -> Span: ...
    def close(self) -> None: ...


@dataclass
class _Place:
    tracer: Tracer | None = None
    outside: Outside = "link"


class Noted:
    """A span as the code that runs in it sees it: it can add what a span may tell, and nothing else. Without a tracer it does nothing."""

    def __init__(self, span: Span | None) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        if self._span is not None:
            self._span.rename(name)

    def note(self, **attributes: str | int) -> None:
        """Add attributes. Requires names of ``ATTRIBUTES`` and numbers or short names: a text of another form is left out."""
        if self._span is None:
            return
        for name, value in attributes.items():
            assert name in ATTRIBUTES, name
            if isinstance(value, int) or _SHORT.fullmatch(value):
                self._span.set(f"xinqiao.{name}", value)


_place = _Place()
_current: ContextVar[Span | None] = ContextVar("span", default=None)


def start(tracer: Tracer | None, outside: Outside = "link") -> None:
    """Trace from now on with ``tracer``, or not at all; ``outside``: what becomes of the traces of strangers."""
    _place.tracer, _place.outside = tracer, outside


def note(**attributes: str | int) -> None:
    """Add attributes to the span that runs, if one does."""
    Noted(_current.get()).note(**attributes)


def outgoing() -> tuple[tuple[str, str], ...] | None:
    """Metadata of a call to another member: the span that runs, if one does and is recorded."""
    span = _current.get()
    return ((KEY, span.traceparent),) if span is not None and span.traceparent else None


def parse(values: Sequence[str | bytes]) -> Remote | None:
    """The one traceparent among ``values``; None when there is none, several, or it is not of the form of version 00."""
    if len(values) != 1:
        return None
    text = values[0].decode("latin-1") if isinstance(values[0], bytes) else values[0]
    match = _FORM.fullmatch(text)
    return None if match is None else Remote(int(match[1], 16), int(match[2], 16), bool(int(match[3], 16) & 1))


@contextmanager
def answering_outside(name: str, traceparents: Sequence[bytes], *, quiet: bool = False) -> Iterator[Noted]:
    """Answer a stranger's HTTP request in a span, its own trace treated by the policy. ``quiet``: without one."""
    if _place.tracer is None or quiet:
        yield Noted(None)
        return
    remote = None if _place.outside == "ignore" else parse(traceparents)
    parent, link = (remote, None) if _place.outside == "parent" else (None, remote)
    with _within(_place.tracer.begin(name, parent, link)) as span:
        yield Noted(span)


@contextmanager
def answering(method: str, metadata: Sequence[tuple[str, str | bytes]]) -> Iterator[Noted]:
    """Answer a member's call in a span that continues its trace. A failure's reason is told with ``note``."""
    if _place.tracer is None:
        yield Noted(None)
        return
    remote = parse([value for key, value in metadata if key == KEY])
    with _within(_place.tracer.begin(method, remote, None)) as span:
        yield Noted(span)


def ongoing(method: str, metadata: Sequence[tuple[str, str | bytes]]) -> Span | None:
    """As ``answering``, for an answer in parts: run each part ``within`` the span, and end it."""
    if _place.tracer is None:
        return None
    return _place.tracer.begin(method, parse([value for key, value in metadata if key == KEY]), None)


@contextmanager
def within(span: Span | None) -> Iterator[None]:
    """The block belongs to ``span``."""
    token = _current.set(span)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def _within(span: Span) -> Iterator[Span]:
    try:
        with within(span):
            yield span
    except BaseException as error:
        span.end(type(error).__name__)
        raise
    span.end("")
