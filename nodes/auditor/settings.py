"""Configuration of an auditor: the table ``[auditor]``."""

from __future__ import annotations

from pydantic import Field

from nodes.runtime.settings import ConfigPath, NodeSettings, Table


class AuditorTable(Table):
    """``pin``: second copy of the witness's head, outside ``state_dir``; default ``witness.pin`` in ``keys_dir``. A witness whose
    state is older than its pin is retired. ``witness_only``: cosign, and neither follow nor judge the log: for a member that is a witness
    and no auditor, which may not read what stands behind the leaves. ``notices_s``: how often heads are exchanged with custodians."""

    pin: ConfigPath | None = None
    witness_only: bool = False
    notices_s: float = Field(default=5.0, ge=0.1, le=60)


class AuditorSettings(NodeSettings):
    auditor: AuditorTable
