"""A channel that is made anew stays one that many threads call and one closes."""

from __future__ import annotations

import threading

import grpc
import pytest

from nodes.runtime.standing.channel import RenewedChannel


def nowhere(_made_of: object) -> grpc.Channel:
    return grpc.insecure_channel("127.0.0.1:1")


def test_a_first_call_on_a_closed_channel_is_refused_and_does_not_end_the_process() -> None:
    channel = RenewedChannel(lambda: "as ever", nowhere)
    method = channel.unary_unary("/service/method", _registered_method=True)
    channel.close()
    with pytest.raises(ValueError, match="closed channel"):
        method(b"")


def test_many_threads_call_first_while_one_closes() -> None:
    channel = RenewedChannel(lambda: "as ever", nowhere)
    methods = [channel.unary_unary(f"/service/method{number}", _registered_method=True) for number in range(16)]
    begun, seen = threading.Barrier(17), list[type[Exception]]()

    def call(number: int) -> None:
        begun.wait()
        try:
            methods[number](b"", timeout=5)
        except (grpc.RpcError, ValueError) as error:
            seen.append(type(error))

    callers = [threading.Thread(target=call, args=(number,)) for number in range(16)]
    for caller in callers:
        caller.start()
    begun.wait()
    channel.close()
    for caller in callers:
        caller.join()
    assert len(seen) == 16
