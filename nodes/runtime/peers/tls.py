"""Mutual TLS for every call, and the caller's member id. There is no way to switch it off.

A server proves its member id by a DNS name that only listening members' certificates carry; a caller by the one URI SAN of its
certificate. The certificate's end, its revocation and its CA are checked on every call, since a live connection outlasts them.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import cast

import grpc
from cryptography import x509

from nodes.errors import CallerError
from nodes.runtime.peers.identity import Identity, TlsFiles, certificate_uris, is_anchored, server_name
from nodes.runtime.peers.lines import Lines
from nodes.runtime.peers.revoked import Certificate, RevokedCertificates
from nodes.runtime.standing.channel import RenewedChannel

MESSAGE_LIMIT = 4 << 20
PING_MS, PONG_MS = 5_000, 8_000  # who is silent for the first while a call runs is asked, who does not answer for the second is stopped, or cut off
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # also the time that one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.keepalive_time_ms", PING_MS),
    ("grpc.keepalive_timeout_ms", PONG_MS),
    ("grpc.http2.ping_timeout_ms", PONG_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
_URI = re.compile(r"^xinqiao://([a-z][a-z0-9_-]{0,62})/([a-z][a-z0-9.-]{1,62})$")


Anchors = Callable[[], bytes]
"""PEM of the CAs that are trusted now."""


def channel(identity: Identity, address: str, server: str) -> grpc.Channel:
    """Channel to the member ``server`` at ``address``: host:port, or several with commas between, of which one answers at a time.

    A call on it fails as UNAVAILABLE when another member answers there. Calls that begin after the identity's TLS files were replaced go over a
    new connection; those that run end on the old one.
    """
    channels = [_channel(identity, place, server) for place in address.split(",")]
    return channels[0] if len(channels) == 1 else Lines(channels)


def server_credentials(identity: Identity) -> grpc.ServerCredentials:
    """Credentials of a server that refuses every client without a certificate of the zone's CA; each handshake takes the TLS files as they are."""
    lock = threading.Lock()
    shown = identity.tls.now()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        with lock:
            files = identity.tls.now()
            if files is shown:
                return None
            shown = files
        return _configuration(files)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(shown),
        fetch,  # type: ignore[arg-type]  # None is allowed, and means no change: the stubs do not know
        require_client_authentication=True,
    )


def caller(context: grpc.ServicerContext, zone: str, revoked: RevokedCertificates | None = None, anchors: Anchors | None = None) -> str:
    """Member id of the caller, from its certificate. Raises CallerError unless it names exactly one member of ``zone``, is in force and,
    where ``revoked`` is given, was not taken back; where ``anchors`` is, comes from a CA that is still trusted."""
    shown = context.auth_context()
    certificates = cast(Sequence[bytes], shown.get("x509_pem_cert", []))
    if len(certificates) != 1:
        raise CallerError("the caller showed no certificate")
    pem = bytes(certificates[0])
    uris, not_before, not_after, certificate = _read_certificate(pem)
    if len(uris) != 1:
        raise CallerError(f"the caller's certificate has {len(uris)} URI names; it must have exactly one")
    match = _URI.match(uris[0])
    if match is None or match[1] != zone:
        raise CallerError(f"the caller's certificate does not name a member of zone {zone}")
    if not not_before <= time.time() <= not_after:
        raise CallerError(f"the certificate of {match[2]} is not in force")
    if revoked is not None:
        revoked.check(certificate)
    if anchors is not None and not _is_trusted(pem, b"".join(map(bytes, shown.get("x509_pem_cert_chain", []))), anchors()):
        raise CallerError(f"the certificate of {match[2]} comes from a CA that is not trusted any more")
    return match[2]


def _channel(identity: Identity, address: str, server: str) -> grpc.Channel:
    def connect(files: TlsFiles) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(files.ca, files.key, files.chain)
        return grpc.secure_channel(address, credentials, options=[("grpc.ssl_target_name_override", server_name(identity.zone, server)), *_OPTIONS])

    return RenewedChannel(identity.tls.now, connect)


def _configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(files.key, files.chain)], files.ca)


@lru_cache(maxsize=4096)
def _read_certificate(pem: bytes) -> tuple[tuple[str, ...], float, float, Certificate]:
    try:
        leaf = x509.load_pem_x509_certificate(pem)
        uris = tuple(certificate_uris(leaf))
        named = (leaf.issuer.public_bytes(), leaf.serial_number)
        return uris, leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp(), named
    except ValueError as error:
        raise CallerError("the caller's certificate cannot be read") from error


@lru_cache(maxsize=4096)
def _is_trusted(pem: bytes, chain: bytes, ca: bytes) -> bool:
    try:
        leaf, shown = x509.load_pem_x509_certificate(pem), x509.load_pem_x509_certificates(chain) if chain else []
    except ValueError as error:
        raise CallerError("the caller's certificate cannot be read") from error
    return is_anchored(leaf, [item for item in shown if item != leaf], ca)
