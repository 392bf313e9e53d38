"""A bad network between real processes, as a seed decides: calls lost, answers lost, delayed, doubled, overtaken, sent again later; connections cut.

TCP loses and doubles nothing, so what a network, a restart or a balancer does to calls is done call by call: ``CallProxy`` ends TLS as the
called member and begins it anew as the caller, with the keys that only a test harness has of all of them, and passes on the exact bytes.
``ConnectionProxy`` sees bytes only, for HTTPS.
"""

from __future__ import annotations

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import grpc

from nodes.runtime.peers import tls
from nodes.runtime.peers.identity import Identity, load_identity
from protos.v1 import exchange_pb2, log_pb2
from simulators.zone.layout import ZONE

NONE, REQUEST_LOST, ANSWER_LOST, DELAYED, DOUBLED, OVERTAKEN, ECHOED, CUT = (
    "none", "request lost", "answer lost", "delayed", "doubled", "overtaken", "echoed", "cut",
)  # fmt: skip
CALL_FAULTS = {REQUEST_LOST: 0.1, ANSWER_LOST: 0.1, DELAYED: 0.08, DOUBLED: 0.06, OVERTAKEN: 0.06, ECHOED: 0.06}
STREAMS = {  # answered by many messages: these are cut
    f"/{service.full_name}/{method.name}"
    for file in (exchange_pb2.DESCRIPTOR, log_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
    if method.server_streaming
}
CUT_CHANCE, LONGEST_CUT = 0.4, 12
OURS = "xinqiao-"  # what trailing metadata of refusals begin with
LONGEST_DELAY_S, OVERTAKE_S = 0.4, 1.5
WORKERS = 300


class CallProxy(grpc.GenericRpcHandler):
    """In front of ``member`` of the zone in ``out``, which listens at ``upstream``. ``met`` counts (method, fault)."""

    def __init__(self, out: Path, member: str, upstream: str, seed: int) -> None:
        self._out, self._member, self._upstream, self._seed = out, member, upstream, seed
        self._channels: dict[str, grpc.Channel] = {}
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._lock, self._passed = threading.Lock(), threading.Condition()
        self._calm = False
        self._echoes: list[threading.Timer] = []
        self.met: Counter[tuple[str, str]] = Counter()
        options = [("grpc.max_receive_message_length", tls.MESSAGE_LIMIT), ("grpc.max_send_message_length", tls.MESSAGE_LIMIT)]
        options += [("grpc.http2.min_ping_interval_without_data_ms", 10_000)]
        self._server = grpc.server(ThreadPoolExecutor(WORKERS), handlers=[self], options=options)
        self.address = f"127.0.0.1:{self._server.add_secure_port('127.0.0.1:0', tls.server_credentials(self._identity(member)))}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.calm()
        for echo in self._echoes:
            echo.cancel()
        self._server.stop(0).wait()
        for channel in self._channels.values():
            channel.close()

    def calm(self) -> None:
        """Pass everything on from now on."""
        self._calm = True

    def faults(self) -> set[str]:
        """Kinds of fault that there were."""
        return {fault for _, fault in self.met} - {NONE}

    def service(self, handler_call_details: Any) -> Any:
        path = handler_call_details.method
        relay = self._stream if path in STREAMS else self._single
        return grpc.stream_stream_rpc_method_handler(lambda requests, context: relay(path, requests, context))

    # --- calls answered by one message ---

    def _single(self, path: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        dice, call = self._begin(path, context)
        fault = dice.choices([NONE, *CALL_FAULTS], [1 - sum(CALL_FAULTS.values()), *CALL_FAULTS.values()])[0]
        fault = self._meet(path, NONE if self._calm else fault)
        kept = list(requests)
        if fault == REQUEST_LOST:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the request was lost")
        if fault == DELAYED:
            threading.Event().wait(dice.uniform(0.05, LONGEST_DELAY_S))
        if fault == OVERTAKEN:
            with self._passed:
                self._passed.wait(OVERTAKE_S)
        if fault == ECHOED:
            self._echo(call, kept, dice.uniform(0.5, 3))
        twin = call(iter(kept), timeout=context.time_remaining()) if fault == DOUBLED else None
        answers = self._answers(call(iter(kept), timeout=context.time_remaining()), context)
        if twin is not None:
            _finish(twin)
        with self._passed:
            self._passed.notify_all()
        if fault == ANSWER_LOST:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        yield from answers

    def _answers(self, call: Any, context: grpc.ServicerContext) -> list[bytes]:
        context.add_callback(call.cancel)
        try:
            return list(call)
        except grpc.RpcError as error:
            _pass_on(error, context)
            raise AssertionError("abort returns never") from error

    def _echo(self, call: Callable[..., Any], kept: list[bytes], after_s: float) -> None:
        echo = threading.Timer(after_s, lambda: _finish(call(iter(kept), timeout=30)))
        echo.daemon = True
        self._echoes.append(echo)
        echo.start()

    # --- streams ---

    def _stream(self, path: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        dice, begin = self._begin(path, context)
        cut = dice.random() < CUT_CHANCE and not self._calm
        after = dice.randint(0, LONGEST_CUT)
        self._meet(path, CUT if cut else NONE)
        call = begin(requests, timeout=context.time_remaining())
        context.add_callback(call.cancel)
        try:
            for number, message in enumerate(call):
                if cut and number >= after:
                    call.cancel()
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the connection was cut")
                yield message
        except grpc.RpcError as error:
            _pass_on(error, context)

    # --- both ---

    def _begin(self, path: str, context: grpc.ServicerContext) -> tuple[random.Random, Callable[..., Any]]:
        """Dice of this very call, and the same method at the other side, in the caller's name."""
        caller = tls.caller(context, ZONE)
        with self._lock:
            if caller not in self._channels:
                self._channels[caller] = tls.channel(self._identity(caller), self._upstream, self._member)
            channel = self._channels[caller]
            self._numbers[caller, path] += 1
            number = self._numbers[caller, path]
        return random.Random(f"{self._seed}/{caller}/{path}/{number}"), channel.stream_stream(path)

    def _meet(self, path: str, fault: str) -> str:
        with self._lock:
            self.met[path.rpartition("/")[2], fault] += 1
        return fault

    def _identity(self, member: str) -> Identity:
        return load_identity(ZONE, member, self._out / "members" / member, self._out / "public" / "ca.pem")


class ConnectionProxy:
    """In front of an address: some connections are cut before, within or after what is asked, some are slow. ``met`` counts faults."""

    def __init__(self, upstream: str, seed: int) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream, self._seed, self._calm = (host, int(port)), seed, False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._number = 0
        self.met: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._listener.close()

    def calm(self) -> None:
        """Cut no more."""
        self._calm = True

    def _accept(self) -> None:
        while True:
            try:
                incoming, _ = self._listener.accept()
            except OSError:
                return  # closed
            self._number += 1
            threading.Thread(target=self._relay, args=(incoming, random.Random(f"{self._seed}/{self._number}")), daemon=True).start()

    def _relay(self, incoming: socket.socket, dice: random.Random) -> None:
        fault = dice.choices([NONE, REQUEST_LOST, ANSWER_LOST, DELAYED], [0.6, 0.15, 0.15, 0.1])[0]
        self.met[fault] += 1
        try:
            outgoing = socket.create_connection(self._upstream, timeout=5)
        except OSError:
            incoming.close()
            return
        outgoing.settimeout(None)
        asked = dice.randint(0, 4_000) if fault == REQUEST_LOST else None
        answered = dice.randint(2_000, 12_000) if fault == ANSWER_LOST else None
        delay_s = dice.uniform(0.05, LONGEST_DELAY_S) if fault == DELAYED else 0.0
        back = threading.Thread(target=self._pump, args=(outgoing, incoming, answered, delay_s), daemon=True)
        back.start()
        self._pump(incoming, outgoing, asked, 0.0)
        back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int | None, delay_s: float) -> None:
        """Pass bytes on until one side ends, or ``limit`` of them have passed."""
        passed = 0
        try:
            while data := source.recv(65_536):
                passed += len(data)
                if limit is not None and passed > limit and not self._calm:
                    break
                if delay_s and not self._calm:
                    threading.Event().wait(delay_s)
                sink.sendall(data)
        except OSError:
            pass  # the other direction was cut
        for end in (source, sink):
            with suppress(OSError):  # it is closed already
                end.shutdown(socket.SHUT_RDWR)


def _pass_on(error: grpc.RpcError, context: grpc.ServicerContext) -> None:
    """Answer with the other side's refusal."""
    failed: Any = error
    reasons = [(entry.key, entry.value) for entry in failed.trailing_metadata() or () if entry.key.startswith(OURS)]
    context.set_trailing_metadata(tuple(reasons))
    context.abort(failed.code(), failed.details() or "")


def _finish(call: Any) -> None:
    """Hear the answer to a double, whatever it is: nobody waits for it."""
    try:
        list(call)
    except grpc.RpcError:
        return
