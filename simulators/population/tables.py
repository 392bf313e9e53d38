"""A population of enterprises and its division among the departments.

A ``Population`` is everything that is true of a zone's enterprises in one period. No process of the zone ever holds one: each
department is handed the one table that is its own. This module splits; it generates nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simulators.population.trade import Shipment

REGISTRAR = "market-zhejiang"
REGISTER_FIELDS = ("company", "division", "registered_on", "trade")
"""What the register says of every enterprise, whatever the model: name, county, date of registration, class of GB/T 4754-2017."""


@dataclass(frozen=True, slots=True)
class Firm:
    """One enterprise. ``values`` are its record fields as a department writes them down; an absent field is missing data.

    ``registered``: ISO date, and ``trade``: class of GB/T 4754-2017; empty where the register does not know them.
    ``shipments``: export declarations, which customs alone knows.
    """

    uscc: str
    company: str
    division: str
    values: Mapping[str, str]
    registered: str = ""
    trade: str = ""
    shipments: tuple[Shipment, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One department's records: ``columns`` begin with uscc and period; an empty cell is missing data."""

    member: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def without(self, names: Sequence[str]) -> Table:
        """The table without some of its fields, and without the rows that then say nothing; itself without any to leave out."""
        if not names:
            return self
        places = [place for place, name in enumerate(self.columns) if name not in names]
        rows = (tuple(row[place] for place in places) for row in self.rows)
        return Table(self.member, tuple(self.columns[place] for place in places), tuple(row for row in rows if any(row[2:])))


@dataclass(frozen=True, slots=True)
class Population:
    """The enterprises of one zone in one period, and ``owners``: member id -> the fields that member alone holds. ``registrar``: its member."""

    pack: str
    period: str
    owners: Mapping[str, tuple[str, ...]]
    firms: tuple[Firm, ...]
    registrar: str = REGISTRAR

    def table(self, member: str) -> Table:
        """Records of one department. A firm of which it knows nothing has no row; the registrar, and a department without fields, has a row for each.

        Requires that ``member`` is in ``owners``; raises KeyError otherwise.
        """
        fields = self.owners[member]
        registrar = member == self.registrar
        rows = []
        for firm in self.firms:
            own = tuple(firm.values.get(field, "") for field in fields)
            if registrar:
                rows.append((firm.uscc, self.period, firm.company, firm.division, firm.registered, firm.trade, *own))
            elif any(own) or not fields:
                rows.append((firm.uscc, self.period, *own))
        return Table(member, ("uscc", "period", *(REGISTER_FIELDS if registrar else ()), *fields), tuple(rows))

    def first(self, count: int | None) -> Population:
        """The population of the first ``count`` firms, or of all when None."""
        return replace(self, firms=self.firms[:count])

    def tables(self) -> tuple[Table, ...]:
        """The tables of all departments, in the order of ``owners``."""
        return tuple(self.table(member) for member in self.owners)

    def mapping(self) -> dict[str, str]:
        """The published mapping: USCC -> company. Only the registrar's table and the run's report carry it."""
        return {firm.uscc: firm.company for firm in self.firms}
