"""Public facts of enterprises as columns, so that thousands are judged at once. Every fact may be unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

Verdicts = npt.NDArray[np.int8]
TRUE, UNKNOWN, FALSE = np.int8(1), np.int8(0), np.int8(-1)
"""Three values: "and" is the minimum, "or" the maximum."""

NO_DAY = 0
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class PublicFacts:
    """What public registers say of one enterprise; None where they do not. ``division``: GB/T 2260. ``trade``: GB/T 4754, at least the section's
    letter. ``board``: where it is listed, ``none`` where it is not. ``titles``: titles that public lists tell, by whether it holds them."""

    subject: str
    founded: date | None = None
    division: str | None = None
    trade: str | None = None
    board: str | None = None
    titles: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few different codes: ``codes[index[i]]`` is row i's; -1 where it is unknown."""

    codes: tuple[str, ...]
    index: npt.NDArray[np.int32]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Coded:
        """The column of ``values``."""
        places: dict[str, int] = {}
        index = np.fromiter((_NOWHERE if value is None else places.setdefault(value, len(places)) for value in values), np.int32, len(values))
        return cls(tuple(places), index)

    def verdicts(self, by_code: Iterable[np.int8]) -> Verdicts:
        """Row by row what ``by_code`` says of its code; UNKNOWN where there is none."""
        return np.array([*by_code, UNKNOWN], np.int8)[self.index]


@dataclass(frozen=True, slots=True)
class Facts:
    """Columns of all enterprises in one order. ``founded``: the day as the number yyyymmdd, NO_DAY where it is unknown."""

    subjects: tuple[str, ...]
    founded: npt.NDArray[np.int64]
    division: Coded
    trade: Coded
    board: Coded
    titles: Mapping[str, Verdicts]

    @classmethod
    def of(cls, enterprises: Sequence[PublicFacts]) -> Facts:
        """The columns of ``enterprises``, in their order."""
        named = sorted({title for enterprise in enterprises for title in enterprise.titles})
        return cls(
            tuple(enterprise.subject for enterprise in enterprises),
            np.fromiter((day_number(enterprise.founded) for enterprise in enterprises), np.int64, len(enterprises)),
            Coded.of([enterprise.division for enterprise in enterprises]),
            Coded.of([enterprise.trade for enterprise in enterprises]),
            Coded.of([enterprise.board for enterprise in enterprises]),
            {title: np.array([_said(enterprise.titles.get(title)) for enterprise in enterprises], np.int8) for title in named},
        )

    def __len__(self) -> int:
        return len(self.subjects)


def day_number(day: date | None) -> int:
    """yyyymmdd: years apart are differences of 10,000, and the order of days is that of numbers."""
    return NO_DAY if day is None else day.year * 10_000 + day.month * 100 + day.day


def _said(holds: bool | None) -> np.int8:
    return UNKNOWN if holds is None else TRUE if holds else FALSE
