"""Mutual TLS for every call, and the caller's member id. There is no way to switch it off.

A server proves its member id by a DNS name that only listening members' certificates carry; a caller by the one URI SAN of its
certificate. The certificate's end is checked on every call, since a live connection outlasts it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import grpc
from cryptography import x509

from nodes.errors import CallerError
from nodes.runtime.peers.identity import Identity, certificate_uris, server_name
from nodes.runtime.peers.revoked import RevokedCertificates

MESSAGE_LIMIT = 4 << 20
_URI = re.compile(r"^xinqiao://([a-z][a-z0-9_-]{0,62})/([a-z][a-z0-9.-]{1,62})$")


def channel(identity: Identity, address: str, server: str) -> grpc.Channel:
    """Channel to the member ``server`` at ``address`` (host:port). A call on it fails as UNAVAILABLE when another answers there."""
    credentials = grpc.ssl_channel_credentials(identity.tls.ca, identity.tls.key, identity.tls.chain)
    options = [
        ("grpc.ssl_target_name_override", server_name(identity.zone, server)),
        ("grpc.max_receive_message_length", MESSAGE_LIMIT),
        ("grpc.max_send_message_length", MESSAGE_LIMIT),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 5_000),  # also the time that one attempt to connect may take
        ("grpc.max_reconnect_backoff_ms", 3_000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    return grpc.secure_channel(address, credentials, options=options)


def server_credentials(identity: Identity) -> grpc.ServerCredentials:
    """Credentials of a server that refuses every client without a certificate of the zone's CA."""
    return grpc.ssl_server_credentials([(identity.tls.key, identity.tls.chain)], identity.tls.ca, require_client_auth=True)


def caller(context: grpc.ServicerContext, zone: str, revoked: RevokedCertificates | None = None) -> str:
    """Member id of the caller, from its certificate. Raises CallerError unless it names exactly one member of ``zone``, is in force and,
    where ``revoked`` is given, was not taken back."""
    certificates = cast(Sequence[bytes], context.auth_context().get("x509_pem_cert", []))
    if len(certificates) != 1:
        raise CallerError("the caller showed no certificate")
    uris, not_before, not_after, serial = _read_certificate(bytes(certificates[0]))
    if len(uris) != 1:
        raise CallerError(f"the caller's certificate has {len(uris)} URI names; it must have exactly one")
    match = _URI.match(uris[0])
    if match is None or match[1] != zone:
        raise CallerError(f"the caller's certificate does not name a member of zone {zone}")
    if not not_before <= time.time() <= not_after:
        raise CallerError(f"the certificate of {match[2]} is not in force")
    if revoked is not None:
        revoked.check(serial)
    return match[2]


@lru_cache(maxsize=4096)
def _read_certificate(pem: bytes) -> tuple[tuple[str, ...], float, float, int]:
    try:
        leaf = x509.load_pem_x509_certificate(pem)
        return tuple(certificate_uris(leaf)), leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp(), leaf.serial_number
    except ValueError as error:
        raise CallerError("the caller's certificate cannot be read") from error
