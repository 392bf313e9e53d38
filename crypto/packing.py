"""Several signed values in one plaintext: slot j is added at 2^(j·B) [P2.2]. Says nothing about what the values mean."""

from __future__ import annotations

from collections.abc import Sequence

from crypto.errors import PackingError


def interval_bits(low: int, high: int) -> int:
    """B = 1 + bitlen(max(−low − 1, high)), the width of a signed slot for values in [low, high]. Raises PackingError when empty."""
    if low > high:
        raise PackingError(f"interval [{low}, {high}] is empty")
    return 1 + max(-low - 1, high, 0).bit_length()


def slots(bits: int, slot_bits: int) -> int:
    """K = floor((|n| − 2)/B), the slots that one plaintext holds. Raises PackingError when not even one fits."""
    if slot_bits < 1 or bits - 2 < slot_bits:
        raise PackingError(f"slots of {slot_bits} bits do not fit a modulus of {bits} bits")
    return (bits - 2) // slot_bits


def pack(values: Sequence[int], slot_bits: int) -> int:
    """Σ value_j·2^(j·B), |Σ| < 2^(B·len). Raises PackingError with the slot whose value is outside [−2^(B−1), 2^(B−1))."""
    bound = 1 << (slot_bits - 1)
    packed = 0
    for slot in range(len(values) - 1, -1, -1):
        if not -bound <= values[slot] < bound:
            raise PackingError(f"value of slot {slot} does not fit {slot_bits} signed bits")
        packed = (packed << slot_bits) + values[slot]
    return packed


def unpack(packed: int, slot_bits: int, count: int) -> list[int]:
    """The ``count`` signed slots of a balanced plaintext: the exact inverse of ``pack``.

    Raises PackingError when anything is left over beyond the last slot: the plaintext was not packed with this layout.
    """
    bound, mask = 1 << (slot_bits - 1), (1 << slot_bits) - 1
    rest, values = int(packed), []
    for _ in range(count):
        value = ((rest + bound) & mask) - bound
        values.append(value)
        rest = (rest - value) >> slot_bits
    if rest != 0:
        raise PackingError(f"plaintext has more than {count} slots of {slot_bits} bits")
    return values
