"""The first reading: every department's operator has its node read what its systems hold, with the command that operators use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nodes.commands.output import ExitCode
from nodes.errors import NotReadyError
from simulators.demo.artifacts import Ran, run_command
from simulators.departments.systems import System

AT_ONCE = 2  # each is a process that computes while it starts


def read_systems(systems: Sequence[System], config_dir: Path, tell: Callable[[str], None]) -> None:
    """Have the node of each of ``systems`` read all that there is, before it runs. Raises NotReadyError naming what could not be taken."""

    def read(member: str) -> Ran:
        return run_command("connector", "run", str(config_dir / f"{member}.toml"), "--once", "--json")

    members = list(dict.fromkeys(system.member for system in systems))
    with ThreadPoolExecutor(AT_ONCE) as readers:
        for member, ran in zip(members, readers.map(read, members), strict=True):
            if ran.exit_code != ExitCode.DONE:
                raise NotReadyError(f"{member} could not take all that its systems have: {ran.command}: {ran.document}")
            tell(f"    {member}: {', '.join(f'{system.records} records by {system.kind}' for system in systems if system.member == member)}")
