"""A log's operator who rewrites what the zone has agreed on: a second history from a copy of the first, under the same key.

The operator has the log's key, its program and its disk, and a confederate among the members whose statements fill the new history. What
is shown to whom is theirs to choose; here the fork is a process of its own on another address.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Self

from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.identity import load_identity, load_signing_key
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.settings import Peer
from scoring.statements import Refusal
from simulators.zone.configs import free_ports
from simulators.zone.processes import ZoneProcesses

FORK, START_TIMEOUT_S = "log-fork", 60.0


class RewrittenLog:
    """The fork of the log of the zone in ``out``. A context manager: leaving it stops the fork's process.

    Requires that the zone's log does not run while this is made: the copy would be of no moment.
    """

    def __init__(self, out: Path, address: str) -> None:
        self._out, state = out, out / "state"
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        shutil.copytree(state / "log", state / FORK)
        config = make_private_directory(out / "adversary") / f"{FORK}.toml"
        text = (out / "config" / "log.toml").read_text(encoding="utf-8")
        write_private(config, text.replace("../state/log", f"../state/{FORK}").replace(address, self.address).encode())
        self._processes = ZoneProcesses({FORK: config}, state)

    def __enter__(self) -> Self:
        self._processes.start()
        self._processes.wait_ready(START_TIMEOUT_S)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._processes.close()

    def write(self, zone: str, confederate: str, beyond: int) -> int:
        """Log harmless statements of ``confederate`` until the fork has more than ``beyond`` leaves; how many it has then."""
        keys = self._out / "members" / confederate
        identity = load_identity(zone, confederate, keys, self._out / "public" / "ca.pem")
        signer = load_signing_key(confederate, keys / "sign.pem")
        size = 0
        with closing(LogClient(identity, Peer(member="log", address=self.address))) as log:
            while size <= beyond:
                statement = Refusal(zone=zone, nonce=fresh_nonce(), member=confederate, reason="NOT_READY")
                size = log.append(sign_statement(statement, signer)).index + 1
        return size
