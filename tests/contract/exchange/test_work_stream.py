"""Following work: over real mutual TLS, across interruptions, each item handed on until its cursor says that it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nodes.errors import NotReadyError, RpcRefusal
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.settings import Peer
from protos.v1 import exchange_pb2 as wire
from protos.v1 import exchange_pb2_grpc
from tests.support.waiting import until


class Coordinator(exchange_pb2_grpc.ExchangeServicer):
    """Hands out numbered items after a cursor; breaks off where it is told to."""

    def __init__(self) -> None:
        self.items = 0
        self.break_after: list[int] = []
        self.cursors: list[int] = []
        self.changed = threading.Condition()

    def add(self, count: int) -> None:
        with self.changed:
            self.items += count
            self.changed.notify_all()

    def FollowWork(self, request: wire.WorkCursor, context: Any) -> Iterator[wire.WorkItem]:
        self.cursors.append(request.after)
        yield wire.WorkItem(heartbeat=wire.Heartbeat())
        after = request.after
        while context.is_active():
            with self.changed:
                if self.items == after:
                    self.changed.wait(0.05)
            while after < self.items:
                after += 1
                yield wire.WorkItem(seq=after, consent=wire.ConsentNotice(leaf_index=after))
                if after in self.break_after:
                    self.break_after.remove(after)
                    raise NotReadyError("broken off")


@pytest.fixture
def place(make_identity: Callable[..., Identity]) -> Iterator[tuple[Coordinator, ExchangeClient]]:
    server = RpcServer(make_identity("coordinator", listens=True), "127.0.0.1:0", lambda _member: None, lambda _error: None)
    coordinator = Coordinator()  # type: ignore[abstract]  # only the one call is answered
    server.add(exchange_pb2_grpc.add_ExchangeServicer_to_server, coordinator)
    server.start()
    client = ExchangeClient(make_identity("bank-a"), Peer(member="coordinator", address=f"127.0.0.1:{server.port}"))
    yield coordinator, client
    client.close()
    server.stop(0.2)


class Worker:
    """Follows work in a thread and keeps what it did; ``lose`` items are handled without their cursor becoming durable, at
    ``poison`` items the handler fails as nobody foresaw, at ``away`` items it is refused once by another process."""

    def __init__(self, client: ExchangeClient) -> None:
        self.done: list[int] = []
        self.cursor = 0
        self.lose: set[int] = set()
        self.poison: set[int] = set()
        self.away: set[int] = set()
        self.skipped: list[int] = []
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._client = client
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._client.follow_work(lambda: self.cursor, self._handle, self.stop, self._skip)
        except OSError as error:
            self.error = error

    def _skip(self, seq: int) -> None:
        self.skipped.append(seq)
        self.cursor = seq

    def _handle(self, item: wire.WorkItem) -> None:
        self.done.append(item.seq)
        if item.seq in self.lose:
            raise OSError("crash")
        if item.seq in self.away:
            self.away.discard(item.seq)
            raise RpcRefusal("NOT_READY", "later", "UNAVAILABLE")
        if item.seq in self.poison:
            raise ValueError("not foreseen")
        self.cursor = item.seq

    def until(self, cursor: int) -> None:
        until(lambda: self.cursor >= cursor or self.error is not None, f"item {cursor} is done", 20)

    def end(self) -> None:
        self.stop.set()
        self._client.cancel()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_every_item_is_handled_once_and_in_order_across_interruptions(place: tuple[Coordinator, ExchangeClient]) -> None:
    coordinator, client = place
    coordinator.break_after = [2, 5]
    coordinator.add(4)
    worker = Worker(client)
    worker.until(4)
    coordinator.add(4)
    worker.until(8)
    worker.end()
    assert worker.done == list(range(1, 9))
    assert coordinator.cursors[:3] == [0, 2, 5]


def test_an_item_at_which_the_handler_fails_as_nobody_foresaw_is_passed_over(place: tuple[Coordinator, ExchangeClient]) -> None:
    coordinator, client = place
    worker = Worker(client)
    worker.poison = {2}
    coordinator.add(3)
    worker.until(3)
    worker.end()
    assert (worker.error, worker.done, worker.skipped) == (None, [1, 2, 3], [2])


def test_an_item_at_which_another_process_refuses_comes_again(place: tuple[Coordinator, ExchangeClient]) -> None:
    coordinator, client = place
    worker = Worker(client)
    worker.away = {2}
    coordinator.add(3)
    worker.until(3)
    worker.end()
    assert (worker.error, worker.done, worker.skipped) == (None, [1, 2, 2, 3], [])


def test_an_item_at_which_the_machine_failed_is_not_passed_over(place: tuple[Coordinator, ExchangeClient]) -> None:
    coordinator, client = place
    coordinator.add(3)
    worker = Worker(client)
    worker.lose = {2}
    worker.until(3)
    worker.end()
    assert (str(worker.error), worker.cursor) == ("crash", 1)
    again = Worker(client)
    again.cursor = 1
    again.until(3)
    again.end()
    assert coordinator.cursors[-1] in {0, 1}


def test_following_ends_at_once_when_told(place: tuple[Coordinator, ExchangeClient]) -> None:
    worker = Worker(place[1])
    worker.end()
    assert worker.error is None
