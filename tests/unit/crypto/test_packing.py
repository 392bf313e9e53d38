from __future__ import annotations

import pytest

from crypto.errors import PackingError
from crypto.packing import interval_bits, pack, slots, unpack


def test_slot_width_is_the_smallest_that_holds_the_interval() -> None:
    for low in range(-20, 21):
        for high in range(low, 21):
            width = interval_bits(low, high)
            assert -(1 << (width - 1)) <= low
            assert high < 1 << (width - 1)
            if width > 1:
                assert low < -(1 << (width - 2)) or high >= 1 << (width - 2)


def test_empty_intervals_are_refused() -> None:
    with pytest.raises(PackingError, match="empty"):
        interval_bits(1, 0)


def test_slots_fill_the_modulus_but_two_bits() -> None:
    assert (slots(3072, 24), slots(3072, 3070), slots(2048, 1)) == (127, 1, 2046)


@pytest.mark.parametrize("width", [0, -1, 511])
def test_slots_that_do_not_fit_are_refused(width: int) -> None:
    with pytest.raises(PackingError, match="do not fit"):
        slots(512, width)


@pytest.mark.parametrize("width", [1, 2, 7, 24, 65, 510])
def test_full_plaintexts_of_extremes_stay_balanced_residues_of_the_smallest_modulus(width: int) -> None:
    count = slots(512, width)
    smallest_n = (1 << 511) + 1
    for value in (-(1 << (width - 1)), (1 << (width - 1)) - 1):
        packed = pack([value] * count, width)
        assert abs(packed) <= smallest_n // 2
        assert unpack(packed, width, count) == [value] * count


def test_packing_is_a_sum_of_shifted_values() -> None:
    assert pack([3, -2, 5], 8) == 3 - (2 << 8) + (5 << 16)
    assert pack([], 8) == 0


def test_values_that_do_not_fit_are_refused_with_their_slot() -> None:
    for value in (128, -129):
        with pytest.raises(PackingError, match="slot 1 does not fit 8"):
            pack([0, value, 0], 8)


def test_borrows_between_slots_are_undone() -> None:
    values = [-1, 0, -1, -128, 127, -1, 0]
    assert unpack(pack(values, 8), 8, 7) == values


def test_anything_beyond_the_last_slot_is_refused() -> None:
    for count in (0, 1, 2):
        with pytest.raises(PackingError, match=f"more than {count} slots"):
            unpack(pack([1, 2, 3], 8), 8, count)
    for packed in (1 << 24, -1 << 24, (1 << 23), 1 << 500):
        with pytest.raises(PackingError):
            unpack(packed, 8, 3)


def test_slots_that_were_not_filled_read_zero() -> None:
    assert unpack(pack([-5], 8), 8, 4) == [-5, 0, 0, 0]
