"""A round that renews the key's shares: what the log says of it so far, and what a custodian puts into it [P1.7].

A custodian's values are sealed to a key that its receiver made for the round and erases with it: who steals a custodian's sealing key later
cannot read the log for shares. Who may say what, and when, is ``scoring.custody.rules``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from crypto.encoding import frame, from_fixed, label, sha256, to_fixed
from crypto.errors import EncodingError, KeyFormatError, SealingError
from crypto.keygen import RandBits
from crypto.renewal import Round
from crypto.sealing import ENC_SIZE, open_sealed, seal
from crypto.threshold import Share, Sharing, check_share
from scoring.custody.generations import Generation
from scoring.errors import BadDealError, KeyRoundError
from scoring.statements import KeyDeal, KeyRound

MAX_CUSTODIANS = 31


@dataclass(frozen=True, slots=True)
class PendingRound:
    """A round that has begun. ``digest`` names it; ``sharing`` is what it leads to, once all have dealt, and None when that does not hold."""

    statement: KeyRound
    digest: str
    index: int
    plan: Round
    receivers: Mapping[str, bytes] = field(default_factory=dict)  # custodian -> its X25519 key of the round
    deals: Mapping[str, KeyDeal] = field(default_factory=dict)  # by dealer
    deal_digests: Mapping[str, str] = field(default_factory=dict)
    acknowledged: Mapping[str, str] = field(default_factory=dict)  # custodian -> digest of its acknowledgement
    sharing: Sharing | None = None

    @property
    def may_deal(self) -> bool:
        """Every receiver has named its key."""
        return set(self.receivers) == set(self.statement.custodians)

    @property
    def is_dealt(self) -> bool:
        """Every dealer has dealt."""
        return set(self.deals) == set(self.statement.dealers)

    @property
    def is_complete(self) -> bool:
        """Every custodian has acknowledged: it may be activated."""
        return set(self.acknowledged) == set(self.statement.custodians)

    @property
    def deals_digest(self) -> str:
        """What an acknowledgement is of: SHA-256, hex, of the deals' digests in the order of the round's dealers."""
        return sha256(b"".join(bytes.fromhex(self.deal_digests[name]) for name in self.statement.dealers)).hex()

    def received(self, custodian: str, key: bytes) -> PendingRound:
        """The round once a receiver has named its key."""
        return replace(self, receivers={**self.receivers, custodian: key})

    def dealt(self, deal: KeyDeal, digest: str, dealer_number: Mapping[str, int]) -> PendingRound:
        """The round once a dealer has dealt; with the last one comes the new sharing, if what they committed to leads to one."""
        after = replace(self, deals={**self.deals, deal.dealer: deal}, deal_digests={**self.deal_digests, deal.dealer: digest})
        if not after.is_dealt:
            return after
        try:
            return replace(after, sharing=self.plan.renewed({dealer_number[name]: commitments_of(found) for name, found in after.deals.items()}))
        except KeyFormatError:
            return after

    def acknowledge(self, custodian: str, digest: str) -> PendingRound:
        """The round once a custodian holds its new share."""
        return replace(self, acknowledged={**self.acknowledged, custodian: digest})

    def require(self, holds: bool, what: str) -> None:
        """Raises KeyRoundError, saying ``what`` is missing, unless it ``holds``."""
        if not holds:
            raise KeyRoundError(f"the round that leads to generation {self.statement.generation}: {what}")


def plan_of(statement: KeyRound, present: Generation) -> Round:
    """The round that the statement asks for. Raises KeyRoundError and KeyFormatError when it does not fit the present generation."""
    if statement.generation != present.number + 1:
        raise KeyRoundError(f"the next generation is {present.number + 1}, not {statement.generation}")
    if len(set(statement.custodians)) != len(statement.custodians) or len(statement.custodians) > MAX_CUSTODIANS:
        raise KeyRoundError(f"custodians are distinct, and at most {MAX_CUSTODIANS}")
    dealers = tuple(present.share_number(name) for name in statement.dealers)
    if statement.action == "reshare":
        return Round.reshare(present.sharing, statement.threshold, len(statement.custodians), dealers)
    same = (statement.threshold, statement.custodians, statement.dealers) == (present.sharing.threshold, present.custodians, present.custodians)
    if not same:
        raise KeyRoundError("a refresh leaves threshold and custodians as they are, and all of them deal")
    return Round.refresh(present.sharing)


def commitments_of(deal: KeyDeal) -> tuple[int, ...]:
    """The deal's commitments as numbers."""
    return tuple(int(value, 16) for value in deal.commitments)


def make_deal(pending: PendingRound, dealer: str, share: Share, nonce: str, randbits: RandBits) -> KeyDeal:
    """The deal of ``dealer``, who holds ``share``. Raises KeyRoundError before every receiver has named its key, KeyFormatError for a wrong share."""
    statement = pending.statement
    pending.require(pending.may_deal, "not every custodian has named its key for it")
    made = pending.plan.deal(share, randbits)
    sealed = []
    for name, value in zip(statement.custodians, made.values, strict=True):
        plain = to_fixed(value + pending.plan.value_bound, _value_size(pending))
        enc, ciphertext = seal(pending.receivers[name], _dealt_info(pending, dealer, name), b"", plain)
        sealed.append((enc + ciphertext).hex())
    commitments = tuple(f"{value:x}" for value in made.commitments)
    return KeyDeal(zone=statement.zone, nonce=nonce, round=pending.digest, dealer=dealer, commitments=commitments, sealed=tuple(sealed))


def open_deal(pending: PendingRound, deal: KeyDeal, receiver: str, private: bytes) -> int:
    """The receiver's value in a deal, checked against its commitments.

    Raises SealingError when it is not sealed to the receiver's key of the round, KeyFormatError when it is too long or does not agree.
    """
    number = pending.statement.custodians.index(receiver) + 1
    sealed = bytes.fromhex(deal.sealed[number - 1])
    plain = open_sealed(private, _dealt_info(pending, deal.dealer, receiver), b"", sealed[:ENC_SIZE], sealed[ENC_SIZE:])
    try:
        value = from_fixed(plain, _value_size(pending)) - pending.plan.value_bound
    except EncodingError as error:
        raise KeyFormatError(f"the value dealt by {deal.dealer} is not of the round's width") from error
    pending.plan.check_value(number, commitments_of(deal), value)
    return value


def new_share(pending: PendingRound, receiver: str, private: bytes, own: Share | None) -> Share:
    """The receiver's share of the next generation, from all deals, checked against the new verification values.

    Raises KeyRoundError while deals are missing or when they lead to no sharing of the key, BadDealError naming the deal that is wrong,
    KeyFormatError when ``own`` is not the share that a refresh adds to.
    """
    pending.require(pending.is_dealt, "not every dealer has dealt")
    pending.require(pending.sharing is not None, "what was dealt is not a sharing of the key")
    values = []
    for name in pending.statement.dealers:
        try:
            values.append(open_deal(pending, pending.deals[name], receiver, private))
        except (KeyFormatError, SealingError) as error:
            raise BadDealError(pending.deal_digests[name], f"the deal of {name} does not hold: {error}") from error
    share = pending.plan.combine(pending.statement.custodians.index(receiver) + 1, values, own)
    if pending.sharing is not None:
        check_share(pending.sharing, share)
    return share


def _value_size(pending: PendingRound) -> int:
    return ((2 * pending.plan.value_bound).bit_length() + 7) // 8


def _dealt_info(pending: PendingRound, dealer: str, receiver: str) -> bytes:
    return frame(label("dealt-share"), bytes.fromhex(pending.digest), dealer.encode(), receiver.encode())
