"""An enterprise's own customs messages: read from its import client's folders, shown to the service's staff with history and exceptions [K1–K8].

Nothing of this leaves the service, and nothing is written to the client's folders.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from connectors.customs.channels import Channels
from connectors.customs.folders import ClientFolders
from connectors.customs.records import Batch, SingleWindow
from connectors.customs.store import CustomsStore
from connectors.errors import ConnectorError
from connectors.records import Malformed, Outcome, Record
from nodes.enterprise.settings import USCC, CustomsTable
from nodes.errors import NotFoundError
from nodes.runtime import logging

FILES_TAKEN = "customs.taken"
FOLDER_FAILING = "customs.folder_failing"
MOST_LISTED = 1_000
UsccPath = Annotated[str, Path(pattern=USCC)]
Seen = Callable[[str, str], None]
Year = Annotated[str, Query(pattern=r"^(|(19|20|21)[0-9]{2})$")]
_log = logging.logger("customs")


@dataclass(slots=True)
class _Client:
    """One enterprise's import client, and why its folders could not be read at the last look; empty where they could."""

    connector: SingleWindow
    failing: str = ""


class CustomsDesk:
    """Reads the folders of ``clients`` into ``engine``, each for itself, and tells what came of them. Thread-safe. ``now``: Unix time in seconds."""

    def __init__(self, clients: Sequence[CustomsTable], engine: Engine, now: Callable[[], int], scan_s: float) -> None:
        self._scan_s = scan_s
        self._clients: dict[str, _Client] = {}
        for client in clients:
            store = CustomsStore(engine, client.uscc, Channels(client.dialect), now)
            folders = ClientFolders(client.folder, client.quiet_s)
            self._clients[client.uscc] = _Client(SingleWindow(client.uscc, folders, store, now))

    def run(self, stopping: threading.Event) -> None:
        """Look at all folders now and again every ``scan_s`` seconds, until ``stopping`` is set."""
        while not stopping.is_set():
            self.turn(stopping)
            stopping.wait(self._scan_s)

    def turn(self, stopping: threading.Event) -> None:
        """Take what is complete in the folders. One client whose folders are away costs the others nothing."""
        for client in self._clients.values():
            try:
                for batch in client.connector.deliveries(client.connector.cursor):
                    _take(batch)
                    if stopping.is_set():
                        return
                client.failing = ""
            except SQLAlchemyError:
                raise
            except Exception as error:  # noqa: BLE001 - one enterprise's files must not stop the service of all others; it is logged and shown
                if not client.failing:
                    _log.warning(FOLDER_FAILING, error=type(error).__name__, where=logging.where(error))
                client.failing = str(error) if isinstance(error, ConnectorError) else type(error).__name__

    def declarations(self, uscc: str, year: str, limit: int, offset: int) -> dict[str, Any]:
        """Declarations of the client's messages with their history, the newest first; of all traders that it declares for. Raises NotFoundError."""
        return {"declarations": self._of(uscc).connector.store.declarations(year=year, limit=limit, offset=offset)}

    def exceptions(self, uscc: str) -> dict[str, Any]:
        """What a person should look at. Raises NotFoundError for an enterprise whose client is not read here."""
        client = self._of(uscc)
        store = client.connector.store
        return {
            "declarations": store.exceptions(MOST_LISTED),
            "waiting": store.waiting(MOST_LISTED),
            "failures": store.failures(MOST_LISTED),
            "refused": store.refused(),
            "folder": client.failing,
        }

    def records(self, uscc: str) -> dict[str, Any]:
        """The enterprise's own customs records, by year, as a customs department would compute them. Raises NotFoundError."""
        found = self._of(uscc).connector.records_of(uscc)
        return {"records": [{"year": record.period, "values": dict(record.values)} for record in found if isinstance(record, Record)]}

    def _of(self, uscc: str) -> _Client:
        if uscc not in self._clients:
            raise NotFoundError("this service reads no customs client of this enterprise")
        return self._clients[uscc]


def _take(batch: Batch) -> None:
    refused = tuple(item for item in batch.items() if isinstance(item, Malformed))
    batch.settle(Outcome.PARTLY if refused else Outcome.TAKEN, refused)
    _log.info(FILES_TAKEN, files=batch.files, refused=len(refused))


def routes(desk: CustomsDesk, seen: Seen) -> APIRouter:
    """The calls below ``/customs`` of the loopback interface. ``seen`` writes down who is looked at."""
    router = APIRouter(prefix="/customs")

    @router.get("/{uscc}/declarations")
    def declarations(
        uscc: UsccPath, year: Year = "", limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100, offset: Annotated[int, Query(ge=0, le=10**9)] = 0
    ) -> dict[str, Any]:
        """Declarations with their status history, the newest first; of one year of declaration, or of all."""
        seen("customs", uscc)
        return desk.declarations(uscc, year, limit, offset)

    @router.get("/{uscc}/exceptions")
    def exceptions(uscc: UsccPath) -> dict[str, Any]:
        """Declarations in trouble, answers without a declaration, failures of the client, files of which something was not taken."""
        seen("customs", uscc)
        return desk.exceptions(uscc)

    @router.get("/{uscc}/records")
    def records(uscc: UsccPath) -> dict[str, Any]:
        """Declarations, values by currency and days to clearance, by year."""
        seen("customs", uscc)
        return desk.records(uscc)

    return router
