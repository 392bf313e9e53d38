"""A custodian's process: ``python -m nodes.custodian CONFIG``."""

from __future__ import annotations

from pathlib import Path

from nodes.custodian.role import CustodianRole
from nodes.custodian.settings import CustodianSettings
from nodes.runtime.clock import now
from nodes.runtime.entry import run_program
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.standing.remaining import watch_certificate


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code."""
    settings = CustodianSettings.load(config)
    process = Process(settings)
    identity = Identity.load(settings)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    CustodianRole(process, identity, settings, settings.custodian)
    return process.run()


if __name__ == "__main__":
    run_program(main)
