"""Runs the connectors of whoever has records: what each has is taken, one delivery after the other, and each settled once it is durable [C4–C6].

A source that cannot be read is tried again later, with growing pauses, and the others go on. Several threads, and the node's process
beside a command, may run the same connectors: they take turns.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import ConnectorError
from connectors.plain import PLAIN
from connectors.records import Connector, Delivery, Malformed, Outcome, Record
from nodes.errors import ConnectorFailedError, NotReadyError
from nodes.records.deliveries import Health, Intake
from nodes.runtime import logging
from nodes.runtime.files import PRIVATE_FILE, make_private_directory

FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 900.0
LOOK_S = 0.05
TURN_WAIT_S = 600.0
CONNECTOR_FAILING = "connector.failing"
CONNECTOR_BACK = "connector.back"
_TAKING = "taking"  # the turn of whoever writes records
_log = logging.logger("department.connectors")


@dataclass
class _Pause:
    """When a source that could not be read is tried again; the pause doubles each time."""

    until: float = 0.0
    length_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Turns:
    """One turn at a time for each name, over threads and processes, by locked files in ``directory`` (0700). No wait outlasts ``stopping``."""

    directory: Path
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def turn(self, name: str, wait_s: float) -> Iterator[None]:
        """Have the turn ``name`` for the block. Raises NotReadyError when another has it for ``wait_s`` seconds longer."""
        path = make_private_directory(self.directory) / f"{name}.turn"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            self._lock(descriptor, name, wait_s)
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int, name: str, wait_s: float) -> None:
        end = time.monotonic() + wait_s
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() >= end or self.stopping.wait(LOOK_S):
                raise NotReadyError(f"another reads {name} now: the node itself, or a command; try again")


def turns_of(state_dir: Path, stopping: threading.Event | None = None) -> Turns:
    """The turns at the sources of the department whose state lies in ``state_dir``: the same for the node and for commands."""
    return Turns(state_dir / "turns", stopping or threading.Event())


class Runner:
    """Runs ``connectors`` into ``intake``. ``first_pause_s``: how long a source is left alone after it could not be read once."""

    def __init__(self, intake: Intake, connectors: Sequence[Connector], turns: Turns, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._intake, self._turns, self._first_pause_s = intake, turns, first_pause_s
        self.connectors = {connector.id: connector for connector in connectors}
        self._pauses = {name: _Pause() for name in self.connectors}

    def run(self, wait_s: float = TURN_WAIT_S) -> int:
        """Take what there is from every connector whose pause is over. Returns the number of new deliveries.

        A source that fails is noted and costs the others nothing. Raises NotReadyError when another has a connector's turn for ``wait_s``.
        """
        return sum(self._run_one(connector, wait_s) for name, connector in self.connectors.items() if time.monotonic() >= self._pauses[name].until)

    def look(self) -> None:
        """Take what lies in the folder of plain files, where there is one; while a command does so, or the process stops, leave it to them."""
        if PLAIN in self.connectors:
            with suppress(NotReadyError):
                self._run_one(self.connectors[PLAIN], TURN_WAIT_S)

    def health(self) -> list[Health]:
        """How each connector is."""
        return self._intake.health(self.connectors)

    def _run_one(self, connector: Connector, wait_s: float) -> int:
        new = 0
        try:
            with self._turns.turn(connector.id, wait_s):
                for delivery in _deliveries(connector, self._intake.cursor(connector.id, connector.reading)):
                    new += self._take(connector, _Guarded(connector.id, delivery, self._turns.stopping))
                    if self._turns.stopping.is_set():
                        return new
        except (ConnectorError, ConnectorFailedError) as error:
            self._failed(connector.id, error)
            return new
        self._worked(connector.id)
        return new

    def _take(self, connector: Connector, delivery: _Guarded) -> int:
        with self._turns.turn(_TAKING, TURN_WAIT_S):
            taken = self._intake.take(connector.id, delivery, rules=connector.reading)
        delivery.settle(taken.outcome, taken.refused)
        return int(taken.new)

    def _failed(self, connector: str, error: Exception) -> None:
        pause = self._pauses[connector]
        pause.length_s = min(pause.length_s * 2, LONGEST_PAUSE_S) if pause.length_s else self._first_pause_s
        pause.until = time.monotonic() + pause.length_s
        _log.warning(CONNECTOR_FAILING, connector=connector, error=type(error).__name__, again_in_s=pause.length_s)
        self._intake.failing(connector, f"{type(error).__name__}: {error}")

    def _worked(self, connector: str) -> None:
        if self._pauses[connector].length_s:
            _log.info(CONNECTOR_BACK, connector=connector)
        self._pauses[connector] = _Pause()
        self._intake.works(connector)


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A delivery whose reader may fail in ways that it does not foresee: such a failure is told from one of our own storage."""

    connector: str
    delivery: Delivery
    stopping: threading.Event

    @property
    def name(self) -> str:
        with _foreseen(self.connector):
            return self.delivery.name

    @property
    def digest(self) -> str:
        with _foreseen(self.connector):
            return self.delivery.digest

    @property
    def cursor(self) -> str:
        with _foreseen(self.connector):
            return self.delivery.cursor

    def items(self) -> Iterator[Record | Malformed]:
        """Raises NotReadyError when the process stops: nothing of the delivery is kept, and it is taken later."""
        with _foreseen(self.connector):
            items = iter(self.delivery.items())
        while True:
            with _foreseen(self.connector):
                item = next(items, None)
            if item is None:
                return
            if self.stopping.is_set():
                raise NotReadyError("the node stops")
            yield item

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        with _foreseen(self.connector):
            self.delivery.settle(outcome, refused)


def _deliveries(connector: Connector, cursor: str) -> Iterator[Delivery]:
    with _foreseen(connector.id):
        found = iter(connector.deliveries(cursor))
    while True:
        with _foreseen(connector.id):
            delivery = next(found, None)
        if delivery is None:
            return
        yield delivery


@contextmanager
def _foreseen(connector: str) -> Iterator[None]:
    """Let a connector's own errors through, and name all others so. Raises ConnectorFailedError, whose message shows nothing that was read."""
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:
        place = (logging.where(error) or [""])[-1]
        raise ConnectorFailedError(f"connector {connector} failed: {type(error).__name__} at {place}") from error
