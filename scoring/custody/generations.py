"""Generations of the key's shares, as the log has them: who holds which, and what their partials are combined by [P1.7]."""

from __future__ import annotations

from dataclasses import dataclass

from crypto.errors import PartialError
from crypto.paillier import PublicKey
from crypto.threshold import Sharing, check_sharing, verification_base
from scoring.statements import Ceremony, HexInt, LongInt, MemberId, Record


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation: ``custodians[i]`` holds share i + 1 of ``sharing``. ``index``: the leaf from which it counts."""

    custodians: tuple[str, ...]
    sharing: Sharing
    index: int

    @property
    def number(self) -> int:
        """0 from the ceremony on, then one more with each round."""
        return self.sharing.generation

    def share_number(self, custodian: str) -> int:
        """Number of the custodian's share, from 1. Raises PartialError when it holds none."""
        if custodian not in self.custodians:
            raise PartialError(f"{custodian} holds no share of generation {self.number}")
        return self.custodians.index(custodian) + 1


class GenerationRecord(Record):
    """A generation as it is published: to combine by, and to compare with the log. Integers are hex."""

    generation: int
    threshold: int
    custodians: tuple[MemberId, ...]
    factor: LongInt
    bound: LongInt
    dealt: LongInt
    v_i: tuple[HexInt, ...]
    leaf_index: int


def record_of(generation: Generation) -> GenerationRecord:
    """What is published of a generation."""
    sharing = generation.sharing
    return GenerationRecord(
        generation=sharing.generation,
        threshold=sharing.threshold,
        custodians=generation.custodians,
        factor=f"{sharing.factor:x}",
        bound=f"{sharing.bound:x}",
        dealt=f"{sharing.dealt:x}",
        v_i=tuple(f"{value:x}" for value in sharing.v_i),
        leaf_index=generation.index,
    )


def generation_of(record: GenerationRecord, key: PublicKey) -> Generation:
    """The generation that was published, if it is a sharing of ``key``. Raises KeyFormatError.

    What it is good for is opening, where a false one can only fail; who holds which share is said by the log alone.
    """
    sharing = Sharing(
        public_key=key,
        threshold=record.threshold,
        parties=len(record.custodians),
        v=verification_base(key.n),
        v_i=tuple(int(value, 16) for value in record.v_i),
        bound=int(record.bound, 16),
        dealt=int(record.dealt, 16),
        generation=record.generation,
        factor=int(record.factor, 16),
    )
    check_sharing(sharing)
    return Generation(record.custodians, sharing, record.leaf_index)


def sharing_of(ceremony: Ceremony, key: PublicKey) -> Sharing:
    """The sharing of ``key`` that the ceremony's transcript describes."""
    values = tuple(int(value, 16) for value in ceremony.v_i)
    return Sharing(key, ceremony.threshold, len(ceremony.custodians), int(ceremony.base, 16), values, key.n, key.n)


def first_generation(ceremony: Ceremony, key: PublicKey, index: int = 0) -> Generation:
    """Generation 0, as dealt at the ceremony that is logged at leaf ``index``."""
    return Generation(ceremony.custodians, sharing_of(ceremony, key), index)
