"""docs/models.md: the shipped packs beside each other, as tables that follow from the packs alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from scoring.indicators.describe import number
from scoring.indicators.model import Model
from scoring.indicators.provenance import Notes, Provenance
from scoring.rules.credit import Product
from scoring.rules.stages import Interval
from scoring.rules.values import Number

INTRODUCTION = """# The models beside each other

The indicator models that come with the program: their shape, who owns what, which numbers are published and which are illustrative, their
products, and what each audience sees. Their form is in the [specification](specs/models.md), their record fields in [records](records.md), their
wording in `xinqiao model show PACK`. Everything below follows from the packs: this file is made by `xinqiao model overview`, and a test compares it.

A number is **published** only where a source gives it; everything else is **illustrative** and says so in the pack. No illustrative number is any
zone's."""

EXPOSURES = """## Accepted exposures

For whoever owns records: what authority or banks learn of single indicators beyond the [policy](specs/disclosure.md) of a zone, and owners of these
packs accept. An owner reads its lines before it signs a pack (`xinqiao model lint PACK` shows the same figures for its own records), and a pack
whose lint finds more than is written here is not admitted. *Pinned* is the share of a stage's firms of which an audience guesses the indicator with
95 % certainty to within ±5 % of its range, by what it is given; *ratio* is how far its guesses are off, as a share of how far they would be
without. Packs that are not named here need no exception."""


def overview_markdown(groups: Mapping[str, Sequence[Model]]) -> str:
    """The document; ``groups`` are models by the heading that they stand under. Ends with a newline."""
    lines = [INTRODUCTION]
    for heading, models in groups.items():
        lines += ["", f"## {heading}"]
        lines += _table("### Shape", ("pack", "what it is", "dimensions", "indicators", "stages", "by", "lists"), map(_shape, models))
        owners = _owners(models)
        counted = [(f"`{model.id}`", *_owned(model, owners)) for model in models]
        lines += _table("### Indicators, gates, vetoes and figures by owner", ("pack", *owners), counted)
        lines += _table(
            "### Published and illustrative",
            ("pack", "names", "rules", "weights", "stages", "products", "lists, criteria"),
            map(_provenance, models),
            "Parts that are published, of all: a part that is published for some stages only counts as a half-published one, after the plus sign.",
        )
        lines += _table("### What is published", ("pack", "what", "source"), (row for model in models for row in _published(model)))
        lines += _table(
            "### Products",
            ("pack", "product", "line in yuan", "months", "vetoes and conditions"),
            (row for model in models for row in _products(model)),
        )
        lines += _table("### Who sees what", ("pack", "authority", "bank", "enterprise"), map(_audiences, models))
    everything = [model for models in groups.values() for model in models]
    columns = ("pack", "who learns it", "of which firms, at most", "indicators (stages; who accepts)", "why it is accepted")
    lines += ["", EXPOSURES, *_table("### By pack, audience and reason", columns, (row for model in everything for row in _exposures(model)))]
    return "\n".join(lines) + "\n"


def _table(heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]], below: str = "") -> list[str]:
    """A table under its heading; nothing when it has no rows."""
    found = [f"| {' | '.join(row)} |" for row in rows]
    if not found:
        return []
    return ["", heading, "", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *found, *(["", below] if below else [])]


def _shape(model: Model) -> tuple[str, ...]:
    pack = model.pack
    lists = "; ".join(f"{spec.title.zh} {number(spec.from_top)}–{number(spec.below_top)} %" for spec in pack.rankings.values())
    roles = Counter(item.role for item in model.indicators.values())
    more = ", ".join(f"{roles[role]} {role}" for role in ("gate", "veto", "figure") if roles[role])
    count = f"{roles['points']}{f' and {more}' if more else ''}"
    return (
        f"`{model.id}`", f"{model.title.zh} ({model.title.en})", "、".join(title.zh for title in pack.dimensions.values()), count,
        _stages(model), ", ".join(f"`{axis}`" for axis in pack.staging.axes) or "–", lists or "–",
    )  # fmt: skip


def _stages(model: Model) -> str:
    stages = model.pack.staging.stages
    named = [f"{spec.title.zh}{f' {bands}' if (bands := _bands(spec.on)) else ''}" for spec in stages.values()]
    return f"{len(stages)}: {'; '.join(named)}"


def _bands(on: Mapping[str, Interval]) -> str:
    return ", ".join(f"[{_bound(band.from_, '−∞')}, {_bound(band.below, '∞')})" for band in on.values()).replace("[−∞", "(−∞")


def _bound(bound: Number | None, absent: str) -> str:
    return absent if bound is None else _amount(bound)


def _amount(value: Number | int) -> str:
    """A number with its thousands apart."""
    whole, point, fraction = number(value).partition(".")
    return f"{int(whole):,}{point}{fraction}"


def _owners(models: Iterable[Model]) -> list[str]:
    """Owners of anything, those of most indicators first."""
    counts = Counter(item.owner.name for model in models for item in model.indicators.values())
    return sorted(counts, key=lambda name: (-counts[name], name))


def _owned(model: Model, owners: Sequence[str]) -> tuple[str, ...]:
    counts = Counter(item.owner.name for item in model.indicators.values())
    return tuple(str(counts[owner]) if counts[owner] else "–" for owner in owners)


def _parts(model: Model) -> Iterator[tuple[str, str, str, Notes]]:
    """(kind, name, aspect, its notes) of everything of which a pack says where it comes from."""
    pack = model.pack
    named: list[tuple[str, str, Notes]] = [("indicators", f"`{name}`", spec.provenance) for name, spec in pack.indicators.items()]
    named.append(("stages", "stages", pack.staging_provenance))
    named += [("products", f"`{name}`", notes) for name, notes in pack.product_provenance.items()]
    named += [("criteria", spec.title.zh, spec.provenance) for spec in pack.rankings.values()]
    if pack.qualification is not None:
        named.append(("criteria", "qualification", pack.qualification.provenance))
        named += [("criteria", f"`{name}`", fact.provenance) for name, fact in pack.qualification.public.items()]
    for kind, name, notes in named:
        for aspect in dict.fromkeys(aspect for note in notes for aspect in note.of):
            yield kind, name, aspect, tuple(note for note in notes if aspect in note.of)


def _provenance(model: Model) -> tuple[str, ...]:
    counts: dict[str, Counter[str]] = {}
    for kind, _, aspect, notes in _parts(model):
        column = aspect if kind == "indicators" else kind
        statuses = {note.status for note in notes}
        counts.setdefault(column, Counter())["partly" if len(statuses) > 1 else statuses.pop()] += 1
    return (f"`{model.id}`", *(_share(counts.get(column, Counter())) for column in ("name", "rule", "weights", "stages", "products", "criteria")))


def _share(counts: Counter[str]) -> str:
    total = counts.total()
    if not total:
        return "–"
    partly = f" + {counts['partly']}" if counts["partly"] else ""
    return f"{counts['published']}{partly} of {total}"


def _published(model: Model) -> Iterator[tuple[str, ...]]:
    """One row for each source: what it gives."""
    found: dict[str, dict[str, list[str]]] = {}
    for _, name, aspect, notes in _parts(model):
        for note in notes:
            if note.status == "published":
                found.setdefault(note.source, {}).setdefault(name, []).append(aspect + _in(note))
    for source, parts in found.items():
        alike: dict[str, list[str]] = {}
        for name, aspects in parts.items():
            alike.setdefault(", ".join(aspects), []).append(name)
        yield f"`{model.id}`", "; ".join(f"{', '.join(names)}: {aspects}" for aspects, names in alike.items()), source


def _in(note: Provenance) -> str:
    return f" (in {', '.join(note.stages)})" if note.stages else ""


def _products(model: Model) -> Iterator[tuple[str, ...]]:
    for product in model.products.values():
        conditions = ", ".join(f"`{name}`" for name in (*product.vetoes, *product.eligibility))
        yield f"`{model.id}`", product.spec.title.zh, _line(product), str(product.term_months), conditions or "–"


def _line(product: Product) -> str:
    line, relative = product.spec.line, product.spec.relative
    if relative is not None:
        times = sorted(relative.times.values())
        return f"{_range(times)} times {relative.to}"
    assert line is not None
    slopes, parts = sorted(line.slope.values()), [f"{line.base:,}"]
    parts += [f"{_range(slopes)} a point"] if slopes else []
    parts += [f"{_amount(slope)} × `{name}`" for name, slope in line.figures.items()]
    return f"{' + '.join(parts)}; from {line.floor:,} to {line.cap:,}"


def _range(values: Sequence[Number]) -> str:
    first, last = _amount(values[0]), _amount(values[-1])
    return first if first == last else f"{first}–{last}"


def _exposures(model: Model) -> Iterator[tuple[str, ...]]:
    """One row for each reason, limit and audience; stages by their Chinese names."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for exposure in model.pack.exposures:
        limits = (("pinned", exposure.pinned_at_most), ("ratio from", exposure.ratio_at_least))
        shown = ", ".join(f"{name} {number(limit)}" for name, limit in limits if limit is not None)
        stages = "、".join(model.pack.staging.stages[stage].title.zh for stage in exposure.stages)
        every = "all stages" if len(exposure.stages) == len(model.stages) else stages
        key = (" and ".join(exposure.audiences), shown, f"{exposure.reason.zh} ({exposure.reason.en})")
        found.setdefault(key, []).append(f"`{exposure.indicator}` ({every}; {exposure.accepted_by.name})")
    for (audiences, shown, reason), indicators in found.items():
        yield f"`{model.id}`", audiences, shown, ", ".join(indicators), reason


def _audiences(model: Model) -> tuple[str, ...]:
    seen = [", ".join(f"`{name}`" for name in model.disclosures(audience)) or "nothing" for audience in ("authority", "bank")]
    functionals = [f"`{name}`" for name, spec in model.functionals.items() if "enterprise" in spec.disclosed_to]
    own = ["all of its own points"] if model.disclosures("enterprise") else []
    return f"`{model.id}`", *seen, " and ".join([", ".join(functionals)] * bool(functionals) + own) or "nothing"
