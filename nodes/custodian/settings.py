"""Configuration of a custodian: the table ``[custodian]``, in a process of its own or beside ``[department]``."""

from __future__ import annotations

from nodes.runtime.settings import ConfigPath, NodeSettings, Table


class CustodianTable(Table):
    """``passphrase_file`` (0600) protects the share at rest; keep it on another medium than the state directory."""

    passphrase_file: ConfigPath
    witness_wait_s: float = 20.0


class CustodianSettings(NodeSettings):
    custodian: CustodianTable
