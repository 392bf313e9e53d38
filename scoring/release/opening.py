"""The audience's side of an opening: unseal what custodians answered, check who says what about which aggregate, combine [P1.4, P5.5].

Used by banks, enterprises and the authority. Which ciphertext is the aggregate, and what the opened value means, is judged elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from crypto.errors import CryptoError, PartialError, SignatureError
from crypto.sealing import Private, open_sealed
from crypto.statements import VerifyKey, check_signature, parse_envelope
from crypto.threshold import Sharing
from scoring.custody.generations import Generation
from scoring.errors import StatementFormatError
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import Partial, Ticket, parse_statement

KeysOf = Callable[[str], Iterable[VerifyKey]]  # member id -> its registered signing keys


@dataclass(frozen=True, slots=True)
class SealedPartial:
    """One custodian's answer to one opening of a ticket, by its share of ``generation``; readable by the audience alone."""

    custodian: str
    opening: int
    enc: bytes
    ciphertext: bytes
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """What custodians answered to a ticket, opening by opening.

    ``usable``: x by share number; ``signed``: by custodian, the envelope of its signed partial, whatever x it gives; ``unusable``: custodians
    with an answer that is not a usable partial of theirs.
    """

    usable: list[dict[int, int]]
    signed: list[dict[str, bytes]]
    unusable: list[str]


@dataclass(frozen=True, slots=True)
class Opener:
    """An audience with its private sealing key (32 bytes), ready to open what the custodians of one generation answered."""

    generation: Generation
    private: Private
    keys_of: KeysOf

    @property
    def sharing(self) -> Sharing:
        """What partials of this generation are combined by."""
        return self.generation.sharing

    def answers(self, ticket: Ticket, digest: str, sealed: Iterable[SealedPartial]) -> Answers:
        """The answers to a ticket, unsealed. ``digest`` is the ticket envelope's.

        An unusable answer is left out: the others may suffice, and ``crypto.threshold.combine`` checks what they give, whatever was in them.
        """
        found = Answers([{} for _ in ticket.openings], [{} for _ in ticket.openings], [])
        n = self.sharing.public_key.n
        for item in sealed:
            try:
                partial, envelope = self._partial(ticket, digest, item)
            except (CryptoError, StatementFormatError):
                found.unusable.append(item.custodian)
                continue
            found.signed[item.opening][item.custodian] = envelope
            x = int(partial.x, 16)
            if 1 <= x < n and math.gcd(x, n) == 1:
                found.usable[item.opening][partial.index] = x
            else:
                found.unusable.append(item.custodian)
        return found

    def _partial(self, ticket: Ticket, digest: str, item: SealedPartial) -> tuple[Partial, bytes]:
        if not 0 <= item.opening < len(ticket.openings):
            raise PartialError("the ticket has no such opening")
        number = self.generation.share_number(item.custodian)
        partial, envelope = self._unseal(digest, item)
        said = (partial.ticket, partial.opening, partial.aggregate, partial.custodian, partial.generation, partial.index)
        if said != (digest, item.opening, ticket.openings[item.opening].aggregate, item.custodian, self.generation.number, number):
            raise PartialError("a partial opening is not about the ticket, opening, aggregate or share that it was sealed for")
        return partial, envelope

    def _unseal(self, digest: str, item: SealedPartial) -> tuple[Partial, bytes]:
        info = sealing_info(digest, item.custodian, self.generation.number)
        envelope = parse_envelope(open_sealed(self.private, info, sealing_aad(item.opening), item.enc, item.ciphertext))
        partial = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(partial, Partial):
            raise StatementFormatError("what was sealed is not a partial opening")
        key = next((key for key in self.keys_of(item.custodian) if key.key_id == envelope.key_ids[0]), None)
        if key is None:
            raise SignatureError(f"no registered key of {item.custodian} signed its partial opening")
        check_signature(envelope, key)
        return partial, envelope.raw
