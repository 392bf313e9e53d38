"""A drop folder of CSV files: its deliveries, and what one file gives."""

from __future__ import annotations

from pathlib import Path

from connectors.connect import open_connector
from connectors.records import Delivery, Malformed, Record


def deliveries(inbox: Path) -> list[Delivery]:
    """What the connector of the mapping beside it would take now."""
    return list(open_connector(inbox.parent / "tax.yaml").deliveries(""))


def read(inbox: Path, data: bytes) -> tuple[list[Record], list[Malformed]]:
    """Records, and rows that are refused, of a file with this content."""
    (inbox / "a.csv").write_bytes(data)
    (delivery,) = deliveries(inbox)
    items = list(delivery.items())
    return [item for item in items if isinstance(item, Record)], [item for item in items if isinstance(item, Malformed)]
