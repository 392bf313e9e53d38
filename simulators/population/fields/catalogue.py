"""Shapes of the fields that packs name beside the core, by the name of the record field. All parameters are assumed."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.population.fields.shapes import Amount, Count, Same, Shape

CATALOGUE: Mapping[str, Shape] = {
    # sme-tech
    "staff": Same("survey_staff"),
    "sales": Same("revenue"),
    "cost": Amount("revenue", 0.95, size=-0.05, spread=0.15, at_least=2e5),
    "ip_class1": Same("inventions_granted"),
    "ip_class2": Count(1.5, size=0.5, innovation=0.4),
}
