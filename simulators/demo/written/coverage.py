"""How many enterprises a model's first product serves: the zone's published aim is a base line for more than 95 % of those scored.

Only the demonstration can say so, since it knows every enterprise; a bank learns the line of those that consented to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.indicators.model import Model
from scoring.rules.credit import FEN, line_fen
from scoring.rules.points import points
from simulators.population.tables import Firm

BASE_LINE_YUAN = 500_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """``served`` of ``scored`` enterprises (those that are not gated) get a line of ``product`` of BASE_LINE_YUAN or more."""

    product: str
    scored: int
    served: int

    @property
    def share(self) -> float:
        """The part that is served; 0 where nobody is scored."""
        return self.served / self.scored if self.scored else 0.0

    def document(self) -> dict[str, Any]:
        """What report.json says of it."""
        return {"product": self.product, "at_least_yuan": BASE_LINE_YUAN, "scored": self.scored, "served": self.served, "share": round(self.share, 4)}


def coverage(model: Model, totals: Sequence[Mapping[str, Any]], firms: Mapping[str, Firm]) -> Coverage:
    """Coverage by released ``totals`` of ``firms`` (by subject id). Requires a model with a product."""
    product = next(iter(model.products.values()))
    scored = [total for total in totals if not total["gated"]]
    served = 0
    for total in scored:
        values, stage = firms[total["subject"]].values, total["stage"]
        singles = {name: points(model, name, values, stage) for name in product.singles}
        served += line_fen(product, stage, total["hundredths"], False, singles).line_fen >= BASE_LINE_YUAN * FEN
    return Coverage(product.id, len(scored), served)
