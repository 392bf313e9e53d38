"""A pack that is not an indicator model is refused with line, path and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.indicators.model import load_pack
from tests.oracles import small_pack

Pack = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: &one 1\nb: *one\n", "line 2: aliases are not used"),
        (b"a: !!python/object/apply:os.system ['true']\n", "line 1, a: tag"),
        (b"a:\n  b: 1\n  b: 2\n", "line 3, a.b: given twice"),
        (b"a: [1, 2\nb: 3\n", "not YAML"),
        (b"", "empty"),
        (b"a: 1\n---\nb: 2\n", "not YAML: but found another document"),
        (b"[" * 100_000, "not YAML"),
        (b"[" * 40 + b"]" * 40, "nested deeper"),
        (b"? [1]\n: 2\n", "line 1: a key is text"),
        (b"\xff\xfe", "UTF-8"),
        (b"a: \x00", "not YAML"),
        (b"#" * ((1 << 20) + 1), "at most 1048576 bytes"),
        (b"- 1\n", "parts with names are expected"),
    ],
)
def test_bytes_that_are_no_pack_are_refused(text: bytes, said: str) -> None:
    with pytest.raises(ModelError, match=said.replace("(", r"\(")):
        load_pack(text)


def test_scalars_are_exact_and_have_one_reading() -> None:
    text = b"[1, -2, 0.30, true, null, yes, 010, 0x10, 1_000, 1e3, 12:30:00, 2024-01-01, '1', 1., .5]"
    plain = parse_document(text).value
    assert isinstance(plain, tuple)
    assert [repr(item) for item in plain][:5] == ["1", "-2", "Decimal('0.30')", "True", "None"]
    assert plain[5:] == ("yes", "010", "0x10", "1_000", "1e3", "12:30:00", "2024-01-01", "1", "1.", ".5")


def _set(*path: str, value: Any) -> Callable[[Pack], None]:
    def change(pack: Pack) -> None:
        part = pack
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value

    return change


def _drop(*path: str) -> Callable[[Pack], None]:
    def change(pack: Pack) -> None:
        part = pack
        for name in path[:-1]:
            part = part[name]
        del part[path[-1]]

    return change


FIRST = ("indicators", "first")
LINEAR = {"kind": "linear", "of": "x", "reference": 100, "points": 10}
NOT_ALL = [{"of": ["name", "rule"], "status": "illustrative"}]
ASCENDING = [{"at_least": 1, "points": 1}, {"at_least": 2, "points": 2}]
NEGATIVE = {"kind": "flag", "of": "listed", "points": -1}
UNTOTALLED = {"sum": {"title": small_pack.TITLE, "disclosed_to": ["bank"]}}
REPEATED = {"title": small_pack.TITLE, "owner": small_pack.OWNER, "fields": {"x": {"title": small_pack.TITLE, "type": "decimal"}}}
TIERS = {"kind": "tiers", "of": "x", "otherwise": 0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop("title"), "title: is required"),
        (_set("colour", value=1), "colour: is not a name of the format"),
        (_set("format", value="xinqiao/model/v2"), "format: "),
        (_set("version", value=1), "version: "),
        (_set("id", value="Small Pack"), "id: "),
        (_set(*FIRST, "rule", "refrence", value=1), "indicators.first.rule.refrence: is not a name"),
        (_set(*FIRST, "rule", "kind", value="quadratic"), "indicators.first.rule"),
        (_set(*FIRST, "rule", "reference", value=0), "indicators.first.rule.reference: "),
        (_set(*FIRST, "rule", "reference", value="100"), "indicators.first.rule.reference: a number is written"),
        (_set(*FIRST, "rule", "points", value=0.125), "indicators.first.rule.points: points have at most two fraction digits"),
        (_set(*FIRST, "rule", "of", value="x * y"), "indicators.first.rule.of: a value is FIELD"),
        (_set(*FIRST, "rule", "of", value="z"), "indicators.first.rule: z is not a field of record books"),
        (_set(*FIRST, "rule", "of", value="grade"), "indicators.first.rule: grade is read as number, but its type is category"),
        (_set(*FIRST, "rule", "of", value="longest_run(x)"), "indicators.first.rule: x is read as months"),
        (_set(*FIRST, "record", value="ledgers"), "indicators.first.record: no such record; there are books"),
        (_set(*FIRST, "dimension", value="two"), "indicators.first.dimension: no such dimension; there are one"),
        (_set(*FIRST, "weights", value={"small": 3}), "indicators.first.weights: a value for every stage is needed; large is missing"),
        (_set(*FIRST, "weights", value={"small": 3, "large": 1, "huge": 1}), "indicators.first.weights.huge: no such stage"),
        (_set(*FIRST, "weights", value=1 << 16), "indicators.first.weights"),
        (_set(*FIRST, "weights", value=1.5), "indicators.first.weights"),
        (_set(*FIRST, "bounds", value=[0, 9]), "indicators.first.rule: gives points from 0 to 10, outside the bounds 0 to 9"),
        (_set(*FIRST, "bounds", value=[1, 10]), "indicators.first.rule: gives points from 0 to 10, outside the bounds 1 to 10"),
        (_set(*FIRST, "bounds", value=[-400, 10]), "indicators.first.rule: points are below 327.68"),
        (_drop(*FIRST, "weights"), "indicators.first: an indicator has weights and a dimension"),
        (_drop(*FIRST, "provenance"), "indicators.first.provenance: is required"),
        (_set(*FIRST, "provenance", value=NOT_ALL), "provenance of weights in stage small is given 0 times"),
        (_set(*FIRST, "provenance", value=[{"of": ["name"], "status": "published"}]), "published needs its source"),
        (_set(*FIRST, "provenance", value=[{"of": ["name"], "status": "official", "source": "x"}]), "status"),
        (_set(*FIRST, "rule_by_stage", value={"huge": LINEAR}), "indicators.first.rule_by_stage.huge: no such stage"),
        (_set(*FIRST, "rule_by_stage", value={"large": LINEAR | {"points": 11}}), "indicators.first.rule_by_stage.large: gives points from 0 to 11"),
        (_set(*FIRST, "rule", value=TIERS | {"tiers": []}), "tiers: "),
        (_set(*FIRST, "rule", value=TIERS | {"tiers": [{"points": 1}]}), "exactly one of at_least, more_than, at_most, less_than"),
        (_set(*FIRST, "rule", value=TIERS | {"tiers": ASCENDING}), "from the narrowest to the widest"),
        (_set(*FIRST, "rule", value=TIERS | {"tiers": [{"at_least": 1, "points": 1}, {"at_most": 0, "points": 2}]}), "all have lower bounds or all"),
        (_set(*FIRST, "rule", value={"kind": "table", "of": "grade", "points": {"A": 1, "E": 2}, "otherwise": 0}), "E is not a value of grade"),
        (_set(*FIRST, "rule", value={"kind": "table", "of": "grade", "points": {"A": 1}}), "no points for B, M: add them, or `otherwise`"),
        (_set("indicators", "closed", "weights", value=2), "indicators.closed: "),
        (_set("indicators", "closed", "bounds", value=[0, 1]), "indicators.closed: "),
        (_set("indicators", "closed", "open_to", value=["bank"]), "indicators.closed: a gate is open to nobody"),
        (_set("indicators", "closed", "rule", value=NEGATIVE), "indicators.closed.rule: a gate or a veto is triggered by positive"),
        (_set("functionals", "total", "gates", value=["first"]), "functionals.total.gates: first is not an indicator of role gate"),
        (_set("functionals", "total", "gates", value=["closed", "closed"]), "functionals.total.gates: a gate is named twice"),
        (_set("functionals", "total", "dimensions", value=["two"]), "functionals.total.dimensions: no dimension two; there are one"),
        (_set("functionals", "total", "disclosed_to", value=["everyone"]), "functionals.total.disclosed_to"),
        (_set("functionals", "first", value={"title": small_pack.TITLE, "disclosed_to": []}), "functionals.first: an indicator has this name"),
        (_set("functionals", value=UNTOTALLED), "functionals: a model has a functional named total"),
        (_set("staging", "default", value="huge"), "staging: the default stage is one of small, large"),
        (_set("staging", "axes", value=["grade"]), "staging"),
        (_set("staging", "stages", "large", "on", "size", "from", value=11), "neither overlap nor leave gaps, but size = 10 falls into 0 stages"),
        (_set("staging", "stages", "large", "on", "size", "from", value=9), "size = 9 falls into 2 stages (small, large)"),
        (_set("staging", "stages", "large", "on", "size", "below", value=10), "a band goes from a value (inclusive) to a greater one"),
        (_set("staging_provenance", value=[]), "staging_provenance: provenance of bands in stage small is given 0 times"),
        (_set("records", "books", "fields", "grade", "values", value=[]), "records.books.fields.grade: a category lists its values"),
        (_set("records", "books", "fields", "listed", "signed", value=True), "records.books.fields.listed: only numbers are signed"),
        (_set("records", "more", value=REPEATED), "records.more.fields.x: record books has this field"),
        (_set("products", "line", "functional", value="first"), "products.line.functional: first is not a functional disclosed to banks"),
        (_set("products", "line", "vetoes", value=["closed"]), "products.line.vetoes: closed is not an indicator of role veto"),
        (_set("products", "line", "line", "slope", value={"small": 1}), "products.line.line.slope: a value for every stage is needed"),
        (_set("products", "line", "line", "floor", value=505000), "products.line.line: floor is at most cap, and a multiple of round_to"),
        (_set("products", "line", "promise", value={"amount_ratio": 1, "extra_months": 0}), "products.line: a product has either a line"),
        (_set("product_provenance", value={}), "product_provenance"),
        (_set("product_provenance", "other", value=[{"of": ["line"], "status": "illustrative"}]), "product_provenance.other: no such product"),
    ],
)  # fmt: skip
def test_a_pack_that_does_not_fit_is_refused_with_line_path_and_remedy(change: Callable[[Pack], None], said: str) -> None:
    pack = small_pack.document()
    change(pack)
    with pytest.raises(ModelError) as caught:
        load_pack(small_pack.to_bytes(pack))
    assert said in str(caught.value)
    assert all(line.startswith(("line ", "and ")) for line in str(caught.value).splitlines())


def test_the_line_is_that_of_the_fault() -> None:
    text = small_pack.to_bytes(small_pack.document()).decode()
    faulty = text.replace("reference: 100", "reference: -100")
    number = next(position for position, line in enumerate(faulty.splitlines(), 1) if "reference: -100" in line)
    with pytest.raises(ModelError, match=rf"^line {number}, indicators\.first\.rule\.reference: "):
        load_pack(faulty.encode())


def test_several_problems_are_told_at_once() -> None:
    pack = small_pack.document()
    pack["indicators"]["first"]["bounds"] = [0, 1]
    pack["functionals"]["total"]["gates"] = ["first"]
    with pytest.raises(ModelError) as caught:
        load_pack(small_pack.to_bytes(pack))
    assert len(str(caught.value).splitlines()) == 2


def _relative(times: float, months: int) -> Pack:
    pack = small_pack.document()
    product = dict(pack["products"]["line"], term_months=months, promise={"amount_ratio": 1.3, "extra_months": 12})
    product["relative"] = {"to": "line", "times": {"small": times, "large": 1.5}, "round_to": 10000}
    del product["line"]
    pack["products"]["more"] = product
    pack["product_provenance"]["more"] = [{"of": ["line", "promise", "terms"], "status": "illustrative"}]
    return pack


def test_a_product_that_breaks_its_promise_is_refused() -> None:
    load_pack(small_pack.to_bytes(_relative(1.3, 24)))
    with pytest.raises(ModelError, match=r"products\.more\.relative\.times\.small: 1\.29 times the base line is below the promised 1\.3"):
        load_pack(small_pack.to_bytes(_relative(1.29, 24)))
    with pytest.raises(ModelError, match=r"products\.more\.term_months: 12 months more than the base product's 12 are promised"):
        load_pack(small_pack.to_bytes(_relative(1.3, 23)))


def test_stages_on_a_grid_of_two_axes_are_a_partition() -> None:
    pack = small_pack.document()
    pack["staging"]["axes"] = ["size", "items"]
    pack["staging"]["stages"]["small"]["on"]["items"] = {"below": 5}
    with pytest.raises(ModelError, match="size = 9, items = 5 falls into 0 stages"):
        load_pack(small_pack.to_bytes(pack))
    pack["staging"]["stages"]["old"] = {"title": small_pack.TITLE, "on": {"size": {"below": 10}, "items": {"from": 5}}}
    for indicator in pack["indicators"].values():
        if "weights" in indicator:
            indicator["weights"] = 1
    pack["products"]["line"]["line"]["slope"]["old"] = 5
    model = load_pack(small_pack.to_bytes(pack))
    assert [model.stage_of({"size": size, "items": items}) for size, items in ((1, 1), (1, 5), (10, 1), (10, 5))] == [
        "small",
        "old",
        "large",
        "large",
    ]
    assert model.stage_of({"size": 1}) == "small", "missing on an axis: the default stage"
