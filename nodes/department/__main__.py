"""A department's process: ``python -m nodes.department CONFIG``. Carries the custodian's role too where CONFIG has ``[custodian]``."""

from __future__ import annotations

from pathlib import Path

from nodes.custodian.role import CustodianRole
from nodes.department.role import DepartmentRole
from nodes.department.settings import DepartmentSettings
from nodes.runtime.clock import now
from nodes.runtime.entry import run_program
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.standing.remaining import watch_certificate


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code."""
    settings = DepartmentSettings.load(config)
    process = Process(settings)
    identity = Identity.load(settings)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    department = DepartmentRole(process, identity, settings, settings.department)
    if settings.custodian is not None:
        CustodianRole(process, identity, settings, settings.custodian)
    return process.run(department.ready)


if __name__ == "__main__":
    run_program(main)
