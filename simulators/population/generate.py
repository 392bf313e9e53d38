"""A simulated population of N enterprises for any indicator model: correlated and skewed as real ones are, the same for a seed.

Every enterprise has latent traits (size, innovation, momentum, age) from which its records are drawn, field by field: first the core
that every population has, then what the model's records name beside it, by the catalogue or by type and unit. What matters for rules but
is rare (grade D, the enforcement list, zero filers, missing data) is given to fixed shares of the population, at least one each, so that
a small population has them too. All of it is invented; docs/population.md says what is published and what is assumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from scoring.indicators.model import Model
from scoring.rules.stages import Owner
from scoring.rules.values import Field
from simulators.population.fields.catalogue import CATALOGUE
from simulators.population.fields.core import draw_core
from simulators.population.fields.fallback import FIGURE, fallback
from simulators.population.fields.shapes import Basis, Pick, Shape
from simulators.population.fields.traits import Columns, Floats, Traits, draw_traits
from simulators.population.fields.writing import adopted, numbers, written
from simulators.population.naming import BRANDS, assign_usccs, invented_companies
from simulators.population.rarities import ZERO_MONTHS, blank, zero_months
from simulators.population.tables import Firm, Population
from simulators.population.trade import DECLARED_FIELDS, Shipment, customs_columns, draw_shipments
from simulators.zone.layout import ZonePlan

DEFAULT_YEAR = 2023
FIRST_COUNTY_SHARE = 0.62
JOINT_STOCK_FROM_YUAN = 3e8
BLANKS = (
    "revenue", "revenue_previous", "rd_expense_previous", "profit", "net_assets", "equity_financing", "survey_staff", "rd_staff",
    "founder_background", "insured_staff_previous", "insured_postgraduates", "designs_granted", "credit_grade",
)  # fmt: skip
"""Core fields of which single cells are missing; so are cells of every number and category beside the core."""


def generate(model: Model, plan: ZonePlan, count: int, seed: int = 0, year: int = DEFAULT_YEAR) -> Population:
    """``count`` enterprises of ``plan``'s counties with the records of ``year`` that ``model`` names, ordered by code.

    Requires 1 <= count <= BRANDS; raises ValueError otherwise. Equal arguments give equal populations (with one release of numpy); a
    larger population is another one, not an extension.
    """
    if not 1 <= count <= BRANDS:
        raise ValueError(f"{count} enterprises: 1 to {BRANDS} can be simulated")
    draw = np.random.default_rng([seed, year, count])
    traits = draw_traits(draw, count)
    core = draw_core(draw, traits)
    core[ZERO_MONTHS] = zero_months(draw, traits, year)
    seeds = (seed, year, count)
    shipments: list[tuple[Shipment, ...]] = [()] * count
    if customs := [name for name in model.fields if name in DECLARED_FIELDS]:
        shipments = draw_shipments(_stream(seeds, "customs"), traits, year)
        core |= customs_columns(shipments, year)
    columns = core | _columns(model, core, traits, seeds)
    owners = owners_of(model, plan)
    single = [name for name in BLANKS if name in model.fields] + [name for name, field in model.fields.items() if name not in core and _sparse(field)]
    blank(draw, columns, owners, single, frozenset(member.id for member in plan.members if member.department == "credit"))
    companies = invented_companies(draw, traits.revenue >= JOINT_STOCK_FROM_YUAN, (plan.place.city.short, plan.place.province.short))
    second = draw.random(count) >= FIRST_COUNTY_SHARE
    divisions = {company.name: plan.place.counties[int(other)].code for company, other in zip(companies, second, strict=True)}
    usccs = assign_usccs(divisions, model.id, seed)
    firms = [
        Firm(
            usccs[company.name],
            company.name,
            divisions[company.name],
            {name: columns[name][index] for name in model.fields if columns[name][index] or model.fields[name].spec.type == "months"},
            registered=(date(year, 12, 31) - timedelta(days=int(365.25 * traits.age[index]))).isoformat(),
            trade=company.trade,
            shipments=shipments[index] if any(columns[name][index] for name in customs) else (),
        )
        for index, company in enumerate(companies)
    ]
    return Population(model.id, str(year), owners, tuple(sorted(firms, key=lambda firm: firm.uscc)), plan.registrar.id)


def owners_of(model: Model, plan: ZonePlan) -> Mapping[str, tuple[str, ...]]:
    """Member id -> names of the record fields that ``model`` gives it, for every department of ``plan``."""
    held: dict[tuple[str, str], list[str]] = {}
    for name, field in model.fields.items():
        owner = model.pack.records[field.record].owner
        if isinstance(owner, Owner):  # loan books of banks: simulators.population.loans
            held.setdefault((owner.department, owner.level), []).append(name)
    departments = [member for member in plan.members if "department" in member.roles]
    return {member.id: tuple(held.get((member.department, member.level), ())) for member in departments}


def _columns(model: Model, core: Columns, traits: Traits, seeds: tuple[int, int, int]) -> Columns:
    """A column for every field of the model. Fields beside the core have a stream of random numbers each: one more changes no other."""
    known = {name: numbers(column) for name, column in core.items()}
    columns: Columns = {}
    for name, field in model.fields.items():
        said = adopted(field, core[name]) if name in core else None
        if said is not None:
            columns[name] = said
        elif field.spec.type == "months":
            columns[name] = zero_months(_stream(seeds, name), traits, seeds[1])
        else:
            if name in core:  # the pack means something else by this name
                known = {other: figures for other, figures in known.items() if other != name}
            columns[name] = written(field, _figures(name, model, Basis(_stream(seeds, name), traits, known), seeds))
    return columns


def _figures(name: str, model: Model, basis: Basis, seeds: tuple[int, int, int]) -> Floats:
    """The numbers of a field, kept among the known ones for those that follow it; what it follows is drawn first, named by the model or not."""
    shape = _shape(name, model)
    source = getattr(shape, "of", name)
    if source != name and source not in basis.known:
        basis.known[source] = _figures(source, model, replace(basis, draw=_stream(seeds, source)), seeds)
    if name not in basis.known:
        basis.known[name] = shape.values(basis)
    return basis.known[name]


def _shape(name: str, model: Model) -> Shape:
    spec = model.fields[name].spec if name in model.fields else FIGURE
    shape = CATALOGUE.get(name)
    if shape is None or (isinstance(shape, Pick) and len(shape.weights) != len(spec.values)):
        return fallback(name, spec)
    return shape


def _sparse(field: Field) -> bool:
    return field.spec.type not in {"months", "flag"}


def _stream(seeds: tuple[int, int, int], name: str) -> np.random.Generator:
    return np.random.default_rng([*seeds, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")])
