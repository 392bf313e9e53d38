"""Configuration of the coordinator's process: the table ``[coordinator]``."""

from __future__ import annotations

from pydantic import Field

from nodes.runtime.settings import Address, ConfigPath, NodeSettings, Table


class CoordinatorTable(Table):
    """``patience_s``: how long a chosen quorum of custodians may take for a request before the others are asked too. Rates are of what
    one member sends (contributions, documents, statements, messages, answers to tickets) and of what one key signs, the gateway's front
    included; bursts are a sixth of a minute's. ``recovery_key``: the public half of the zone's recovery key; with it, everything is sealed for
    peers to keep [F20]. ``backup_held_by``: once so many peers hold a sealed chunk it is dropped here; 0 keeps all of them [F23]."""

    listen: Address
    patience_s: float = 4.0
    opening_timeout_s: float = 25.0
    bulk_timeout_s: float = 900.0
    prepare_timeout_s: float = 300.0
    ticket_life_s: int = 600
    batches_per_ticket: int = 16
    sent_per_minute_per_member: int = Field(default=6000, gt=0)
    statements_per_minute_per_key: int = Field(default=1200, gt=0)
    recovery_key: ConfigPath | None = None
    backup_held_by: int = Field(default=0, ge=0, le=16)


class CoordinatorSettings(NodeSettings):
    coordinator: CoordinatorTable
