"""Configuration of an enterprise service's process: the table ``[enterprise]``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from connectors.customs.channels import Dialect
from nodes.runtime.settings import Address, ConfigPath, GatewayUrl, Instances, NodeSettings, Table
from scoring.statements import Name, Title

USCC = r"^[0-9A-HJ-NPQRTUWXY]{18}$"
_HTTPS = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?"
_LOOPBACK = r"http://(localhost|127\.0\.0\.1):[0-9]{1,5}"


class CustomsTable(Table):
    """The import client of one enterprise: whose it is, its folder (ImpPath or Deccus001), which table its channel codes follow, and for how
    long a file must rest before it is read."""

    uscc: Annotated[str, StringConstraints(pattern=USCC)]
    folder: ConfigPath
    dialect: Dialect
    quiet_s: Annotated[float, Field(ge=0, le=86_400)] = 3.0


class ClaimsTable(Table):
    """Under which names the identity provider asserts a person's name, the code (USCC) of an enterprise, and what the person is to it."""

    name: str = "name"
    uscc: str = "uscc"
    role: str = "role"


class SignInTable(Table):
    """The identity provider, by OpenID Connect: its ``issuer``, and this service as its client.

    ``title``: what people call it. ``ca_file``: who signed its certificate, where that is no authority of the system. ``representatives``:
    the roles that speak for an enterprise. A passkey works for ``passkey_days`` after the provider last asserted its person.
    """

    kind: Literal["oidc"] = "oidc"
    issuer: Annotated[str, StringConstraints(pattern=rf"^({_HTTPS}(/[A-Za-z0-9._~/-]*)?|{_LOOPBACK})$")]
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    client_secret_file: ConfigPath
    title: Title = Title(zh="浙里办", en="Zheli Ban")
    ca_file: ConfigPath | None = None
    claims: ClaimsTable = ClaimsTable()
    representatives: Annotated[tuple[str, ...], Field(min_length=1)] = ("legal-representative",)
    passkey_days: Annotated[int, Field(ge=1, le=365)] = 90


class PagesTable(Table):
    """The enterprises' own pages: where they are served, and under which ``origin`` browsers see them.

    With ``certificate`` and ``key`` over TLS; without, on loopback, behind a proxy of the county or for this machine alone: then all calls come
    from one address, and ``requests_per_minute_per_address`` (in bursts of a sixth) is for everybody together.
    """

    listen: Address
    origin: Annotated[str, StringConstraints(pattern=rf"^({_HTTPS}|{_LOOPBACK})$")]
    certificate: ConfigPath | None = None
    key: ConfigPath | None = None
    requests_per_minute_per_address: Annotated[int, Field(ge=60)] = 1200
    sign_in: SignInTable

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("pages: certificate and key go together")
        return self


class ZoneTable(Table):
    """Another zone to which enterprises may show their scores: its name, its gateway's public base, and who signed that one's certificate."""

    zone: Name
    title: Title
    gateway: GatewayUrl
    ca_file: ConfigPath


class EnterpriseTable(Table):
    """``listen``: loopback address for the service's staff; their bearer token is in ``state_dir``/api.token. ``gateway``: its public base;
    ``gateway_addresses``: where its two instances listen, if not where the base leads.

    ``customs``: import clients that are read, at most one of an enterprise, looked at every ``customs_scan_s`` seconds. ``pages``: the
    enterprises' own pages; left out, there are none. ``zones``: other zones to which scores may be shown.
    """

    listen: Address
    gateway: GatewayUrl
    gateway_addresses: Instances = ""
    consent_days: int = 365
    customs: tuple[CustomsTable, ...] = ()
    customs_scan_s: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    pages: PagesTable | None = None
    zones: tuple[ZoneTable, ...] = ()

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        codes = [client.uscc for client in self.customs]
        if len(set(codes)) != len(codes):
            raise ValueError("customs: two clients of one enterprise; one is right")
        names = [other.zone for other in self.zones]
        if len(set(names)) != len(names):
            raise ValueError("zones: one zone twice; once is right")
        return self


class EnterpriseSettings(NodeSettings):
    enterprise: EnterpriseTable
