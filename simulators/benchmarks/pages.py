"""How long a page takes: officials' pages of a real zone after an epoch, over HTTPS to its gateway; and the explorer of a long log.

The long log is one by itself, read and indexed in this process and served over loopback: a zone whose every member had replayed it would
be measured no better.
"""

from __future__ import annotations

import re
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
from fastapi import FastAPI

from gateway.explorer.office import open_explorer
from nodes.evidence.roots import Roots
from nodes.log.publication import Publication
from nodes.log.reader import CHECKPOINT_PATH, Reader
from nodes.packs import shipped_pack
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.zone import Zone
from nodes.runtime.web import problems
from nodes.runtime.web.server import WebServer
from scoring.indicators.model import load_pack
from scoring.statements import Title
from simulators.benchmarks.epoch import percentile
from simulators.benchmarks.log import BATCH, make_bench_zone, sequencing, submissions
from simulators.benchmarks.processes import wait_until
from simulators.benchmarks.rows import Figure
from simulators.benchmarks.zone import measured_zone
from simulators.population import binjiang
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import demo_plan
from simulators.zone.people import add_people

ENTERPRISES, LEAF_COUNT, BITS = 8_104, 100_000, 2048
QUICK_ENTERPRISES, QUICK_LEAVES = 200, 2_000
LOOKS, WARM = 20, 2
TARGET_MS = "≤200"
READY_S, PERIOD = 120.0, 2023
COCKPIT = {
    "tables": "/cockpit/board",
    "tables of a county and trade": "/cockpit/board?place=330108-I",
    "list of enterprises": "/cockpit/enterprises",
    "list, searched and sorted": "/cockpit/enterprises?q=软件&sort=company&page=3",
    "list as CSV": "/cockpit/enterprises?format=csv",
    "key supervision": "/cockpit/supervision",
}
Tell = Callable[[str], None]


def run(quick: bool, tell: Tell) -> list[Figure]:
    """Looks at each page again and again. Takes about two minutes, half a minute when quick."""
    return [*cockpit_figures(QUICK_ENTERPRISES if quick else ENTERPRISES, tell), *explorer_figures(QUICK_LEAVES if quick else LEAF_COUNT, tell)]


def cockpit_figures(enterprises: int, tell: Tell) -> list[Figure]:
    """Pages of officials in a whole zone with one released epoch."""
    model, population = load_pack(shipped_pack(binjiang.PACK)), binjiang.generate(enterprises, 0, PERIOD)
    with measured_zone([population], [shipped_pack(binjiang.PACK)], BITS, tell) as zone:
        cost = zone.epoch(model, population.period)
        tell(f"  epoch of {cost.enterprises:,} released after {cost.seconds:.0f} s")
        accounts = add_people(demo_plan(), {path.stem: path for path in (zone.directory / "config").glob("*.toml")})
        chief = next(account for account in accounts if account.person.name == "chief")
        trust = ssl.create_default_context(cafile=str(zone.directory / "public" / "ca.pem"))
        with httpx.Client(base_url=read_endpoints(zone.directory)["gateway"], verify=trust, headers={"accept": "text/html"}, timeout=60) as visitor:
            _sign_in(visitor, chief.person.name, chief.password)
            _wait_for(visitor, COCKPIT["tables"], "data:image/svg+xml")
            subject = re.findall(r"/cockpit/enterprises/([0-9a-f]{32})", visitor.get(COCKPIT["list of enterprises"]).text)[0]
            pages = {**COCKPIT, "one enterprise": f"/cockpit/enterprises/{subject}"}
            return [_figure(f"cockpit, {cost.enterprises:,} enterprises: {name}", visitor, path) for name, path in pages.items()]


def explorer_figures(count: int, tell: Tell) -> list[Figure]:
    """Pages of the explorer over a log of ``count`` leaves."""
    with tempfile.TemporaryDirectory(prefix="xinqiao-bench-") as directory:
        root = Path(directory) / "zone"
        zone = make_bench_zone(root)
        with sequencing(zone, "long") as (sequencer, reader, publication):
            for _ in range(count // BATCH):
                sequencer.submit(submissions(BATCH)).result()
            with _served(root, _Tree(reader, publication), tell) as visitor:
                digest = re.findall(r"<code>([0-9a-f]{64})</code>", visitor.get("/explorer").text)[0]
                pages = {
                    "newest leaves": "/explorer",
                    "leaves in the middle": f"/explorer?page={count // 100}",
                    "a kind, from the first": "/explorer?kind=refusal&sort=index&page=9",
                    "a digest": f"/explorer?digest={digest[:16]}",
                    "one leaf with its proof": f"/explorer/leaves/{count // 3}",
                    "consistency": f"/explorer/consistency?earlier={count // 7}",
                }
                return [_figure(f"explorer, {count:,} leaves: {name}", visitor, path) for name, path in pages.items()]


@dataclass(frozen=True, slots=True)
class _Tree:
    """The log's static tree, as ``LogClient.read_tile`` gives it; its checkpoint without witnesses, of whom there are none here."""

    reader: Reader
    publication: Publication

    def read_tile(self, path: str) -> bytes:
        return self.publication.signed.note if path == CHECKPOINT_PATH else self.reader.read_path(path)


@contextmanager
def _served(root: Path, tree: _Tree, tell: Tell) -> Iterator[httpx.Client]:
    zone, state = Zone(root / "public"), root / "state" / "explorer"
    engine, pages = open_database(state, "gateway"), open_database(state, "pages")
    site = Site("bench", Title(zh="测量", en="bench"), pages, now)
    log = cast(LogClient, tree)
    office = open_explorer(site, zone, log, engine, lambda: Roots.load(root / "public"), lambda _index: b"", now)
    start = time.perf_counter()
    size = office.index.update()
    tell(f"  {size:,} leaves verified and indexed in {time.perf_counter() - start:.1f} s")
    app = FastAPI()
    problems.install(app)
    app.include_router(office.router)
    site.install(app)
    server = WebServer(app, "127.0.0.1:0")
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers={"accept": "text/html"}, timeout=60) as visitor:
            yield visitor
    finally:
        server.stop()
        thread.join()
        engine.dispose()


def _figure(name: str, visitor: httpx.Client, path: str) -> Figure:
    """The 95th percentile of some looks at one page, after a few that are not counted. Raises RuntimeError for a page that is none."""
    times = []
    for look in range(WARM + LOOKS):
        start = time.perf_counter()
        answer = visitor.get(path)
        if look >= WARM:
            times.append(time.perf_counter() - start)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")
    target = "" if "format=" in path else TARGET_MS  # a file of everything is no page
    return Figure(f"{name}, 95th percentile", 1000 * percentile(sorted(times), 95), "ms", target)


def _sign_in(visitor: httpx.Client, name: str, password: str) -> None:
    form = re.findall(r'name="form" value="([^"]+)"', visitor.get("/sign-in").text)[0]
    answer = visitor.post("/sign-in", data={"form": form, "next": "/", "name": name, "password": password})
    if answer.status_code != 303:
        raise RuntimeError(f"sign-in: {answer.status_code}")


def _wait_for(visitor: httpx.Client, path: str, text: str) -> None:
    """Return once a page shows ``text``: the tables are made after the release. Raises NotReadyError."""
    wait_until(lambda: text in visitor.get(path).text, f"{path} shows its tables", READY_S, look_s=0.2)
