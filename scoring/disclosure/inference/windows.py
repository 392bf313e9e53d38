"""Sums over windows of evenly spaced points by running sums: masses, medians and distances of many posteriors at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
SLACK = 1e-9


@dataclass
class Windows:
    """Lines ``q`` of the table in ``_even``. Places of the target run from 0 to count − 1."""

    mass: Floats
    moment: Floats
    q: Any
    count: int

    def _at(self, table: Floats, place: Any) -> Floats:
        """The running sum up to where ``place`` stands, exclusive of it from above: Σ over places >= ``place``."""
        found: Floats = table[np.clip(self.q - place + 1, 0, len(table) - 1), np.arange(table.shape[1])[None, :]]
        return found

    def between(self, low: Any, high: Any) -> Floats:
        """Mass of places low <= place < high; high may be beyond the last."""
        return self._at(self.mass, low) - self._at(self.mass, np.minimum(high, self.count))

    def median(self) -> Whole:
        """Least place up to which half of the mass lies, by halving."""
        shape = (len(self.q), self.mass.shape[1])
        least, most = np.zeros(shape, dtype=np.int64), np.full(shape, self.count - 1)
        half = self.between(0, self.count) * (0.5 - SLACK)
        for _ in range(self.count.bit_length()):
            middle = (least + most) // 2
            enough = self.between(0, middle + 1) >= half
            least, most = np.where(enough, least, np.minimum(middle + 1, most)), np.where(enough, middle, most)
        return least

    def error(self, place: Whole) -> float:
        """Σ |t − place|·mass over all places t, in steps of the target."""
        below, above = self.between(0, place + 1), self.between(place + 1, self.count)
        first, middle, last = self._at(self.moment, 0), self._at(self.moment, place + 1), self._at(self.moment, self.count)
        near, far = first - middle, middle - last  # Σ line·mass of places up to the median, and beyond it
        line = self.q - place
        return float(np.sum(near - line * below) + np.sum(line * above - far))
