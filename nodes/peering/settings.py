"""Configuration of a peer zone's node: the table ``[peering]``. ``zone``, ``member``, keys and public directory are those in the *other* zone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from nodes.runtime.settings import ConfigPath, NodeSettings, Table
from scoring.statements import Name


class PeeringTable(Table):
    """``home``: the zone whose node this is. ``mirror_dir``: where what was mirrored lies as files, for the home zone's gateway [F8].
    ``pin``: second copy of the witness's head, outside ``state_dir``; default ``witness.pin`` in ``keys_dir``. ``publish_s``: how often the
    files are brought up to date at most; ``notices_s``: how often heads are exchanged with the other zone's custodians."""

    home: Name
    mirror_dir: ConfigPath
    pin: ConfigPath | None = None
    publish_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0
    notices_s: Annotated[float, Field(ge=0.1, le=60)] = 5.0


class PeeringSettings(NodeSettings):
    peering: PeeringTable

    @property
    def pin(self) -> Path:
        """Where the witness's head is pinned."""
        return self.peering.pin or self.keys_dir / "witness.pin"

    @property
    def written(self) -> dict[str, Path]:
        return {**super().written, "peering.pin": self.pin, "peering.mirror_dir": self.peering.mirror_dir}
