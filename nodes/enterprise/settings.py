"""Configuration of an enterprise service's process: the table ``[enterprise]``."""

from __future__ import annotations

from nodes.runtime.settings import Address, GatewayUrl, NodeSettings, Table


class EnterpriseTable(Table):
    """``listen``: loopback address for the service's staff; their bearer token is in ``state_dir``/api.token. ``gateway``: its public base."""

    listen: Address
    gateway: GatewayUrl
    consent_days: int = 365


class EnterpriseSettings(NodeSettings):
    enterprise: EnterpriseTable
