"""Configuration of the gateway's process: the table ``[gateway]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.register.settings import RegisterTable
from nodes.peering.settings import Gigabytes
from nodes.runtime.settings import Address, ConfigPath, GatewayUrl, Instances, NodeSettings, Table


class GatewayTable(Table):
    """``public_base``: the address under which banks know the gateway, signed in every request. ``admin_token_file``: bearer token
    of the authority's staff, 0600, made at first start. Rates are requests a minute with bursts of a sixth of that. ``register``: the
    public register by which pages name enterprises; without it they show subject ids. ``instances``: where the gateway's two instances
    listen, for commands of the authority's staff, which ask the one that acts. ``credentials_gb``: how much is kept of the scores that enterprises
    bring from each peer zone [F24]."""

    listen: Address
    public_base: GatewayUrl
    admin_token_file: ConfigPath
    instances: Instances = ""
    requests_per_minute_per_key: int = 1200
    requests_per_minute_per_address: int = 6000
    credentials_gb: Gigabytes = 5.0
    public_register: Annotated[RegisterTable | None, Field(alias="register")] = None


class GatewaySettings(NodeSettings):
    gateway: GatewayTable

    @property
    def written(self) -> dict[str, Path]:
        token = self.gateway.admin_token_file
        return {**super().written} if token.exists() else {**super().written, "gateway.admin_token_file": token}
