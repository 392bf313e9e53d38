"""Writes every department's system from a population, with the mapping by which the department's node reads it.

``records/<member>/`` is what a node sees: mapping, drop folder, database, token. ``systems/<member>/`` is an HTTP API's own side.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import DNSName, IPAddress

from nodes.runtime.files import PRIVATE_FILE, make_private_directory, write_private
from scoring.indicators.model import Model
from simulators.departments import api
from simulators.departments.columns import Entry, Style
from simulators.departments.feeds import Feed, feed_of, mapping_bytes
from simulators.departments.files import SHEET, TextEncoding, csv_bytes, xlsx_bytes
from simulators.departments.view import LOCAL, SEQUENCE, fill_database, view_name
from simulators.departments.window import FOLDER, window_source, write_window
from simulators.population.records import write_drop
from simulators.population.tables import Population
from simulators.population.trade import DECLARED_FIELDS
from simulators.zone.authority import CertificateAuthority
from simulators.zone.layout import MemberPlan, ZonePlan

MAPPING, WINDOW, INBOX = "mapping.yaml", "window.yaml", "inbox"
PAGE, RATE_PER_S, RETRIES = 100, 20, 12
_KEY_COLUMNS = 2  # code and period
QUIET_S = 0  # files are moved into the folder whole


@dataclass(frozen=True, slots=True)
class System:
    """A department's system: its kind, where it is, the mapping (None: a drop folder in our own column names, which needs none), and the
    folder to serve where it is an API."""

    member: str
    kind: str
    where: str
    mapping: Path | None
    records: int
    serves: Path | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where systems stand. ``ports``: one for each HTTP API, as they are needed; ``database_url``: of a server for views, instead of files."""

    root: Path
    ports: Callable[[], int]
    database_url: str = ""
    malformed: int = 0


def write_systems(population: Population, model: Model, plan: ZonePlan, around: Surroundings) -> tuple[System, ...]:
    """The systems of every department of ``plan`` under ``around.root``, in the plan's order: one each, and beside it the import client of the
    office that holds customs declarations. Same population, same bytes, but for keys and tokens."""
    found: list[System] = []
    for name in ("records", "systems"):
        make_private_directory(around.root / name)
    departments = plan.with_role("department")
    whole = {member.id: population.table(member.id) for member in departments}
    declared = {name: [field for field in table.columns if field in DECLARED_FIELDS] for name, table in whole.items()}
    told = {name: table.without(declared[name]) for name, table in whole.items()}  # in a table, not by declarations
    shares = _shares(around.malformed, [name for name, table in told.items() if len(table.columns) > _KEY_COLUMNS])
    for member in departments:
        table, folder = told[member.id], make_private_directory(around.root / "records" / member.id)
        if member.id in shares:
            found.append(_mapped(feed_of(model, table, member.title, *_habits(member.department), shares[member.id]), folder, around))
        elif not declared[member.id]:  # a mapping has fields
            found.append(System(member.id, "csv", str(write_drop(table, folder)), None, len(table.rows)))
        if declared[member.id]:
            found.append(_window(population, member, folder))
    return tuple(found)


def mappings_of(systems: Sequence[System]) -> Mapping[str, Sequence[str]]:
    """Member -> names of its mappings in ``records``/<member>, for those that have any."""
    members = dict.fromkeys(system.member for system in systems if system.mapping is not None)
    return {member: [system.mapping.name for system in systems if system.member == member and system.mapping is not None] for member in members}


def _habits(department: str) -> tuple[Style, str]:
    _, style, day = _SYSTEMS.get(department, _SYSTEMS["credit"])
    return style, day


def _mapped(feed: Feed, folder: Path, around: Surroundings) -> System:
    make, _, _ = _SYSTEMS.get(feed.member.partition("-")[0], _SYSTEMS["credit"])
    source, where, serves = make(feed, folder, around)
    write_private(folder / MAPPING, feed.mapping(source))
    return System(feed.member, str(source["kind"]), where, folder / MAPPING, len(feed.table.rows), serves)


def _window(population: Population, member: MemberPlan, folder: Path) -> System:
    """The import client's folders, with the messages of every declaration."""
    year = int(population.period)
    source = window_source(year)
    write_window(population.firms, folder)
    write_private(folder / WINDOW, mapping_bytes(f"{member.id}-window", member.title, source))
    known = sum(any(shipment.day.year == year for shipment in firm.shipments) for firm in population.firms)
    return System(member.id, str(source["kind"]), str(folder / FOLDER), folder / WINDOW, known)


Made = tuple[Entry, str, Path | None]


def _csv(encoding: TextEncoding) -> Callable[[Feed, Path, Surroundings], Made]:
    def make(feed: Feed, folder: Path, _around: Surroundings) -> Made:
        target = make_private_directory(folder / INBOX) / f"{feed.member}.csv"
        write_private(target, csv_bytes(feed, encoding))
        return {"kind": "csv", "folder": INBOX, "pattern": "*.csv", "quiet_s": QUIET_S, "encoding": encoding}, str(target), None

    return make


def _xlsx(feed: Feed, folder: Path, _around: Surroundings) -> Made:
    target = make_private_directory(folder / INBOX) / f"{feed.member}.xlsx"
    write_private(target, xlsx_bytes(feed))
    return {"kind": "xlsx", "folder": INBOX, "pattern": "*.xlsx", "quiet_s": QUIET_S, "sheet": SHEET}, str(target), None


def _sql(feed: Feed, folder: Path, around: Surroundings) -> Made:
    view: Entry = {"view": view_name(feed), "cursor": SEQUENCE}
    if around.database_url:
        fill_database(feed, around.database_url)
        write_private(folder / "database.url", f"{around.database_url}\n".encode())
        return {"kind": "sql", "url_file": "database.url", **view}, view_name(feed), None
    fill_database(feed, f"sqlite:///{folder / LOCAL}")
    (folder / LOCAL).chmod(PRIVATE_FILE)
    return {"kind": "sql", "url": f"sqlite:///{LOCAL}", **view}, f"{folder / LOCAL} {view_name(feed)}", None


def _http(feed: Feed, folder: Path, around: Surroundings) -> Made:
    served, port = make_private_directory(around.root / "systems" / feed.member), around.ports()
    path = f"/api/v1/{feed.member}"
    numbers = {column.header for column in feed.columns if column.entry["type"] == "integer"}
    items = [
        {name: int(cell) if name in numbers and cell.isdigit() else cell or None for name, cell in zip(feed.headers, row, strict=True)}
        for row in feed.rows()
    ]
    write_private(served / api.ITEMS, json.dumps(items, ensure_ascii=False, indent=0).encode())
    write_private(served / api.SETTINGS, json.dumps({"port": port, "path": path}).encode())
    token = secrets.token_urlsafe(32).encode() + b"\n"
    for place in (served, folder):
        write_private(place / api.TOKEN, token)
    write_private(folder / "ca.pem", _certify(feed.title.en, served))
    url = f"https://{api.HOST}:{port}{path}"
    source: Entry = {
        "kind": "http",
        "url": url,
        "items": "data.list",
        "auth": {"kind": "bearer", "file": api.TOKEN},
        "page": {"by": "number", "parameter": "page", "size_parameter": "size", "size": PAGE},
        "rate_per_s": RATE_PER_S,
        "retries": RETRIES,
        "ca_file": "ca.pem",
    }
    return source, url, served


def _certify(name: str, served: Path) -> bytes:
    """Key and certificate of an API into ``served``; its authority's certificate."""
    authority, key = CertificateAuthority.create(name), ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(key.public_key(), [DNSName("localhost"), IPAddress(ip_address(api.HOST))])
    write_private(served / api.KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(served / api.CERTIFICATE, certificate.public_bytes(Encoding.PEM))
    return authority.certificate.public_bytes(Encoding.PEM)


def _shares(total: int, members: Sequence[str]) -> Mapping[str, int]:
    """``total`` malformed rows, dealt to those members in turn whose rows are read by a mapping."""
    return {member: total // len(members) + (place < total % len(members)) for place, member in enumerate(members)}


_ZH, _COMPACT, _SLASH, _ISO = "{0}年{1}月{2}日", "{0}{1:02d}{2:02d}", "{0}/{1}/{2}", "{0}-{1:02d}-{2:02d}"
_SYSTEMS: Mapping[str, tuple[Callable[[Feed, Path, Surroundings], Made], Style, str]] = {
    "tax": (_sql, Style("names", separator=",", typed=True), _ISO),
    "market": (_csv("gb18030"), Style(money="10k-yuan", missing="-"), _ZH),
    "science": (_xlsx, Style(money="10k-yuan", missing="无"), ""),
    "insurance": (_http, Style("camel", flags=("Y", "N")), ""),
    "ip": (_csv("utf-8-sig"), Style(thousands=True, wide=5), _COMPACT),
    "credit": (_csv("utf-8"), Style(money="10k-yuan", missing="无"), _SLASH),
    "statistics": (_xlsx, Style(money="10k-yuan", missing="-"), _SLASH),
    "development": (_csv("gb18030"), Style(money="10k-yuan"), ""),
    "industry": (_sql, Style("names", coded=True, typed=True), ""),
    "customs": (_csv("utf-8"), Style(coded=True), _COMPACT),
}
