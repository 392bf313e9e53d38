"""Advice against the outside truth: a record that is changed as a step asks is scored again, and gives what the step says [Q1]."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gmpy2 import mpq

from scoring.advice.needs import Be, More, Need, Reach, holds
from scoring.advice.outcomes import Known, outcomes
from scoring.advice.ranking import IndicatorAdvice, Step, advise
from scoring.advice.words import step_words
from scoring.errors import ModelError
from scoring.indicators.model import Model, load_pack
from scoring.indicators.plain import score_plain
from scoring.rules.points import BestOf, Sum, points
from scoring.rules.values import Field, FieldSpec, Reader
from scoring.statements import Title

PACKS = Path(__file__).parents[2] / "scoring" / "packs"
SCALE = 10**6  # denominators and bases are set to it, so that a threshold of a ratio is met exactly
NAMES = (
    "hangzhou-binjiang/hangzhou-binjiang@1",
    "suzhou-snd/suzhou-snd@1",
    "kunshan/kunshan@1",
    "national-2024/national-2024@1",
    "sme-tech/sme-tech@1",
)


def text(value: mpq) -> str:
    """An exact decimal."""
    for digits in range(19):
        if (value * 10**digits).denominator == 1:
            whole = int(value * 10**digits)
            body = f"{abs(whole):0{digits + 1}d}"
            return ("-" if whole < 0 else "") + (f"{body[:-digits]}.{body[-digits:]}" if digits else body)
    raise AssertionError(f"{value} is no decimal")


def just(need: Reach) -> mpq:
    """The value nearest to the first bound that is within all."""
    for nudge in (mpq(0), mpq(1, SCALE), -mpq(1, SCALE), mpq(1), mpq(-1)):
        value = need.bounds[0][1] + nudge
        if all(holds(bound, value) for bound in need.bounds):
            return value
    raise AssertionError(need)


def changed(model: Model, record: Mapping[str, str], need: Need) -> dict[str, str]:
    """The record as the need asks for it, and otherwise as it was where that is possible."""
    match need:
        case Be():
            return {**record, need.field: need.values[0]}
        case More():
            return {**record, need.field: str(int(record.get(need.field) or 0) + need.items)}
        case Reach():
            value = just(need)
            if need.base:
                return {**record, need.base: str(SCALE), need.of.fields[0]: text((1 + value) * SCALE)}
            if need.of.kind == "ratio":
                return {**record, need.of.fields[1]: str(SCALE), need.of.fields[0]: text(value * SCALE)}
            whole = model.fields[need.of.fields[0]].spec.type == "integer" and value.denominator != 1
            return {**record, **dict.fromkeys(need.of.fields, text(mpq(-(-value // 1)) if whole else value))}


def a_record(model: Model, chance: random.Random) -> dict[str, str]:
    """A record whose fields lie anywhere up to far beyond what thresholds ask, a tenth of them missing."""
    found = {}
    for name, field in model.fields.items():
        if chance.random() < 0.1:
            continue
        spec = field.spec
        if spec.type == "category":
            found[name] = chance.choice(spec.values)
        elif spec.type == "flag":
            found[name] = str(int(chance.random() < 0.2))
        elif spec.type == "months":
            found[name] = ""
        else:
            sign = "-" if spec.signed and chance.random() < 0.2 else ""
            found[name] = sign + str(chance.randrange(10 ** chance.randint(1, 3 if spec.unit != "yuan" else 9)))
    return found


def check(model: Model, record: dict[str, str], stage: str, advice: IndicatorAdvice, step: Step) -> None:
    after = record
    for need in step.needs:
        after = changed(model, after, need)
    before, now = (points(model, advice.indicator, version, stage) for version in (record, after))
    assert before == advice.points
    shared = isinstance(model.indicators[advice.indicator].rules[stage], BestOf | Sum)  # a part's change may move other parts too
    assert step.points[0] <= now, (advice.indicator, step)
    assert shared or now <= step.points[1], (advice.indicator, step)
    if step.exact and not shared:
        assert step.gain[0] == advice.weight * (now - before) > 0


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name.startswith(("suzhou", "kunshan")) else []) for name in NAMES])
def test_a_step_gives_what_it_says_when_the_changed_record_is_scored(name: str) -> None:
    model = load_pack((PACKS / f"{name}.yaml").read_bytes())
    chance, seen = random.Random(name), 0
    for known in (False, True, True):
        record = a_record(model, chance)
        score = score_plain(model, record)
        told = {field: record.get(field, "") for field in model.fields} if known else None
        advice = advise(model, score.stage, score.points, record=told)
        assert [item.steps[0].gain[1] for item in advice.indicators] == sorted((item.steps[0].gain[1] for item in advice.indicators), reverse=True)
        for item in advice.indicators:
            assert item.room == item.steps[-1].gain[1]
            for step in item.steps:
                check(model, record, score.stage, item, step)
                assert step.exact
                assert step_words(model, step).zh
                seen += 1
    assert seen > 10


@pytest.mark.parametrize("name", NAMES[:1])
def test_full_points_leave_nothing_to_advise_and_no_points_leave_it_all(name: str) -> None:
    model = load_pack((PACKS / f"{name}.yaml").read_bytes())
    scored = [item for item in model.indicators.values() if item.role == "points"]
    assert advise(model, "growing", {item.id: item.bounds[1] for item in scored}).indicators == ()
    empty = advise(model, "growing", {item.id: 0 for item in scored})
    assert {item.indicator: item.room for item in empty.indicators} == {item.id: item.weight("growing") * item.bounds[1] for item in scored}
    assert all(item.may_be_missing for item in empty.indicators)


def test_a_gated_total_names_what_holds_it_at_zero() -> None:
    model = load_pack((PACKS / f"{NAMES[0]}.yaml").read_bytes())
    scored = {item.id: 0 for item in model.indicators.values() if item.role == "points"}
    assert advise(model, "seed", scored, gated=True).gates == model.functionals["total"].gates != ()
    assert advise(model, "seed", scored).gates == ()


def test_a_step_that_leaves_the_stage_says_so() -> None:
    model = load_pack((PACKS / f"{NAMES[3]}.yaml").read_bytes())
    scored = {item.id: 0 for item in model.indicators.values() if item.role == "points"}
    axis = model.pack.staging.axes[0]
    stages = {stage.id: advise(model, stage.id, scored) for stage in model.stages}
    for stage, advice in stages.items():
        band = model.pack.staging.stages[stage].on[axis]
        for item in advice.indicators:
            for step in item.steps:
                for need in step.needs:
                    if isinstance(need, Reach) and need.of.fields == (axis,) and not need.base:
                        assert (step.stage == "stays") == band.holds(need.bounds[0][1])


def test_a_record_that_disagrees_with_the_opened_points_is_left_aside() -> None:
    model = load_pack((PACKS / f"{NAMES[0]}.yaml").read_bytes())
    scored = {item.id: 0 for item in model.indicators.values() if item.role == "points"} | {"rd-staff-share": 150}
    told = {"rd_staff": "1", "survey_staff": "100"}
    steps = {item.indicator: item.steps for item in advise(model, "growing", scored, record=told).indicators}
    assert [need.now for need in steps["rd-staff-share"][0].needs if isinstance(need, Reach)] == [None]


def test_an_unknown_stage_is_refused() -> None:
    model = load_pack((PACKS / f"{NAMES[0]}.yaml").read_bytes())
    with pytest.raises(ModelError, match="no functional"):
        advise(model, "retired", {})


TITLE = Title(zh="项", en="item")
FIELDS = {
    name: Field(name, "r", FieldSpec.model_validate({"title": TITLE, "type": kind}))
    for name, kind in {"a": "integer", "b": "decimal", "c": "flag", "d": "integer"}.items()
}
PARTS: tuple[dict[str, Any], ...] = (
    {"kind": "count", "each": {"a": 2, "d": 1}, "cap": 8},
    {"kind": "linear", "of": "b", "reference": 300, "points": 7},
    {"kind": "flag", "of": "c", "points": -4},
)


@pytest.mark.parametrize("shape", [{"kind": "sum"}, {"kind": "sum", "cap": 9}, {"kind": "best_of"}], ids=str)
@pytest.mark.parametrize("up", [True, False])
def test_a_part_whose_points_nobody_was_shown_is_bounded_and_a_known_one_is_exact(shape: dict[str, Any], up: bool) -> None:
    rule = (BestOf if shape["kind"] == "best_of" else Sum).model_validate({**shape, "rules": PARTS})
    chance = random.Random(7)
    for _ in range(40):
        record = {"a": str(chance.randrange(5)), "b": str(chance.randrange(400)), "c": str(chance.randrange(2)), "d": str(chance.randrange(4))}
        present = rule.evaluate(Reader(FIELDS, record))
        assert present is not None
        for told in ({}, record):
            for outcome in outcomes(rule, (present, present), Known(FIELDS, told), up):
                after = dict(record)
                for need in outcome.needs:
                    after = changed_plain(after, need)
                now = rule.evaluate(Reader(FIELDS, after))
                assert now is not None
                assert outcome.after[0] <= now <= outcome.after[1], (record, outcome)
                assert outcome.gain[0] <= now - present <= outcome.gain[1], (record, outcome)
                if told and up:
                    assert outcome.gain[0] == outcome.gain[1]


def changed_plain(record: dict[str, str], need: Need) -> dict[str, str]:
    match need:
        case Be():
            return {**record, need.field: need.values[0]}
        case More():
            return {**record, need.field: str(int(record[need.field]) + need.items)}
        case Reach():
            return {**record, need.of.fields[0]: text(just(need))}
