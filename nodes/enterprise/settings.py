"""Configuration of an enterprise service's process: the table ``[enterprise]``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from connectors.customs.channels import Dialect
from nodes.runtime.settings import Address, ConfigPath, GatewayUrl, NodeSettings, Table

USCC = r"^[0-9A-HJ-NPQRTUWXY]{18}$"


class CustomsTable(Table):
    """The import client of one enterprise: whose it is, its folder (ImpPath or Deccus001), which table its channel codes follow, and for how
    long a file must rest before it is read."""

    uscc: Annotated[str, StringConstraints(pattern=USCC)]
    folder: ConfigPath
    dialect: Dialect
    quiet_s: Annotated[float, Field(ge=0, le=86_400)] = 3.0


class EnterpriseTable(Table):
    """``listen``: loopback address for the service's staff; their bearer token is in ``state_dir``/api.token. ``gateway``: its public base.

    ``customs``: import clients that are read, at most one of an enterprise, looked at every ``customs_scan_s`` seconds.
    """

    listen: Address
    gateway: GatewayUrl
    consent_days: int = 365
    customs: tuple[CustomsTable, ...] = ()
    customs_scan_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        codes = [client.uscc for client in self.customs]
        if len(set(codes)) != len(codes):
            raise ValueError("customs: two clients of one enterprise; one is right")
        return self


class EnterpriseSettings(NodeSettings):
    enterprise: EnterpriseTable
