"""Those whom the process calls: there, over mutual TLS, being who they should be, able to serve; and what time they have."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from grpc_health.v1 import health_pb2 as wire
from grpc_health.v1 import health_pb2_grpc

from nodes.commands.doctor.findings import ONCE, Case, Finding, soon, well, wrong
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity, server_name
from nodes.runtime.process import READY_FILE
from nodes.runtime.settings import Peer

CONNECT_S, CALL_S = 3.0, 8.0
DAY_S, REGISTRY_DAYS = 86_400, 90
START = "start it: systemctl start xinqiao@NAME, or xinqiao node run CONFIG; why it ended stands at the end of its own log"


def check_peers(case: Case) -> Iterator[Finding]:
    """Log and coordinator, as configured."""
    if case.identity is None:
        return
    for role, peer in (("log", case.settings.peers.log), ("coordinator", case.settings.peers.coordinator)):
        if peer is not None:
            places = [Peer(member=peer.member, address=place) for place in peer.address.split(",")]
            yield from _instances([_peer(case.identity, role, place) for place in places])


def check_gateway(case: Case) -> Iterator[Finding]:
    """The gateway, where the process calls it, and the difference between its clock and ours."""
    base = gateway_of(case)
    if not base:
        return
    context = ssl.create_default_context(cafile=str(case.settings.public_dir / "ca.pem"))
    places = str(getattr(getattr(case.settings, case.role), "gateway_addresses", "")) or base.removeprefix("https://")
    asked = [_gateway(case, base, place, context) for place in places.split(",")]
    yield from _instances([finding for finding, _ in asked])
    yield from (clock for _, clock in asked if clock is not None)


def check_running(case: Case) -> Iterator[Finding]:
    """Whether the process runs; where ``[observe] listen`` lets it, what it says of itself and how long the registry holds that it sees."""
    address = case.settings.observe.listen
    if address is None or address.endswith(":0"):
        yield _ready(case.settings.state_dir)
        return
    try:
        ready = httpx.get(f"http://{address}/readyz", timeout=CALL_S, trust_env=False)
        text = httpx.get(f"http://{address}/metrics", timeout=CALL_S, trust_env=False).text
    except httpx.HTTPError:
        yield soon(
            "process",
            address,
            "it does not run, or has not taken [observe] listen yet",
            START,
        )
        return
    if ready.status_code == httpx.codes.OK:
        yield well("process", address, "it runs and can serve")
    else:
        yield wrong("process", address, f"it runs and cannot serve: {_detail(ready)}", "mend what it names; its own log says more")
    left = re.search(r"^xinqiao_registry_seconds_left (\S+)$", text, re.MULTILINE)
    if left is not None:
        yield _registry_left(float(left[1]) / DAY_S)


def _ready(state_dir: Path) -> Finding:
    """By the file that a process has in its state directory for as long as it serves."""
    try:
        pid = int(json.loads((state_dir / READY_FILE).read_text(encoding="utf-8"))["pid"])
    except FileNotFoundError:
        return soon("process", state_dir, "it does not run, or is not ready yet", START)
    except (ValueError, KeyError, OSError) as error:
        return soon("process", state_dir, f"whether it runs cannot be seen: {error}", "run this as the user of the process")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return soon("process", state_dir, f"it does not run: {pid} was killed, or its machine", START)
    except PermissionError:
        return soon("process", state_dir, f"whether {pid} is this process cannot be seen", "run this as the user of the process")
    return well("process", state_dir, f"it runs, as process {pid}")


def _registry_left(days: float) -> Finding:
    renew = "the authority renews it with the custodians' approval; in need t custodians extend it (operator guide)"
    if days <= 0:
        return wrong("registry", "validity", f"it ended {-days:.0f} days ago: nothing is released", renew)
    if days < REGISTRY_DAYS:
        return soon("registry", "validity", f"it ends in {days:.0f} days", renew)
    return well("registry", "validity", f"{days:.0f} days left")


def gateway_of(case: Case) -> str:
    """The gateway's base that the role's table names; empty where it names none."""
    return str(getattr(getattr(case.settings, case.role, None), "gateway", ""))


def _gateway(case: Case, base: str, place: str, context: ssl.SSLContext) -> tuple[Finding, Finding | None]:
    """What is found of the gateway at ``place``, known as ``base``, and of its clock if it answers."""
    host, about = base.removeprefix("https://"), f"gateway at {place}"
    name = {"sni_hostname": host.rpartition(":")[0] or host}
    try:
        with httpx.Client(verify=context, timeout=CALL_S, trust_env=False) as client:
            answer = client.get(f"https://{place}/readyz", headers={"Host": host}, extensions=name)
    except httpx.HTTPError as error:
        says = f"its certificate is not of this zone's CA, or not for {name['sni_hostname']}" if "CERTIFICATE" in str(error).upper() else str(error)
        return wrong("peer", about, says, "is the gateway running there? does its certificate name this host, and is ca.pem this zone's?"), None
    at = case.now
    if answer.status_code == httpx.codes.OK:
        finding = well("peer", about, "serves")
    else:
        says = f"answers, and is not ready: {_detail(answer)}"
        finding = soon("peer", about, says, "see the gateway's own doctor; it may only be starting")
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return finding, None
    return finding, _clock(case, about, at, theirs, slack_s=1.0)


def _detail(answer: httpx.Response) -> str:
    """What the problem document says; whatever else came is told as that."""
    with suppress(ValueError):
        document = answer.json()
        if isinstance(document, dict):
            return str(document.get("detail", ""))
    return f"status {answer.status_code}, and no answer of this program: something else is at this address, or in front of it"


def _instances(findings: list[Finding]) -> list[Finding]:
    """Of several instances one acts: beside it, one that answers and cannot serve stands by, as it should."""
    if not any(finding.level == "ok" for finding in findings):
        return findings
    return [well(finding.check, finding.about, "stands by") if finding.level == "warning" else finding for finding in findings]


def _clock(case: Case, about: str, at: float, theirs: float, slack_s: float) -> Finding:
    tolerance = 5 if case.registry is None else case.registry.clock_tolerance_s
    off = at - theirs
    says = f"this machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} it; the registry tolerates {tolerance} s"
    if abs(off) > tolerance + slack_s:
        return wrong("clock", about, says, "set the clock (chronyc tracking, timedatectl); if ours is right, tell the other operator")
    return well("clock", about, says)


def _peer(identity: Identity, role: str, peer: Peer) -> Finding:
    about = f"{role if role == peer.member else f'{role} {peer.member}'} at {peer.address}"
    host, _, port = peer.address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError as error:
        return wrong(
            "peer",
            about,
            f"nobody answers: {error.strerror or error}",
            f"is its process running? does a firewall stop outgoing TCP to {peer.address}? is [peers.{role}] right?",
        )
    stranger = _stranger(identity, peer)
    if stranger:
        return wrong(
            "peer", about, stranger, f"something else answers at this address: correct [peers.{role}], or have that member's certificate renewed"
        )
    try:
        with tls.channel(identity, peer.address, peer.member) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # the published types name none of the calls
            reply = rpc.call(stub.Check, wire.HealthCheckRequest(), timeout_s=CALL_S, stop=ONCE)
    except PeerUnavailableError as error:
        return wrong(
            "peer",
            about,
            f"the connection is there, and no answer comes: {error}",
            "does it admit this member's certificate? see its log for the handshake",
        )
    except RpcRefusal as refusal:
        return wrong(
            "peer",
            about,
            f"it refuses this member: {refusal.detail or refusal.reason}",
            "is this member in the registry, its certificate in force and not revoked?",
        )
    if reply.status != wire.HealthCheckResponse.SERVING:
        return soon("peer", about, "it answers, and cannot serve now", "ask its operator: its /readyz or its own doctor says why")
    return well("peer", about, "serves, over mutual TLS, under its own name")


def _stranger(identity: Identity, peer: Peer) -> str:
    """What is wrong with the certificate of whoever answers; empty when it is the zone's and names the member."""
    host, _, port = peer.address.rpartition(":")
    context = ssl.create_default_context(cadata=identity.tls.ca.decode())
    context.check_hostname = False  # members are known by a name of their own, whatever address is dialled: it is compared below
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as plain, context.wrap_socket(plain) as secured:
            leaf = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not one of this zone's CA in force: {error.verify_message}"
    except OSError as error:
        return f"it does not speak TLS: {error.strerror or type(error).__name__}"
    wanted = server_name(identity.zone, peer.member)
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return "" if wanted in names else f"it is {', '.join(names) or 'a member that does not listen'}, not {wanted}"
