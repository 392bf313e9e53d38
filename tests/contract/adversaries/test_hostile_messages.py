"""Whatever messages a member sends to the real coordinator and log, it gets an answer or a refusal with a reason, and both go on serving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.keygen import PrivateKey
from nodes.runtime.peers import tls
from nodes.runtime.peers.guard import REASON_KEY
from protos.errors import by_reason
from protos.v1 import exchange_pb2, log_pb2
from tests.support.intake import MakeIdentity, Site, intake_site

WAIT_S = 0.4  # several calls wait for what may come: that they do is no fault
SERVICES = (exchange_pb2.DESCRIPTOR.services_by_name["Exchange"], log_pb2.DESCRIPTOR.services_by_name["Log"])
METHODS = {f"/{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods}
CALLERS = ("authority", "market", "tax", "notary", "auditor", "bank-a")
NAMES = ["market", "epoch-1995", "binding", "../..", "tile/0/000", "checkpoint"]
OURS = {"UNKNOWN", "INTERNAL", "DATA_LOSS"}
"""What a server answers when something in it went wrong."""


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with intake_site(small_private_key, make_identity, tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.fixture(scope="module")
def channels(site: Site) -> Iterator[dict[tuple[str, str], grpc.Channel]]:
    """By caller and service."""
    peers = {"Exchange": (site.coordinator.peer.address, "coordinator"), "Log": (site.log.peer.address, "log")}
    made = {(caller, name): tls.channel(site.identities(caller), *peer) for caller in CALLERS for name, peer in peers.items()}
    yield made
    for channel in made.values():
        channel.close()


def messages(method: MethodDescriptor, contents: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    """What is sent in one call: messages of the right type with any values in them, or any bytes."""
    shaped = _message(method.input_type, contents, 2).map(lambda message: bytes(message.SerializeToString()))
    one = st.one_of(shaped, shaped, st.binary(max_size=40))
    return st.lists(one, min_size=1, max_size=4) if method.client_streaming else one.map(lambda data: [data])


def _message(descriptor: Any, contents: list[bytes], depth: int) -> st.SearchStrategy[Any]:
    chosen = {field.name: st.one_of(st.none(), _value(field, contents, depth)) for field in descriptor.fields}
    return st.fixed_dictionaries(chosen).map(
        lambda values: GetMessageClass(descriptor)(**{name: value for name, value in values.items() if value is not None})
    )


def _value(field: FieldDescriptor, contents: list[bytes], depth: int) -> st.SearchStrategy[Any]:
    one: st.SearchStrategy[Any]
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        one = _message(field.message_type, contents, depth - 1) if depth else st.none()
    elif field.type == FieldDescriptor.TYPE_BYTES:
        one = st.one_of(st.binary(max_size=40), st.sampled_from(contents))
    elif field.type == FieldDescriptor.TYPE_STRING:
        one = st.one_of(
            st.text(max_size=12).map(_sendable), st.sampled_from(["market", "epoch-1995", "binding", "../..", "tile/0/000", "checkpoint"])
        )
    elif field.type == FieldDescriptor.TYPE_BOOL:
        one = st.booleans()
    else:
        one = st.sampled_from([0, 1, 7, 1 << 31, (1 << 32) - 1] + ([1 << 62, (1 << 64) - 1] if field.type == FieldDescriptor.TYPE_UINT64 else []))
    return st.lists(one, max_size=3) if field.is_repeated else one


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("path", METHODS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])
@given(data=st.data())
def test_every_call_ends_in_an_answer_or_a_refusal(site: Site, channels: dict[tuple[str, str], grpc.Channel], path: str, data: st.DataObject) -> None:
    contents = [envelope for _, envelope in site.memory.entries[:12:3]] + [bytes(32), bytes(64)]
    caller = data.draw(st.sampled_from(CALLERS))
    raw: Any = channels[caller, path.split("/")[1].rsplit(".", 1)[1]].stream_stream(path)
    call = raw(iter(data.draw(messages(METHODS[path], contents))), timeout=WAIT_S)
    code, reason = outcome(call)
    assert code not in OURS, reason
    assert reason or code in {"OK", "DEADLINE_EXCEEDED"}
    assert not reason or by_reason(reason).code.name not in OURS


def outcome(call: Any) -> tuple[str, str]:
    """The status with which a call ends, or OK once it gives an answer; and the reason of a refusal."""
    try:
        next(call, None)
    except grpc.RpcError as error:
        return error.code().name, next((str(entry.value) for entry in error.trailing_metadata() or () if entry.key == REASON_KEY), "")
    call.cancel()
    return "OK", ""


def test_both_services_serve_after_all_this(site: Site) -> None:
    receipt = site.contribute(site.sent(site.column()))
    assert receipt.leaf_index == site.log.size - 1
