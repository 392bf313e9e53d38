"""What an authority says when it lets peer zones have something beside the log: that these bytes are its own [F16]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from scoring.statements.base import Hex32, Statement

SharedKind = Literal["models", "catalog", "policies", "statistics"]


class SharedItem(Statement):
    """One item for peer zones: of which kind, what it is called, SHA-256 of its exact bytes. Signed by the authority; never logged, since what it
    is about is in the log or on public pages already."""

    kind = "shared-item"
    item: SharedKind
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9@._/-]{0,150}$")]
    sha256: Hex32
