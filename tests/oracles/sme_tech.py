"""The official 100-point rule for technology-based small and medium enterprises, by whole-number comparisons."""

from __future__ import annotations


def total(staff: int, rd_staff: int, sales: int, rd_expense: int, cost: int, ip_class1: int, ip_class2: int) -> int:
    """Points (whole ones). Nothing is earned over a denominator of zero."""
    return _staff(rd_staff, staff) + max(_over_sales(rd_expense, sales), _over_cost(rd_expense, cost)) + _rights(ip_class1, ip_class2)


def passes(points: int, rd_staff: int) -> bool:
    return points >= 60 and rd_staff > 0


def _ladder(part: int, whole: int, steps: tuple[tuple[int, int], ...]) -> int:
    if whole == 0:
        return 0
    for percent, points in steps:
        if 100 * part >= percent * whole:
            return points
    return 0


def _staff(part: int, whole: int) -> int:
    return _ladder(part, whole, ((30, 20), (25, 16), (20, 12), (15, 8), (10, 4)))


def _over_sales(part: int, whole: int) -> int:
    return _ladder(part, whole, ((6, 50), (5, 40), (4, 30), (3, 20), (2, 10)))


def _over_cost(part: int, whole: int) -> int:
    return _ladder(part, whole, ((30, 50), (25, 40), (20, 30), (15, 20), (10, 10)))


def _rights(first: int, second: int) -> int:
    return 30 if first >= 1 else min(second, 4) * 6
