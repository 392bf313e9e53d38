"""Configuration of the coordinator's process: the table ``[coordinator]``."""

from __future__ import annotations

from nodes.runtime.settings import Address, NodeSettings, Table


class CoordinatorTable(Table):
    """``patience_s``: how long a chosen quorum of custodians may take for a request before the others are asked too."""

    listen: Address
    patience_s: float = 4.0
    opening_timeout_s: float = 25.0
    bulk_timeout_s: float = 900.0
    prepare_timeout_s: float = 300.0
    ticket_life_s: int = 600
    batches_per_ticket: int = 16


class CoordinatorSettings(NodeSettings):
    coordinator: CoordinatorTable
