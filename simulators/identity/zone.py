"""The enterprises' pages of a zone on one machine, with the stand-in as their identity provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from crypto.encoding import canonical_json
from nodes.enterprise.entrance.pages import RETURN
from nodes.runtime.files import make_private_directory, read_private, write_private, write_public
from nodes.runtime.pages.accounts import ENTERPRISE
from simulators.departments.window import CLIENT, DIALECT, write_window
from simulators.departments.window import FOLDER as CLIENT_FOLDER
from simulators.identity.accounts import Account
from simulators.identity.serving import ACCOUNTS, CLIENT_ID, Standin, arrange
from simulators.population.tables import Firm
from simulators.population.trade import Shipment
from simulators.zone.configs import read_endpoints, to_toml
from simulators.zone.layout import ZonePlan

FOLDER = Path("systems") / "identity"


def add_enterprise_pages(plan: ZonePlan, out: Path, accounts: Sequence[Account], port: Callable[[], int]) -> Standin:
    """Give the enterprise service of the zone in ``out`` its pages, under localhost, and a stand-in for ``accounts``, which is not started yet.

    Both addresses are added to endpoints.json. ``port`` gives a free port a call.
    """
    pages, provider = port(), port()
    origin = f"http://localhost:{pages}"
    made = arrange(out / FOLDER, provider, origin + RETURN, accounts)
    config = out / "config" / f"{service_of(plan)}.toml"
    table: dict[str, Any] = {
        "listen": f"127.0.0.1:{pages}",
        "origin": origin,
        "sign_in": {
            "issuer": made.issuer,
            "client_id": CLIENT_ID,
            "client_secret_file": f"../{made.secret_file.relative_to(out)}",
            "title": {"zh": "浙里办（演示替身）", "en": "the stand-in for Zheli Ban"},
        },
    }
    settings = read_private(config).decode()
    write_private(config, f"{settings}\n{to_toml(table, ('enterprise', 'pages'))}".encode())
    write_public(out / "endpoints.json", canonical_json({**read_endpoints(out), "enterprise_pages": origin, "identity_provider": made.issuer}))
    return Standin(out / FOLDER)


def add_customs_client(plan: ZonePlan, out: Path, firm: Firm) -> None:
    """Give one enterprise of the service an import client of its own, with the messages of three declarations."""
    shipments = tuple(Shipment(date(2024, month, 12), Decimal(20_000 * month), days) for month, days in ((3, 2), (6, 5), (9, None)))
    folder = out / "systems" / "own-customs"
    write_window([replace(firm, shipments=shipments)], make_private_directory(folder))
    table = {"uscc": firm.uscc, "folder": f"../{folder.relative_to(out)}/{CLIENT_FOLDER}/{CLIENT}", "dialect": DIALECT, "quiet_s": 0}
    config = out / "config" / f"{service_of(plan)}.toml"
    lines = to_toml(table, ("enterprise", "customs")).replace("[enterprise.customs]", "[[enterprise.customs]]")
    write_private(config, f"{read_private(config).decode()}\n{lines}".encode())


def service_of(plan: ZonePlan) -> str:
    """The process of the enterprise service."""
    return next(process.name for process in plan.processes if "enterprise" in process.tables)


def tell_accounts(plan: ZonePlan, out: Path, codes: Sequence[str]) -> None:
    """Add the representatives of the enterprises ``codes``, and whoever represents nobody, to the accounts.json of the zone in ``out``."""
    known = json.loads(read_private(out / "accounts.json"))
    people = [Account.from_json(item) for item in json.loads(read_private(out / FOLDER / ACCOUNTS))]
    for person in people:
        of = person.enterprises[0]
        if of.uscc in codes or not any(item.represents for item in person.enterprises):
            known.append({
                "process": service_of(plan), "password": person.password, "name": person.account, "title": f"{person.name}（{of.company}）",
                "roles": [ENTERPRISE], "divisions": [], "trades": [], "about": of.uscc,
            })  # fmt: skip
    write_private(out / "accounts.json", canonical_json(known))
