from __future__ import annotations

import gmpy2
import pytest

from crypto.bignum import FixedBase, power, secret_power, window_for

N = 101 * 103


def test_powers_agree_with_the_language_for_every_sign_of_exponent() -> None:
    for exponent in (-77, -1, 0, 1, 2, 12345):
        assert power(7, exponent, N) == secret_power(7, exponent, N) == pow(7, exponent, N)


def test_power_of_a_base_without_inverse_is_an_error_for_negative_exponents() -> None:
    for function in (power, secret_power):
        with pytest.raises(ZeroDivisionError):
            function(101, -1, N)


def test_power_leaves_the_threads_arithmetic_context_as_it_was() -> None:
    context = gmpy2.get_context()
    for setting in (True, False):
        context.allow_release_gil = setting
        power(3, 5, 7)
        assert gmpy2.get_context().allow_release_gil is setting


@pytest.mark.parametrize("window", range(2, 9))
def test_table_powers_every_exponent_of_its_range(window: int) -> None:
    table = FixedBase(7, N, 9, window)
    for exponent in range(1 << 9):
        assert table.power(exponent) == pow(7, exponent, N * N)


def test_table_refuses_exponents_outside_its_range() -> None:
    table = FixedBase(7, N, 9, 3)
    for exponent in (-1, 1 << 9):
        with pytest.raises(ValueError, match="outside"):
            table.power(exponent)


def test_windows_outside_2_to_16_are_refused() -> None:
    for window in (0, 1, 17):
        with pytest.raises(ValueError, match="window"):
            FixedBase(7, N, 9, window)


def test_window_grows_with_the_number_of_powers_and_stops_at_the_largest() -> None:
    windows = [window_for(count, 1536) for count in (1, 10, 100, 1_000, 10_000, 10**9)]
    assert windows == sorted(windows)
    assert windows[0] < windows[-1] == 12
    assert window_for(10**9, 1536, largest=8) == 8
