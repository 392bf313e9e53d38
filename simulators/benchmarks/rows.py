"""What a benchmark says beside ``crypto.Row``: absolute figures, and how cost grows; and how all of them are printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simulators.benchmarks.crypto import Row


@dataclass(frozen=True, slots=True)
class Figure:
    """One absolute number. ``target`` is "≤60" or "≥20" in the same unit, empty where it is only reported."""

    name: str
    value: float
    unit: str
    target: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value keeps the target; None without one."""
        if not self.target:
            return None
        bound = float(self.target[1:])
        return self.value >= bound if self.target.startswith("≥") else self.value <= bound


@dataclass(frozen=True, slots=True)
class Growth:
    """Cost of the same work at growing ``sizes``, in wall and in processor seconds."""

    of: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    cpu_s: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Slope of wall time in a log-log plot."""
        return slope(self.sizes, self.seconds)

    @property
    def cpu_exponent(self) -> float:
        """Slope of processor time in a log-log plot: other programs on the machine disturb it less."""
        return slope(self.sizes, self.cpu_s)


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Exponent b of the power law cost = a·size^b that fits best (least squares of logarithms).

    Requires at least two different sizes and positive numbers.

    >>> slope([1, 2, 4, 8], [3, 6, 12, 24])
    1.0
    """
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / sum((x - middle_x) * (x - middle_x) for x in xs)


Item = Row | Figure | Growth


def to_json(item: Item) -> dict[str, Any]:
    """One item of the JSON document; ``kind`` tells which."""
    if isinstance(item, Growth):
        return {"kind": "growth", **asdict(item), "exponent": item.exponent, "cpu_exponent": item.cpu_exponent}
    return {"kind": "ratio" if isinstance(item, Row) else "figure", **asdict(item), "met": item.met}


def to_text(item: Item) -> str:
    """One line for a person."""
    if isinstance(item, Growth):
        sizes = ", ".join(
            f"{size:,}: {seconds:.1f} s ({cpu:.1f} s cpu)" for size, seconds, cpu in zip(item.sizes, item.seconds, item.cpu_s, strict=True)
        )
        return f"  growth with {item.of}: {sizes}; exponent {item.exponent:.2f}, of processor time {item.cpu_exponent:.2f}"
    if isinstance(item, Figure):
        return f"  {item.name:<72} {item.value:>10,.4g} {item.unit:<4}{'':13}{_verdict(item.target, item.met)}"
    peer = "" if item.peer_s is None else f"peer {_time(item.peer_s)}"
    ratio = "" if item.ratio is None else f"{item.ratio:,.3g}×"
    return f"  {item.name:<72} {_time(item.ours_s):>10} {peer:>15} {ratio:>8} {_verdict(item.target, item.met)}".rstrip()


def _verdict(target: str, met: bool | None) -> str:
    return "" if met is None else f"  target {target}: {'met' if met else 'MISSED'}"


def _time(seconds: float) -> str:
    for bound, factor, unit in ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "µs")):
        if seconds >= bound:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"
