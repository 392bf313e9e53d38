"""The log as it is now: its head against what this process has pinned, its witnesses and what waits for them; the clock against both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import grpc

from crypto.checkpoint import Checkpoint, open_checkpoint, witness_times
from crypto.errors import NoteError
from nodes.commands.doctor.findings import ONCE, Case, Finding, soon, well, wrong
from nodes.errors import NodeError, PeerUnavailableError, RpcRefusal
from nodes.runtime.files import read_private
from nodes.runtime.peers import rpc, tls
from protos.v1 import log_pb2 as wire
from protos.v1 import log_pb2_grpc
from scoring.errors import StatementFormatError
from scoring.statements import Registry, WitnessPolicy, parse_leaf

CALL_S = 5.0
SPLIT = "stop here, keep both, call the auditor: operator guide, When the log has split"
SET_CLOCK = "set the clock (chronyc tracking, timedatectl); if ours is right, tell that witness's operator"


def check_log(case: Case) -> Iterator[Finding]:
    """What the log shows now. Nothing where it is not called; that it does not answer is a finding about the peer too."""
    peer = case.settings.peers.log
    if case.identity is None or case.registry is None or peer is None:
        return
    with tls.channel(case.identity, peer.address, peer.member) as channel:
        note = _checkpoint(channel)
        if note is None:
            yield soon("log", "checkpoint", "none came", "see the finding about the peer")
        elif not note:
            yield from _waiting(case, case.registry.witness_policy, channel, 0)
        else:
            yield from _examine(case, case.registry, channel, note)


def check_pins(case: Case) -> Iterator[Finding]:
    """Pins of the last head can be read: without them a restored old database would not be known."""
    for file in _pin_files(case):
        try:
            read_private(file)
        except NodeError as error:
            yield wrong("pins", file, str(error), "restore it with its database; never delete it: it shows whether the database is an old copy")
        else:
            yield well("pins", file, "there, for its owner alone")


def _checkpoint(channel: grpc.Channel) -> bytes | None:
    """The newest witnessed checkpoint; empty where there is none yet, None when the log does not answer."""
    try:
        reply = rpc.call(log_pb2_grpc.LogStub(channel).ReadTile, wire.ReadTileRequest(path="checkpoint"), timeout_s=CALL_S, stop=ONCE)
    except PeerUnavailableError:
        return None
    except RpcRefusal as refusal:
        return b"" if refusal.status == "NOT_FOUND" else None
    return reply.content


def _examine(case: Case, registry: Registry, channel: grpc.Channel, note: bytes) -> Iterator[Finding]:
    try:
        head = open_checkpoint(note, registry.log_vkey)
        times = witness_times(note, registry.witness_policy.witnesses)
    except NoteError as error:
        yield wrong("log", "checkpoint", f"it is not the log's that the pinned registry names: {error}", SPLIT)
        return
    yield well("log", "checkpoint", f"{head.size} leaves, signed by the log")
    yield from _pins(case, head)
    yield from _signers(case, registry, times)
    yield from _waiting(case, registry.witness_policy, channel, head.size)


def _pins(case: Case, head: Checkpoint) -> Iterator[Finding]:
    for file in case.settings.state_dir.rglob("replica/log-head.json"):
        try:
            size = int(json.loads(read_private(file))["size"])
        except (NodeError, ValueError, KeyError, TypeError) as error:
            yield wrong("pins", file, f"it cannot be read: {error}", "restore it with its database; never delete it")
            continue
        if size > head.size and not _is_shown(case, size):
            yield wrong("log", file, f"{size} leaves were verified here, the log now shows {head.size}: it lost or hides history", SPLIT)
        else:
            yield well("pins", file, f"{size} leaves verified here")


def _pin_files(case: Case) -> list[Path]:
    file: Path | None = getattr(case.settings, "pin", None)
    begun = case.settings.state_dir.is_dir() and any(case.settings.state_dir.rglob("*.db"))
    return [file] if file is not None and begun else []


def _is_shown(case: Case, size: int) -> bool:
    """Whether the log has ``size`` leaves, witnessed or not: it refuses to be followed from beyond its end."""
    peer = case.settings.peers.log
    assert case.identity is not None  # both are the caller's conditions
    assert peer is not None
    with tls.channel(case.identity, peer.address, peer.member) as channel:
        return _first(channel, size) is not None


def _signers(case: Case, registry: Registry, times: dict[str, int]) -> Iterator[Finding]:
    policy = registry.witness_policy
    for vkey in policy.witnesses:
        if vkey not in times:
            advice = "is that witness running and connected to the log? xinqiao doctor there says more"
            yield soon("witnesses", vkey.partition("+")[0], "it has not signed the newest witnessed checkpoint", advice)
    if not times:
        return
    newest = max(times.values())
    yield well("witnesses", "newest", f"{len(times)} of {len(policy.witnesses)} signed, {policy.required} are needed; {case.now - newest:.0f} s ago")
    if newest - case.now > registry.clock_tolerance_s:
        says = f"one signed {newest - case.now:.0f} s in this machine's future; the registry tolerates {registry.clock_tolerance_s} s"
        yield wrong("clock", "witnesses", says, SET_CLOCK)


def _waiting(case: Case, policy: WitnessPolicy, channel: grpc.Channel, covered: int) -> Iterator[Finding]:
    """How long the first leaf that no witnessed checkpoint covers has waited. A log in which nothing happens needs no new cosignatures."""
    update = _first(channel, covered)
    if update is None or not update.entries:
        return
    try:
        waited_s = case.now - parse_leaf(update.entries[0].leaf).time
    except StatementFormatError as error:
        yield wrong("log", f"leaf {covered}", f"the log shows what is no leaf: {error}", SPLIT)
        return
    needed = f"{policy.required} of {len(policy.witnesses)} witnesses"
    says = f"leaf {covered} has waited {waited_s:.0f} s for {needed}; beyond {policy.max_age_s} s nothing is released"
    if waited_s > policy.max_age_s:
        yield wrong("witnesses", "waiting", says, "start witnesses: releases go on by themselves")
    elif waited_s > policy.max_age_s / 2:
        yield soon("witnesses", "waiting", says, "look after the witnesses")
    else:
        yield well("witnesses", "waiting", says)


def _first(channel: grpc.Channel, start: int) -> wire.LogUpdate | None:
    """The first thing that the log says to a follower from ``start`` on; None when it refuses or says nothing."""
    call: rpc.Call[wire.LogUpdate] = rpc.stream(log_pb2_grpc.LogStub(channel).Follow, wire.FollowRequest(from_index=start), timeout_s=CALL_S)
    try:
        return next(iter(call), None)
    except (PeerUnavailableError, RpcRefusal):
        return None
    finally:
        call.cancel()
