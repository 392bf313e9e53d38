"""Addresses that an answer leads to: formed and compared before anything is asked of them."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from connectors.errors import DeliveryError

_PORTS = {"https": 443, "http": 80}


def origin_of(uri: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of ``uri``. Raises DeliveryError when it is none.

    >>> origin_of("https://api.example/v1?page=2") == origin_of("https://API.example:443/")
    True
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise DeliveryError("the answer leads to what is no address 应答中的网址无效") from error
    return parts.scheme, parts.hostname or "", _PORTS.get(parts.scheme) if port is None else port


def joined(uri: str, link: str) -> str:
    """Where ``link``, found in the answer to ``uri``, leads. Raises DeliveryError when it is no address."""
    try:
        return urljoin(uri, link)
    except ValueError as error:
        raise DeliveryError("the answer leads to what is no address 应答中的网址无效") from error
