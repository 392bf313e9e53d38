"""The first reading: every department's operator has its node read what its systems hold, with the command that operators use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from nodes.commands.output import ExitCode
from nodes.errors import NotReadyError
from simulators.demo.written.artifacts import Ran, run_command
from simulators.departments.systems import System

AT_ONCE = 2  # each is a process that computes while it starts


class FirstReading:
    """Reads all that ``systems`` hold into their departments' nodes, which do not run yet. A context: leaving it waits for what was begun."""

    def __init__(self, systems: Sequence[System]) -> None:
        self._systems = systems
        self._members = list(dict.fromkeys(system.member for system in systems))
        self._readers = ThreadPoolExecutor(AT_ONCE)
        self._begun: dict[str, Future[Ran]] = {}

    def __enter__(self) -> FirstReading:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._readers.shutdown(cancel_futures=True)

    def begin(self, config_dir: Path) -> None:
        """Begin, beside whatever else is done: ``config_dir`` holds the nodes' configurations."""
        for member in self._members:
            config = str(config_dir / f"{member}.toml")
            self._begun[member] = self._readers.submit(run_command, "connector", "run", config, "--once", "--json")

    def finish(self, tell: Callable[[str], None]) -> None:
        """Return when everything was read. Raises NotReadyError naming what could not be taken."""
        for member, begun in self._begun.items():
            ran = begun.result()
            if ran.exit_code != ExitCode.DONE:
                raise NotReadyError(f"{member} could not take all that its systems have: {ran.command}: {ran.document}")
            tell(f"    {member}: {', '.join(f'{system.records} records by {system.kind}' for system in self._systems if system.member == member)}")
