"""What a zone's gateway told of members and custodians, kept in the public directory as ``members.json``: for those who sign offline.

The statements are believed for their signatures, judged by the rules by which everybody judges the log. That the log has them, and no others,
is not shown: who signs by an old file is told so by the log, which refuses what does not hold.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Literal

from crypto.paillier import PublicKey
from nodes.runtime.files import write_public
from protos.errors import WireFormatError
from scoring.custody.generations import Generation, first_generation
from scoring.exchange.registry import MemberHistory, MemberRegistry
from scoring.release.members import member_history
from scoring.statements import Ceremony, Index, Record, parse_record
from scoring.statements.base import Name

FILE = "members.json"


class ToldStatement(Record):
    """A statement with its leaf, both as base64 of their exact bytes."""

    leaf_index: Index
    leaf: str
    envelope: str

    @property
    def entry(self) -> tuple[int, bytes, bytes]:
        """Index, leaf and envelope. Raises ValueError when they are no base64."""
        return self.leaf_index, base64.b64decode(self.leaf, validate=True), base64.b64decode(self.envelope, validate=True)


class ToldMembers(Record):
    """Changes of members and the rounds of the key that took effect, in the order of the log."""

    format: Literal["xinqiao/members/v1"] = "xinqiao/members/v1"
    zone: Name
    statements: tuple[ToldStatement, ...] = ()

    def entries(self) -> list[tuple[int, bytes, bytes]]:
        """Index, leaf and envelope of each. Raises WireFormatError."""
        try:
            return [item.entry for item in self.statements]
        except ValueError as error:
            raise WireFormatError(f"what is told of members is no base64: {error}") from error

    def judged(self, pinned: MemberRegistry, ceremony: Ceremony | None) -> MemberHistory:
        """Members over time, by these statements. Raises WireFormatError, and as ``member_history``."""
        return member_history(pinned, self.entries(), None if ceremony is None else _dealt(ceremony))


def read_told(public_dir: Path) -> ToldMembers | None:
    """What was kept in ``public_dir``; None where nothing is. Raises StatementFormatError."""
    path = public_dir / FILE
    return parse_record(ToldMembers, path.read_bytes()) if path.exists() else None


def keep_told(told: ToldMembers, public_dir: Path) -> None:
    """Keep it in ``public_dir``, in place of what was told before."""
    write_public(public_dir / FILE, told.model_dump_json().encode())


def _dealt(ceremony: Ceremony) -> Generation:
    """The shares that the ceremony dealt. Whether its key is long enough is for whoever pinned it."""
    n = int(ceremony.n, 16)
    return first_generation(ceremony, PublicKey.from_modulus(n, min_bits=n.bit_length()))
