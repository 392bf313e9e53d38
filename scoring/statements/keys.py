"""The zone's key: its ceremony, its shares over time, and blame."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scoring.statements.base import Hex32, HexBytes, HexInt, LongInt, MemberId, Statement, Time


class Ceremony(Statement):
    """Public transcript of the key ceremony [P1.5], signed by the dealer and its witnesses."""

    kind = "ceremony"
    bits: int
    n: HexInt
    h: HexInt
    threshold: int
    custodians: tuple[MemberId, ...]  # position i holds share i+1
    key_proof: tuple[HexInt, ...]  # n-th roots proving gcd(n, phi(n)) = 1
    base: HexInt  # v of the paper: a public square
    v_i: tuple[HexInt, ...]
    sealed_shares: tuple[HexBytes, ...]  # HPKE to each custodian; enc ‖ ciphertext


class ShareAccepted(Statement):
    """A custodian checked its share against v_i and keeps it. The key is usable when all have [P1.5]."""

    kind = "share-accepted"
    ceremony: Hex32  # digest of the ceremony envelope
    custodian: MemberId
    index: int
    generation: int = 0


class KeyRound(Statement):
    """The custodians' shares are to be renewed [P1.7]. Signed by the authority; nothing changes before ``key-activate``."""

    kind = "key-round"
    action: Literal["refresh", "reshare"]
    generation: Annotated[int, Field(ge=1, lt=1 << 31)]  # the one that it leads to
    threshold: int
    custodians: tuple[MemberId, ...]  # position i receives share i + 1; in a refresh those of the present generation
    dealers: tuple[MemberId, ...]  # of the present custodians: all in a refresh, t in a re-sharing


class KeyReceiver(Statement):
    """A custodian takes part in a round, with an X25519 key for it alone, which it erases when the round is over [P1.7]."""

    kind = "key-receiver"
    round: Hex32  # digest of the round's envelope
    custodian: MemberId
    hpke: Hex32


class KeyDeal(Statement):
    """A dealer's commitments, and a value for each receiver, sealed to its key of the round [P1.7]."""

    kind = "key-deal"
    round: Hex32
    dealer: MemberId
    commitments: tuple[HexInt, ...]
    sealed: tuple[HexBytes, ...]  # enc ‖ ciphertext, in the order of the round's custodians


class KeyAcknowledged(Statement):
    """A custodian checked all deals of a round and holds its share of the next generation on disk [P1.7]."""

    kind = "key-ack"
    round: Hex32
    custodian: MemberId
    deals: Hex32  # sha256 of the deals' digests, in the order of the round's dealers


class KeyActivated(Statement):
    """The round takes effect: partials are of its generation from here, older shares are erased [P1.7]. Signed by the authority."""

    kind = "key-activate"
    round: Hex32
    generation: int
    acknowledgements: tuple[Hex32, ...]  # digests of every custodian's, in the order of the round


class KeyAbandoned(Statement):
    """A round is given up; the present generation stays [P1.7]. Signed by the authority."""

    kind = "key-abandon"
    round: Hex32


class ProofDemand(Statement):
    """An audience could not open with these custodians' partials and asks them for proofs [P1.4]. Signed by the audience, or its service."""

    kind = "proof-demand"
    ticket: Hex32
    opening: Annotated[int, Field(ge=0, lt=1 << 31)]
    generation: Annotated[int, Field(ge=0, lt=1 << 31)]
    custodians: tuple[MemberId, ...]
    answer_by: Time


class PartialProof(Statement):
    """A custodian's proof that its partial comes from its share [P1.4]. The partial itself is not in it: t of those would be the opening."""

    kind = "partial-proof"
    demand: Hex32
    custodian: MemberId
    challenge: HexInt
    response: LongInt


class Blame(Statement):
    """A custodian signed a partial and its proof fails, or did not come [P1.4]. Signed by whoever demanded it; anyone can check."""

    kind = "blame"
    demand: Hex32
    custodian: MemberId
    fault: Literal["failed", "withheld"]
    partial: HexBytes  # the custodian's envelope of its partial
    aggregate: HexInt  # what was to be opened; its hash is in the ticket
