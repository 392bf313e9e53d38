"""What of a demonstration runs: the zone's processes, the departments' APIs, the identity provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulators.departments.serving import Servers
from simulators.departments.systems import System
from simulators.identity.serving import Standin
from simulators.zone.processes import ZoneProcesses


@dataclass
class Running:
    """All three, once there are any; stops them on leaving."""

    processes: ZoneProcesses | None = None
    _apis: Servers | None = None
    _provider: Standin | None = None

    def provide(self, provider: Standin) -> None:
        """Run the identity provider of the enterprises' people."""
        self._provider = provider
        provider.start()

    def serve(self, systems: Sequence[System]) -> None:
        """Run the APIs among ``systems``: processes beside the zone's, which no member runs."""
        self._apis = Servers(system.serves for system in systems if system.serves is not None)
        self._apis.start()

    def usage(self) -> dict[str, Any]:
        return {} if self.processes is None else self.processes.usage()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.processes is not None:
            self.processes.close()
        if self._provider is not None:
            self._provider.close()
        if self._apis is not None:
            self._apis.close()
