"""Which columns a row is opened beside, so that an auditor sees whether they say the same of its subject [P4.5, P6.5]. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def beside(columns: Sequence[T], row_leaf: int, leaf: Callable[[T], int], *, newest_row: bool) -> list[T]:
    """Of one entry's columns of the row's sender, which are in order of leaf: the one that stood when the row was logged, or the first if
    none did; and where no later revision of the row is there, the one that counts, if that is another.

    >>> [beside([3, 7, 9], row, int, newest_row=newest) for row, newest in ((1, False), (5, False), (5, True), (12, True))]
    [[3], [3], [3, 9], [9]]
    >>> beside([], 4, int, newest_row=True)
    []
    """
    if not columns:
        return []
    stood = [column for column in columns if leaf(column) < row_leaf] or [columns[0]]
    last = columns[-1]
    return [stood[-1], last] if newest_row and last is not stood[-1] else [stood[-1]]
