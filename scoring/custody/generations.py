"""Generations of the key's shares, as the log has them: who holds which, and what their partials are combined by [P1.7]."""

from __future__ import annotations

from dataclasses import dataclass

from crypto.errors import PartialError
from crypto.paillier import PublicKey
from crypto.threshold import Sharing
from scoring.statements import Ceremony


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


def sharing_of(ceremony: Ceremony, key: PublicKey) -> Sharing:
    """The sharing of ``key`` that the ceremony's transcript describes."""
    values = tuple(int(value, 16) for value in ceremony.v_i)
    return Sharing(key, ceremony.threshold, len(ceremony.custodians), int(ceremony.base, 16), values, key.n, key.n)


def first_generation(ceremony: Ceremony, key: PublicKey, index: int = 0) -> Generation:
    """Generation 0, as dealt at the ceremony that is logged at leaf ``index``."""
    return Generation(ceremony.custodians, sharing_of(ceremony, key), index)
