"""A custodian's real process that kills itself as it writes its shares: ``python -m tests.support.ending_custodian CONFIG WRITE MOMENT``.

WRITE is the step of a round that the write belongs to: key-receiver, key-deal, key-ack, or "in force"; MOMENT is before or after.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from nodes.custodian.__main__ import main
from nodes.custodian.shares import keeper
from nodes.custodian.shares.holding import Holding, write_holding


def end(config: Path, write: str, moment: str) -> int:
    """Run the custodian until the write."""

    def ending(path: Path, holding: Holding, passphrase: bytes) -> None:
        meant = write == (next(reversed(holding.part.said)) if holding.part is not None else "in force")
        if meant and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        write_holding(path, holding, passphrase)
        if meant:
            os.kill(os.getpid(), signal.SIGKILL)

    keeper.write_holding = ending  # type: ignore[attr-defined]  # this process is to die there
    return main(config)


if __name__ == "__main__":
    sys.exit(end(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
