"""Configuration of a peer zone's node: the table ``[peering]``. ``zone``, ``member``, keys and public directory are those in the *other* zone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from nodes.runtime.settings import ConfigPath, NodeSettings, Table
from scoring.statements import Name

GB = 1_000_000_000
Gigabytes = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
LOG, ITEMS, BACKUP = "log", "items", "backup"
"""The parts of what another zone sends, each with a bound of its own."""


class PeeringTable(Table):
    """``home``: the zone whose node this is. ``mirror_dir``: where what was mirrored lies as files, for the home zone's gateway [F8].
    ``pin``: second copy of the witness's head, outside ``state_dir``; default ``witness.pin`` in ``keys_dir``. ``publish_s``: how often the
    files are brought up to date at most; ``notices_s``: how often heads are exchanged with the other zone's custodians.

    ``log_gb``, ``items_gb``, ``backup_gb``: how much of the other zone's log, of its items and of its sealed backup is kept at most [F24]."""

    home: Name
    mirror_dir: ConfigPath
    pin: ConfigPath | None = None
    publish_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0
    notices_s: Annotated[float, Field(ge=0.1, le=60)] = 5.0
    log_gb: Gigabytes = 20.0
    items_gb: Gigabytes = 1.0
    backup_gb: Gigabytes = 50.0

    @property
    def most_bytes(self) -> dict[str, int]:
        """The bounds by part, in bytes."""
        return {part: int(bound * GB) for part, bound in ((LOG, self.log_gb), (ITEMS, self.items_gb), (BACKUP, self.backup_gb))}


class PeeringSettings(NodeSettings):
    peering: PeeringTable

    @property
    def pin(self) -> Path:
        """Where the witness's head is pinned."""
        return self.peering.pin or self.keys_dir / "witness.pin"

    @property
    def written(self) -> dict[str, Path]:
        return {**super().written, "peering.pin": self.pin, "peering.mirror_dir": self.peering.mirror_dir}
