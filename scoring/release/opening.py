"""The audience's side of an opening: unseal what custodians answered, check who says what about which aggregate, combine [P1.4, P5.5].

Used by banks, enterprises and the authority. Which ciphertext is the aggregate, and what the opened value means, is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from crypto.errors import CryptoError, PartialError, SignatureError
from crypto.sealing import open_sealed
from crypto.statements import VerifyKey, check_signature, parse_envelope
from crypto.threshold import Sharing
from scoring.errors import StatementFormatError
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import Ceremony, Partial, Ticket, parse_statement

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
class Opener:
    """An audience with its private sealing key (32 bytes), ready to open what the custodians of ``ceremony`` answered."""

    ceremony: Ceremony
    sharing: Sharing
    private: bytes
    keys_of: KeysOf
    generation: int = 0

    def shares(self, ticket: Ticket, digest: str, sealed: Iterable[SealedPartial]) -> tuple[list[dict[int, int]], list[str]]:
        """Usable partials of each opening of the ticket, by share number; and the custodians whose answers were unusable.

        ``digest`` is the ticket envelope's. An unusable answer is left out: the others may suffice, and ``crypto.threshold.combine``
        checks what they give, whatever was in them.
        """
        usable: list[dict[int, int]] = [{} for _ in ticket.openings]
        unusable: list[str] = []
        for item in sealed:
            try:
                index, x = self._share(ticket, digest, item)
            except (CryptoError, StatementFormatError):
                unusable.append(item.custodian)
                continue
            usable[item.opening][index] = x
        return usable, unusable

    def _share(self, ticket: Ticket, digest: str, item: SealedPartial) -> tuple[int, int]:
        if item.opening >= len(ticket.openings) or item.custodian not in self.ceremony.custodians:
            raise PartialError("the ticket has no such opening, or the sender is no custodian")
        partial = self._unseal(digest, item)
        said = (partial.ticket, partial.opening, partial.aggregate, partial.custodian, partial.generation, partial.index)
        aggregate = ticket.openings[item.opening].aggregate
        if said != (digest, item.opening, aggregate, item.custodian, self.generation, self.ceremony.custodians.index(item.custodian) + 1):
            raise PartialError("a partial opening is not about the ticket, opening, aggregate or share that it was sealed for")
        x = int(partial.x, 16)
        if not 1 <= x < self.sharing.public_key.n:
            raise PartialError("a partial opening is outside [1, n)")
        return partial.index, x

    def _unseal(self, digest: str, item: SealedPartial) -> Partial:
        info = sealing_info(digest, item.custodian, self.generation)
        envelope = parse_envelope(open_sealed(self.private, info, sealing_aad(item.opening), item.enc, item.ciphertext))
        partial = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(partial, Partial):
            raise StatementFormatError("what was sealed is not a partial opening")
        key = next((key for key in self.keys_of(item.custodian) if key.key_id in envelope.key_ids), None)
        if key is None:
            raise SignatureError(f"no registered key of {item.custodian} signed its partial opening")
        check_signature(envelope, key)
        return partial
