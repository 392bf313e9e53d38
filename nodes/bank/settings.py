"""Configuration of a bank's process: the table ``[bank]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nodes.runtime.settings import Address, ConfigPath, GatewayUrl, Instances, NodeSettings, Table
from scoring.statements.lending import InstitutionKind


class BankTable(Table):
    """``listen``: loopback address for the bank's own systems; their bearer token is in ``state_dir``/api.token. ``gateway``: its public base;
    ``gateway_addresses``: where its two instances listen, if not where the base leads.

    ``kind``: of the institution; ``products``: the YAML file in which it states its products, published when they change.

    ``contracts_are_records``: contracts made here are loan records of their year too, beside ``records_dir`` and ``connectors``: switch it off
    where the core system's book, which these bring, has them already.

    ``records_dir`` and ``connectors``: where the bank's loan book comes from, for models that sum records over banks; without either the bank
    contributes nothing. They and the other three are as a department's (``nodes.department.settings``).
    """

    listen: Address
    gateway: GatewayUrl
    gateway_addresses: Instances = ""
    kind: InstitutionKind = "bank"
    products: ConfigPath | None = None
    contracts_are_records: bool = True
    records_dir: ConfigPath | None = None
    connectors: tuple[ConfigPath, ...] = ()
    epoch_secrets_kept: Annotated[int, Field(ge=1, le=64)] = 3
    encryption_window: Annotated[int, Field(ge=2, le=12)] = 10
    scan_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0


class BankSettings(NodeSettings):
    bank: BankTable
