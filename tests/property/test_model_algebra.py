"""What holds for every model and every record: intervals, packing, gates, rules, rounding."""

from __future__ import annotations

from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from gmpy2 import mpq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.packing import pack, unpack
from scoring.errors import ModelError
from scoring.indicators.functional import functional
from scoring.indicators.model import Model, load_pack
from scoring.indicators.plain import combine, score_plain
from scoring.release.percentiles import band_of, percentile, quantile_tables
from scoring.rules.points import points
from scoring.rules.values import half_up
from tests.oracles import small_pack

BITS = 3072
STAGES = ("small", "large")
unhurried = settings(deadline=None)
each_a_model = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # reading YAML takes its time
POINTS = st.integers(-32_767, 32_767)
WEIGHTS = st.integers(-65_535, 65_535)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """A model of one to six indicators with any bounds and weights, and zero to three gates on its total."""
    document = small_pack.document()
    document["indicators"] = {}
    for number in range(draw(st.integers(1, 6))):
        low, high = sorted((draw(POINTS), draw(POINTS)))
        bounds = (min(low, 0) / 100, max(high, 0) / 100)
        weights = {stage: draw(WEIGHTS) for stage in STAGES}
        document["indicators"][f"i{number}"] = small_pack.indicator({"kind": "never"}, weights, bounds)
    gates = [f"g{number}" for number in range(draw(st.integers(0, 3)))]
    document["indicators"] |= {name: small_pack.gate({"kind": "never"}) for name in gates}
    document["functionals"]["total"] |= {"gates": gates, "constant": draw(st.integers(-1000, 1000))}
    return load_pack(small_pack.to_bytes(document))


def inputs(draw: st.DrawFn | Any, model: Model, stage: str) -> tuple[int, int, bool]:
    """(value with gates, value without, gated) of the total for inputs drawn within their bounds, edges included."""
    form = functional(model, "total", stage)
    value, masked, gated = form.constant, 0, False
    for term in form.terms:
        if term.functional == "-":
            low, high = model.indicators[term.indicator].bounds
            value += term.weight * draw(st.one_of(st.sampled_from((low, high)), st.integers(low, high)))
            continue
        closed = draw(st.booleans())
        gated |= closed
        masked += model.gate_value(term.indicator, "total", closed, lambda bits: draw(st.integers(0, (1 << bits) - 1)))
    return value + masked, value, gated


@each_a_model
@given(st.data())
def test_the_interval_holds_every_reachable_value_and_the_reading_is_right(data: st.DataObject) -> None:
    model, stage = data.draw(models()), data.draw(st.sampled_from(STAGES))
    opened, plain, gated = inputs(data.draw, model, stage)
    form = functional(model, "total", stage)
    assert form.lo <= opened <= form.hi
    assert form.plain_lo <= plain <= form.plain_hi
    reading = model.read(form, opened)
    assert (reading.gated, reading.value_hundredths) == (gated, 0 if gated else plain)


@each_a_model
@given(models(), st.sampled_from(STAGES))
def test_the_interval_is_reached_at_both_ends(model: Model, stage: str) -> None:
    form = functional(model, "total", stage)
    ends = [form.constant, form.constant]
    for term in form.terms:
        products = [term.weight * bound for bound in model.input_bounds(term.indicator, term.functional)]
        ends = [ends[0] + min(products), ends[1] + max(products)]
    assert ends == [form.lo, form.hi]


@each_a_model
@given(st.data())
def test_a_full_ciphertext_of_totals_unpacks_to_what_was_added(data: st.DataObject) -> None:
    model, stage = data.draw(models()), data.draw(st.sampled_from(STAGES))
    count = data.draw(st.integers(1, model.slots_per_ciphertext(BITS)))
    subjects = [inputs(data.draw, model, stage)[0] for _ in range(min(count, 6))]
    values = [subjects[slot % len(subjects)] for slot in range(count)]
    packed = pack(values, model.slot_bits)
    assert abs(packed) < 1 << (BITS - 2)
    assert unpack(packed, model.slot_bits, count) == values


@each_a_model
@given(st.data())
def test_packed_columns_weigh_and_add_slot_by_slot(data: st.DataObject) -> None:
    model, stage = data.draw(models()), data.draw(st.sampled_from(STAGES))
    form = functional(model, "total", stage)
    columns = {}
    for term in form.terms:
        low, high = model.input_bounds(term.indicator, term.functional)
        columns[term.indicator, term.functional] = [data.draw(st.one_of(st.sampled_from((low, high)), st.integers(low, high))) for _ in range(3)]
    added = pack([form.constant] * 3, model.slot_bits)
    for term in form.terms:
        added += term.weight * pack(columns[term.indicator, term.functional], model.slot_bits)
    expected = [form.constant + sum(term.weight * columns[term.indicator, term.functional][slot] for term in form.terms) for slot in range(3)]
    assert unpack(added, model.slot_bits, 3) == expected


@unhurried
@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.sampled_from((1, 100)))
def test_rounding_is_that_of_decimal_arithmetic(numerator: int, denominator: int, scale: int) -> None:
    rounded = half_up(mpq(numerator, denominator), scale)
    assert type(rounded) is int
    exact = Fraction(numerator * scale, denominator)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if 10**6 % denominator == 0:
        assert rounded == (Decimal(numerator) * scale / Decimal(denominator)).quantize(Decimal(1), ROUND_HALF_UP)


def model_with(rule: dict[str, Any]) -> Model:
    document = small_pack.document()
    document["indicators"]["it"] = small_pack.indicator(rule, bounds=(-100, 100))
    return load_pack(small_pack.to_bytes(document))


RISING = {
    "linear": {"kind": "linear", "of": "x", "reference": 37, "points": 10},
    "tiers": {"kind": "tiers", "of": "x", "tiers": [{"more_than": 9, "points": 8}, {"at_least": 3, "points": 2.5}], "otherwise": -1},
    "count": {"kind": "count", "each": {"x": 0.03}, "cap": 10},
    "growth": {
        "kind": "growth", "of": "x", "base": "x_previous", "otherwise": 0, "when_base_not_positive": 0,
        "tiers": [{"at_least": 0.3, "points": 10}, {"at_least": 0, "points": 3}],
    },
    "percentile": {"kind": "percentile", "of": "x", "points": 7, "table": [{"at_least": 2, "percentile": 30}, {"at_least": 50, "percentile": 99}]},
}  # fmt: skip
RISING["best_of"] = {"kind": "best_of", "rules": [RISING["linear"], RISING["tiers"]]}
RISING["sum"] = {"kind": "sum", "rules": [RISING["percentile"], RISING["tiers"]], "cap": 9}
RISING_MODELS = {name: model_with(rule) for name, rule in RISING.items()}
AMOUNTS = st.decimals(min_value=0, max_value=200, places=4)


@pytest.mark.parametrize("name", RISING)
@unhurried
@given(first=AMOUNTS, second=AMOUNTS)
def test_rising_rules_never_fall_and_stay_within_their_span(name: str, first: Decimal, second: Decimal) -> None:
    model = RISING_MODELS[name]
    low, high = sorted((first, second))
    earned = [points(model, "it", {"x": str(value), "x_previous": "10"}, "small") for value in (low, high)]
    assert earned[0] <= earned[1]
    span = model.indicators["it"].rules["small"].span()
    assert all(span[0] * 100 <= each <= span[1] * 100 for each in earned)


@unhurried
@given(st.dictionaries(st.sampled_from(("x", "size", "listed", "items")), st.one_of(st.none(), st.just(""), st.just("1"))))
def test_a_plain_score_is_the_functional_over_its_points(record: dict[str, str | None]) -> None:
    model = RISING_MODELS["tiers"]
    score = score_plain(model, record)
    assert score.total == combine(functional(model, "total", score.stage), score.points)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 20_500), min_size=1, max_size=160))
def test_every_firm_of_a_large_enough_cohort_has_a_band_near_its_percentile(cohort: list[int]) -> None:
    model = RISING_MODELS["linear"]
    highest = functional(model, "total", "small").plain_hi
    totals = [min(total, highest) for total in cohort]
    table = quantile_tables(model, "total", {"small": totals})[0]
    for total in totals:
        shown = band_of(table, total)
        assert (shown is None) == (len(totals) < 20)
        if shown is not None:
            low, _, high = shown.partition("-")
            near = [percentile(other, totals) for other in totals if abs(other - total) < 50]
            assert min(near) <= int(high)
            assert max(near) >= int(low)


@unhurried
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_loader(data: bytes) -> None:
    with pytest.raises(ModelError):
        load_pack(data)


@each_a_model
@given(st.data())
def test_a_pack_with_any_line_cut_or_doubled_loads_or_is_refused(data: st.DataObject) -> None:
    lines = small_pack.to_bytes(small_pack.document()).splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = lines[:at] + ([lines[at]] * 2 if data.draw(st.booleans()) else []) + lines[at + 1 :]
    with suppress(ModelError):
        load_pack(b"".join(changed))
