"""Configuration of the gateway's process: the table ``[gateway]``."""

from __future__ import annotations

from nodes.runtime.settings import Address, ConfigPath, GatewayUrl, NodeSettings, Table


class GatewayTable(Table):
    """``public_base``: the address under which banks know the gateway, signed in every request. ``admin_token_file``: bearer token
    of the authority's staff, 0600, made at first start. Rates are requests a minute with bursts of a sixth of that."""

    listen: Address
    public_base: GatewayUrl
    admin_token_file: ConfigPath
    requests_per_minute_per_key: int = 1200
    requests_per_minute_per_address: int = 6000


class GatewaySettings(NodeSettings):
    gateway: GatewayTable
