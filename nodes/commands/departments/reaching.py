"""Whether anybody listens at the address of a source: a node asks again for minutes, who tries a mapping out does not wait for that."""

from __future__ import annotations

import socket

from connectors.api.addresses import origin_of
from connectors.errors import SourceUnavailableError
from connectors.sources import HttpSource

LONGEST_S = 10.0


def reach(source: object) -> None:
    """Returns when ``source`` is no HTTP API, or something listens at its address. Raises SourceUnavailableError."""
    if not isinstance(source, HttpSource):
        return
    _, host, port = origin_of(source.url)
    try:
        socket.create_connection((host, port or 0), timeout=min(source.timeout_s, LONGEST_S)).close()
    except OSError as error:
        raise SourceUnavailableError(f"nobody answers at {host}:{port}: {error.strerror or error} 无人应答") from error
