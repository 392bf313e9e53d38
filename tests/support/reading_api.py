"""A mapping that reads a department's JSON API, the ways in which such an API pages, and what a run gives."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.pages import ApiConnector
from connectors.errors import DeliveryError
from connectors.records import Record
from tests.support.connecting import CODES

MAPPING = """\
format: xinqiao/connector/v1
id: api
title: {{zh: 接口, en: API}}
source: {{kind: http, url: "{url}/v1/returns", items: data.records, ca_file: ca.pem, retries: 3{more}}}
keys: {{uscc: uscc, period: {{constant: "2023"}}}}
fields:
  revenue: {{column: finance.revenue, type: amount, unit: 10k-yuan, to: yuan}}
  listed: {{column: listed, type: flag, "true": ["true"], "false": ["false"]}}
  staff: {{column: staff, type: integer, optional: true}}
"""
PAGES = {
    "number": "page: {by: number, parameter: page, size_parameter: size, size: 2}",
    "number up to a total": "page: {by: number, parameter: page, size_parameter: size, size: 2, total: data.total}",
    "offset": "page: {by: offset, parameter: offset, size_parameter: size, size: 2}",
    "next": "parameters: {size: '2', after: ''}, page: {by: next, path: data.next}",
    "cursor": "parameters: {size: '2', after: ''}, page: {by: cursor, parameter: after, path: data.cursor}",
}
Open = Callable[..., ApiConnector]
"""Opens a connector with more said of its source: the fixture ``connector``."""


def item(place: int, **other: object) -> dict[str, object]:
    """What the API says of the company at ``place``."""
    return {"uscc": CODES[place], "finance": {"revenue": 1.5}, "listed": True, "staff": place, **other}


def read(connector: ApiConnector, cursor: str = "") -> list[str]:
    """Codes of the records, reasons of what was refused, and of pages that could not be read."""
    found = []
    for delivery in connector.deliveries(cursor):
        try:
            found += [read.uscc if isinstance(read, Record) else f"{read.field}: {read.reason}" for read in delivery.items()]
        except DeliveryError as error:
            found.append(str(error))
    return found
