"""One evaluation round: OPEN → CLOSED → RELEASED, as a frozen value whose transitions return a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from scoring.errors import EpochStateError
from scoring.statements import EpochOpen, EpochRelease


class Phase(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    RELEASED = "RELEASED"


@dataclass(frozen=True, slots=True)
class EpochState:
    """An epoch as the log tells it. Indices are leaves; ``close_digest`` is the request hash of its bulk tickets [P5.2]."""

    opened: EpochOpen
    open_index: int
    phase: Phase = Phase.OPEN
    close_index: int | None = None
    close_digest: str = ""
    release_index: int | None = None
    release: EpochRelease | None = None

    def close(self, index: int, digest: str) -> EpochState:
        """The epoch after EpochClose at leaf ``index``. Raises EpochStateError unless it is OPEN."""
        self.require(Phase.OPEN)
        return replace(self, phase=Phase.CLOSED, close_index=index, close_digest=digest)

    def released(self, index: int, release: EpochRelease) -> EpochState:
        """The epoch after EpochRelease at leaf ``index``. Raises EpochStateError unless it is CLOSED."""
        self.require(Phase.CLOSED)
        return replace(self, phase=Phase.RELEASED, release_index=index, release=release)

    def require(self, *phases: Phase) -> None:
        """Raises EpochStateError unless the epoch is in one of ``phases``."""
        if self.phase not in phases:
            wanted = " or ".join(phases)
            raise EpochStateError(f"epoch {self.opened.epoch} is {self.phase}, this step needs {wanted}")
