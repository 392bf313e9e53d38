"""A custodian's real process whose partials are wrong, though signed and sealed well: ``python -m tests.support.lying_custodian CONFIG``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from crypto.threshold import Share, Sharing
from nodes.custodian import role
from nodes.custodian.__main__ import main
from nodes.custodian.shares.keeper import ShareKeeper


class Liar(ShareKeeper):
    """Opens, and proves, with another share than its own."""

    def in_force(self) -> tuple[Sharing, Share]:
        sharing, share = super().in_force()
        return sharing, replace(share, value=share.value + 1)


if __name__ == "__main__":
    role.ShareKeeper = Liar  # type: ignore[attr-defined]  # this process is to lie
    sys.exit(main(Path(sys.argv[1])))
