"""Configuration of a bank's process: the table ``[bank]``."""

from __future__ import annotations

from nodes.runtime.settings import Address, GatewayUrl, NodeSettings, Table


class BankTable(Table):
    """``listen``: loopback address for the bank's own systems; their bearer token is in ``state_dir``/api.token. ``gateway``: its public base."""

    listen: Address
    gateway: GatewayUrl


class BankSettings(NodeSettings):
    bank: BankTable
