"""One TOML file a process, parsed once into frozen settings. Nothing here has a meaning to a role: roles add their own tables.

A role's settings subclass ``NodeSettings`` and add one table named after the role, itself a subclass of ``Table``. Paths in the
file are relative to the file. A value may be overridden by an environment variable ``XINQIAO_<KEY>`` (tables joined by ``__``),
so that a database password need not stand in a file; any other ``XINQIAO_`` variable is an error, as is an unknown key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from nodes.errors import SettingsError
from scoring.statements import MemberId, Name

ENV_PREFIX = "XINQIAO_"
ROLES = ("department", "custodian", "bank", "enterprise", "coordinator", "log", "gateway", "auditor", "peering")

_base_dir: ContextVar[Path | None] = ContextVar("base_dir", default=None)


def _resolve(path: Path) -> Path:
    base = _base_dir.get()
    return path if base is None or path.is_absolute() else Path(os.path.normpath(base / path))


ConfigPath = Annotated[Path, AfterValidator(_resolve)]
_ADDRESS = r"[A-Za-z0-9.:\[\]-]+:[0-9]{1,5}"
Address = Annotated[str, StringConstraints(pattern=f"^{_ADDRESS}$")]  # host:port; port 0 takes a free one
Addresses = Annotated[str, StringConstraints(pattern=f"^{_ADDRESS}(,{_ADDRESS})*$")]  # of the instances of one process, with commas between
Instances = Annotated[str, StringConstraints(pattern=f"^({_ADDRESS}(,{_ADDRESS})*)?$")]  # such, or empty
GatewayUrl = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.\-]+(:[0-9]{1,5})?$")]  # public base, no trailing slash

TracesUrl = Annotated[
    str, StringConstraints(pattern=r"^(https://[^\s/@]+|http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?)(/[^\s?#]*)?$", max_length=200)
]


class Table(BaseModel):
    """Base of the tables of a configuration: frozen, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Peer(Table):
    """A process that this one calls: the member that must answer there, and where; the addresses of all its instances where it has two."""

    member: MemberId
    address: Addresses


class Peers(Table):
    """The listening members of the zone. A process that never calls one leaves it out."""

    coordinator: Peer | None = None
    log: Peer | None = None


class Observe(Table):
    """What this process tells of itself to its own operator; nothing unless configured. ``listen``: host:port on loopback for /healthz,
    /readyz and /metrics. ``traces``: an OTLP receiver; ``traces_ca`` its authority, where that is none of the system's; ``traces_ratio`` of
    the traces that begin here are recorded; ``traces_from_outside``: what becomes of a stranger's trace, linked to, continued or ignored.
    """

    listen: Address | None = None
    traces: TracesUrl | None = None
    traces_ca: ConfigPath | None = None
    traces_ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    traces_from_outside: Literal["link", "parent", "ignore"] = "link"


class NodeSettings(BaseSettings):
    """What every process is told: who it is, where its directories are, whom it calls.

    ``state_dir`` (0700, its own) holds its database and everything that it stores; ``keys_dir`` (0700) its certificate and
    private keys; ``public_dir`` the zone's public files, among them the pinned roots of trust.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__")

    member: MemberId
    zone: Name
    state_dir: ConfigPath
    keys_dir: ConfigPath
    public_dir: ConfigPath
    peers: Peers = Peers()
    database_url: str = Field(default="", repr=False)  # empty: SQLite in state_dir; else a postgresql+psycopg URL
    observe: Observe = Observe()
    standby_after_s: float = Field(default=15.0, ge=1.0)  # how long the leading instance behind one PostgreSQL may be silent
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @classmethod
    def load(cls, path: Path) -> Self:
        """Settings from the TOML file ``path``. Raises SettingsError naming the file, the key and what is wrong with it."""
        document = read_toml(path)
        _refuse_unknown_environment(cls.model_fields)
        token = _base_dir.set(path.absolute().parent)
        try:
            return cls(**document)
        except ValidationError as error:
            raise SettingsError(f"{path}: {'; '.join(_faults(error))}") from error
        finally:
            _base_dir.reset(token)

    @property
    def written(self) -> dict[str, Path]:
        """Every file and directory that the process writes, by the key that names it; a role with more of them adds its own."""
        return {"state_dir": self.state_dir}

    def peer(self, role: Literal["coordinator", "log"]) -> Peer:
        """The configured peer of ``role``. Raises SettingsError when the file does not name it."""
        peer = self.peers.coordinator if role == "coordinator" else self.peers.log
        if peer is None:
            raise SettingsError(f"the configuration of {self.member} has no [peers.{role}]")
        return peer


class AnyRoleSettings(NodeSettings):
    """What every process is told, whatever its role's own table says: for commands that serve several roles."""

    model_config = SettingsConfigDict(extra="ignore")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SettingsError when it is missing or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"configuration {path} does not exist") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"configuration {path}: {error}") from error


def role_of(path: Path) -> str:
    """The role whose program runs the configuration ``path``: the first of ROLES that has a table in it.

    A department that is also a custodian has both tables and is run by the department's program.
    Raises SettingsError when there is none.
    """
    document = read_toml(path)
    for role in ROLES:
        if role in document:
            return role
    raise SettingsError(f"configuration {path} has no role table: one of {', '.join(f'[{role}]' for role in ROLES)}")


def _faults(error: ValidationError) -> Iterable[str]:
    for fault in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in fault["loc"]) or "configuration"
        yield f"{key}: {'unknown key' if fault['type'] == 'extra_forbidden' else fault['msg']}"


def _refuse_unknown_environment(known: Iterable[str]) -> None:
    names = {name.upper() for name in known}
    for variable in sorted(os.environ):
        upper = variable.upper()
        if upper.startswith(ENV_PREFIX) and upper.removeprefix(ENV_PREFIX).split("__")[0] not in names:
            raise SettingsError(f"environment variable {variable} is not a setting of this process")
