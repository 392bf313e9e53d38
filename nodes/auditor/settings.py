"""Configuration of an auditor: the table ``[auditor]``."""

from __future__ import annotations

from nodes.runtime.settings import ConfigPath, NodeSettings, Table


class AuditorTable(Table):
    """``pin``: second copy of the witness's head, outside ``state_dir``; default ``witness.pin`` in ``keys_dir``. A witness whose
    state is older than its pin is retired."""

    pin: ConfigPath | None = None


class AuditorSettings(NodeSettings):
    auditor: AuditorTable
