"""Configuration of an auditor: the table ``[auditor]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from nodes.runtime.settings import ConfigPath, NodeSettings, Table


class AuditorTable(Table):
    """``pin``: second copy of the witness's head, outside ``state_dir``; default ``witness.pin`` in ``keys_dir``. A witness whose
    state is older than its pin is retired. ``witness_only``: cosign, and neither follow nor judge the log: for a member that is a witness
    and no auditor, which may not read what stands behind the leaves. ``notices_s``: how often heads are exchanged with custodians.

    ``columns_drawn`` batches of every column and ``rows_drawn`` rows of every department are drawn, rows every ``rows_every_s``; 0 draws
    none. What is not opened ``answers_due_s`` after a draw is missing. Without ``[peers.coordinator]`` nothing is drawn.
    """

    pin: ConfigPath | None = None
    witness_only: bool = False
    notices_s: float = Field(default=5.0, ge=0.1, le=60)
    columns_drawn: Annotated[int, Field(ge=0, le=64)] = 2
    rows_drawn: Annotated[int, Field(ge=0, le=64)] = 2
    rows_every_s: Annotated[int, Field(ge=1, le=366 * 86_400)] = 30 * 86_400
    answers_due_s: Annotated[int, Field(ge=1, le=30 * 86_400)] = 3 * 86_400


class AuditorSettings(NodeSettings):
    auditor: AuditorTable

    @property
    def pin(self) -> Path:
        """Where the witness's head is pinned."""
        return self.auditor.pin or self.keys_dir / "witness.pin"

    @property
    def written(self) -> dict[str, Path]:
        return {**super().written, "auditor.pin": self.pin}
