"""Opens the register and keeps it up to date: one worker reads its sources as departments' nodes read theirs [R1.2]."""

from __future__ import annotations

import threading
from contextlib import suppress

from gateway.register.book import Register
from gateway.register.checked import FactsConnector
from gateway.register.settings import RegisterTable
from nodes.errors import NotReadyError
from nodes.records.deliveries import Intake
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import open_sources
from nodes.records.store import RecordStore
from nodes.roster_key import read_roster_key
from nodes.runtime.clock import now
from nodes.runtime.files import read_private
from nodes.runtime.lease import Lease
from nodes.runtime.process import Process
from nodes.runtime.shared import open_shared


def add_register(process: Process, table: RegisterTable | None, lease: Lease) -> Register:
    """The register of ``table`` in the process's database, read by a worker of ``process`` while it leads; without a table it knows nobody.

    Raises MappingError for a mapping that is wrong, SettingsError for a roster key that is none.
    """
    settings = process.settings
    engine = open_shared(lease, settings.state_dir, "records", settings.database_url, name="register")
    process.on_stop(engine.dispose)
    store, intake = RecordStore(engine), Intake(engine, now)
    if table is None:
        return Register(store, intake, b"", {})
    sources = [FactsConnector(source.connector) for source in open_sources(table, settings.state_dir, settings.database_url)]
    runner = Runner(intake, sources, turns_of(settings.state_dir, process.stopping))
    read = lease.when_leading(lambda stopping: keep_reading(runner, stopping, table.scan_s))
    process.worker("register", lambda: read(process.stopping))
    roster_key = read_roster_key(read_private(table.roster_key_file))
    return Register(store, intake, roster_key, table.divisions, [source.id for source in sources])


def keep_reading(runner: Runner, stopping: threading.Event, scan_s: float) -> None:
    """Take what the sources have, every ``scan_s`` seconds until ``stopping`` is set. A source that fails is noted and tried again later."""
    while not stopping.is_set():
        with suppress(NotReadyError):  # another has a source's turn, or the process stops
            runner.run()
        stopping.wait(scan_s)
