"""Whether what a model discloses and offers fits together: functionals, products, exposures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scoring.indicators.checking.fields import Problem, stages_given
from scoring.indicators.document import Path
from scoring.indicators.pack import Pack
from scoring.indicators.provenance import Aspect, uncovered


def functional_problems(pack: Pack) -> Iterator[Problem]:
    """What does not fit in the functionals."""
    if "total" not in pack.functionals:
        yield ("functionals",), "a model has a functional named total 必须有总积分 total"
    for name, spec in pack.functionals.items():
        here: Path = ("functionals", name)
        if name in pack.indicators:
            yield here, "an indicator has this name: it is the name of that indicator's unit functional 与指标重名"
        for dimension in spec.dimensions if spec.dimensions is not None else ():
            if dimension not in pack.dimensions:
                yield (*here, "dimensions"), f"no dimension {dimension}; there are {', '.join(pack.dimensions)} 没有此维度"
        for gate in spec.gates:
            if gate not in pack.indicators or pack.indicators[gate].role != "gate":
                yield (*here, "gates"), f"{gate} is not an indicator of role gate 不是归零条件"
        if len(set(spec.gates)) != len(spec.gates):
            yield (*here, "gates"), "a gate is named twice 归零条件重复"


def product_problems(pack: Pack) -> Iterator[Problem]:
    """What does not fit in the products and what is said of where they come from."""
    for name, product in pack.products.items():
        here: Path = ("products", name)
        functional = pack.functionals.get(product.functional)
        if functional is None or "bank" not in functional.disclosed_to:
            yield (*here, "functional"), f"{product.functional} is not a functional disclosed to banks 未向银行披露"
        yield from _singles(pack, (*here, "vetoes"), product.vetoes, "veto")
        yield from _singles(pack, (*here, "eligibility"), product.eligibility, "figure")
        if product.line is not None:
            yield from _singles(pack, (*here, "line", "figures"), product.line.figures, "figure")
            yield from stages_given(pack, (*here, "line", "slope"), product.line.slope, complete=bool(product.line.slope))
        yield from _relative(pack, name)
        yield from _product_provenance(pack, name)
    for name in set(pack.product_provenance) - set(pack.products):
        yield ("product_provenance", name), "no such product: delete the row, or add the product 没有此产品：请删去此行，或补上产品"


def _singles(pack: Pack, path: Path, names: Iterable[str], role: str) -> Iterator[Problem]:
    for name in names:
        if name not in pack.indicators or pack.indicators[name].role != role or "bank" not in pack.indicators[name].open_to:
            yield path, f"{name} is not an indicator of role {role} that is open to banks 不是向银行开放的该类指标"


def _product_provenance(pack: Pack, name: str) -> Iterator[Problem]:
    product = pack.products[name]
    aspects: list[Aspect] = ["line", "terms"]
    if product.line is not None:
        aspects.append("floor")
    if product.promise is not None:
        aspects.append("promise")
    if said := uncovered(pack.product_provenance.get(name, ()), aspects, pack.staging.stages):
        yield ("product_provenance", name), said


def _relative(pack: Pack, name: str) -> Iterator[Problem]:
    product = pack.products[name]
    relative = product.relative
    if relative is None:
        return
    here: Path = ("products", name, "relative")
    base = pack.products.get(relative.to)
    if base is None or base.relative is not None or base.functional != product.functional:
        yield (*here, "to"), "the base product has a line of its own, on the same functional 所依产品须自有额度，且用同一得分函数"
        return
    yield from stages_given(pack, (*here, "times"), relative.times, complete=True)
    if product.promise is None:
        return
    for stage, times in relative.times.items():
        if times < product.promise.amount_ratio:
            yield (
                (*here, "times", stage),
                f"{float(times):g} times the base line is below the promised {float(product.promise.amount_ratio):g} 低于承诺的倍数",
            )
    if product.term_months < base.term_months + product.promise.extra_months:
        yield (
            ("products", name, "term_months"),
            f"{product.promise.extra_months} months more than the base product's {base.term_months} are promised 期限不足",
        )


def exposure_problems(pack: Pack) -> Iterator[Problem]:
    """What does not fit in the exposures that owners accept."""
    seen: set[tuple[str, str, str]] = set()
    for position, exposure in enumerate(pack.exposures):
        here: Path = ("exposures", position)
        indicator = pack.indicators.get(exposure.indicator)
        if indicator is None or indicator.role != "points":
            yield (*here, "indicator"), f"{exposure.indicator} is not an indicator that earns points 不是计分指标"
            continue
        record = pack.records.get(indicator.record)
        if record is not None and exposure.accepted_by != record.owner:
            yield (*here, "accepted_by"), f"only the owner of {exposure.indicator} accepts: {record.owner.name} 只能由所有部门接受"
        yield from stages_given(pack, (*here, "stages"), exposure.stages, complete=False)
        for audience in exposure.audiences:
            if audience in indicator.open_to:
                yield (*here, "audiences"), f"{exposure.indicator} is open to {audience}: nothing about it is protected there 已向其开放，无需例外"
            for stage in exposure.stages:
                if (exposure.indicator, audience, stage) in seen:
                    yield here, f"{exposure.indicator} has an exposure to {audience} in stage {stage} already 例外重复"
                seen.add((exposure.indicator, audience, stage))
