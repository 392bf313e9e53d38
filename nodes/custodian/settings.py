"""Configuration of a custodian: the table ``[custodian]``, in a process of its own or beside ``[department]``."""

from __future__ import annotations

from pydantic import Field

from nodes.runtime.settings import ConfigPath, NodeSettings, Table


class CustodianTable(Table):
    """``passphrase_file`` (0600) protects the share at rest; keep it on another medium than the state directory.

    ``notices_s``: how often heads and revocations are exchanged. A custodian that is not heard of for ``head_report_s`` is reported; a head
    may be beyond ours for ``head_lag_s``; when too few are heard of for ``head_silence_s``, nothing is opened [L5].
    """

    passphrase_file: ConfigPath
    witness_wait_s: float = 20.0
    notices_s: float = Field(default=5.0, ge=0.1, le=60)
    head_report_s: int = Field(default=120, ge=1)
    head_lag_s: int = Field(default=60, ge=1)
    head_silence_s: int = Field(default=86_400, ge=1)


class CustodianSettings(NodeSettings):
    custodian: CustodianTable
