"""Rounds of the key and quarrels about partials in a zone in memory: each step is one statement, said by whoever says it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from crypto.blame import prove_partial
from crypto.sealing import generate_key
from crypto.threshold import Share, partial
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.custody.blame import ANSWER_S, proof_context
from scoring.custody.rounds import PendingRound, make_deal, new_share
from scoring.exchange.view import Logged
from scoring.statements import (
    Blame,
    KeyAbandoned,
    KeyAcknowledged,
    KeyActivated,
    KeyDeal,
    KeyReceiver,
    KeyRound,
    MemberChange,
    Partial,
    PartialProof,
    ProofDemand,
)
from tests.support.members import ZONE
from tests.support.zone import MemoryZone


@dataclass
class Custody:
    """A zone with every custodian's share, by name, of its present generation; and the keys of the round under way."""

    zone: MemoryZone
    shares: dict[str, Share] = field(init=False)
    private: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shares = dict(zip(self.zone.view.generation().custodians, self.zone.shares, strict=True))

    @property
    def pending(self) -> PendingRound:
        assert self.zone.view.round is not None
        return self.zone.view.round

    # --- a round, step by step ---

    def round(self, custodians: Sequence[str] = (), threshold: int = 0, dealers: Sequence[str] = ()) -> KeyRound:
        """A refresh; with custodians, a re-sharing to them by the first t."""
        present = self.zone.view.generation()
        return KeyRound(
            zone=ZONE,
            nonce=fresh_nonce(),
            action="reshare" if custodians else "refresh",
            generation=present.number + 1,
            threshold=threshold or present.sharing.threshold,
            custodians=tuple(custodians) or present.custodians,
            dealers=tuple(dealers) or (present.custodians[: present.sharing.threshold] if custodians else present.custodians),
        )

    def receiver(self, name: str) -> KeyReceiver:
        self.private[name], public = generate_key(secrets.randbits)
        return KeyReceiver(zone=ZONE, nonce=fresh_nonce(), round=self.pending.digest, custodian=name, hpke=public.hex())

    def deal(self, name: str) -> KeyDeal:
        return make_deal(self.pending, name, self.shares[name], fresh_nonce(), secrets.randbits)

    def acknowledgement(self, name: str) -> KeyAcknowledged:
        return KeyAcknowledged(zone=ZONE, nonce=fresh_nonce(), round=self.pending.digest, custodian=name, deals=self.pending.deals_digest)

    def activation(self) -> KeyActivated:
        pending = self.pending
        digests = tuple(pending.acknowledged[name] for name in pending.statement.custodians)
        return KeyActivated(zone=ZONE, nonce=fresh_nonce(), round=pending.digest, generation=pending.statement.generation, acknowledgements=digests)

    def abandonment(self) -> KeyAbandoned:
        return KeyAbandoned(zone=ZONE, nonce=fresh_nonce(), round=self.pending.digest)

    def play(self, custodians: Sequence[str] = (), threshold: int = 0, dealers: Sequence[str] = ()) -> None:
        """A whole round; afterwards ``shares`` are those of the next generation."""
        say = self.zone.say
        pending = say(self.round(custodians, threshold, dealers), "authority").statement
        for name in pending.custodians:
            say(self.receiver(name), name)
        for name in pending.dealers:
            say(self.deal(name), name)
        renewed = {name: new_share(self.pending, name, self.private[name], self.shares.get(name)) for name in pending.custodians}
        for name in pending.custodians:
            say(self.acknowledgement(name), name)
        say(self.activation(), "authority")
        self.shares = renewed

    def employ(self, name: str) -> None:
        """Make a member a custodian too."""
        member = self.zone.keys.member(name)
        changed = member.model_copy(update={"roles": (*member.roles, "custodian")})
        change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=changed)
        self.zone.say(self.zone.approved(change, self.zone.view.generation().custodians), "authority")

    # --- partials, demands, proofs ---

    def partial_of(self, name: str, ticket: Logged, aggregate: int, lie: int = 0) -> bytes:
        """The custodian's signed partial of a ticket's first opening, its value changed by ``lie``: the envelope."""
        generation, share = self.zone.view.generation(), self.shares[name]
        x = partial(generation.sharing, share, aggregate) ^ lie
        statement = Partial(
            zone=ZONE, nonce=fresh_nonce(), ticket=ticket.digest, opening=0, aggregate=ticket.statement.openings[0].aggregate, custodian=name,
            index=share.index, generation=generation.number, x=f"{x:x}",
        )  # fmt: skip
        return sign_statement(statement, self.zone.keys.signers[name])

    def demand(self, ticket: Logged, *custodians: str, answer_s: int = ANSWER_S) -> ProofDemand:
        number, answer_by = self.zone.view.generation().number, self.zone.now + answer_s
        return ProofDemand(
            zone=ZONE, nonce=fresh_nonce(), ticket=ticket.digest, opening=0, generation=number, custodians=custodians, answer_by=answer_by
        )

    def proof(self, demand: Logged, name: str, aggregate: int) -> PartialProof:
        """The custodian's true answer."""
        said, share = demand.statement, self.shares[name]
        context = proof_context(said.ticket, said.opening, name, said.generation)
        found = prove_partial(self.zone.view.generation().sharing, share, aggregate, context, secrets.randbits)
        return PartialProof(
            zone=ZONE, nonce=fresh_nonce(), demand=demand.digest, custodian=name, challenge=f"{found.challenge:x}", response=f"{found.response:x}"
        )

    def blame(self, demand: Logged, name: str, partial: bytes, aggregate: int, fault: str = "failed") -> Blame:
        return Blame.model_validate(
            {
                "zone": ZONE, "nonce": fresh_nonce(), "demand": demand.digest, "custodian": name, "fault": fault, "partial": partial.hex(),
                "aggregate": f"{aggregate:x}",
            }
        )  # fmt: skip
