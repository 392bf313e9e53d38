"""The packs of the pilot zones: the published shape of each, known answers at every published edge, one population for all of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from scoring.indicators.model import Model
from scoring.indicators.plain import score_plain
from scoring.rules.credit import line_fen
from tests.unit.scoring.conftest import shipped

ZONES = ("hangzhou-binjiang", "suzhou-snd", "kunshan", "longwan")
MADE_OF_ONES = ("suzhou-snd", "kunshan", "longwan")  # every indicator earns one point at most; the weights of a stage sum to 100
CLEAR = {"credit-veto": 0}


@pytest.fixture(scope="module")
def packs() -> Mapping[str, Model]:
    return {name: shipped(name) for name in ZONES}


def scored(model: Model) -> list[str]:
    return [item.id for item in model.indicators.values() if item.role == "points"]


def published(model: Model) -> set[tuple[str, str]]:
    """(part, aspect) of every published note of a pack."""
    pack = model.pack
    places = {name: spec.provenance for name, spec in pack.indicators.items()} | {"stages": pack.staging_provenance}
    places |= pack.product_provenance | {name: spec.provenance for name, spec in pack.rankings.items()}
    return {(name, aspect) for name, notes in places.items() for note in notes if note.status == "published" for aspect in note.of}


def test_a_field_that_packs_share_is_the_same_field_of_the_same_owner(packs: Mapping[str, Model]) -> None:
    seen: dict[str, tuple[str, object]] = {}
    shared = 0
    for name, model in packs.items():
        for field in model.fields.values():
            owner = model.pack.records[field.record].owner
            said = (name, (field.spec, owner))
            first = seen.setdefault(field.name, said)
            assert first[1] == said[1], f"{field.name} in {first[0]} and {name}"
            shared += first is not said
    assert shared >= 60


def test_packs_pack_as_tightly_as_the_home_zones(packs: Mapping[str, Model]) -> None:
    assert {name: model.slot_bits for name, model in packs.items()} == dict.fromkeys(ZONES, 57)


@pytest.mark.parametrize("name", MADE_OF_ONES)
def test_the_weights_of_each_stage_sum_to_a_hundred(packs: Mapping[str, Model], name: str) -> None:
    model = packs[name]
    for stage in model.stages:
        assert sum(model.indicators[item].weight(stage.id) for item in scored(model)) == 100
    assert all(model.indicators[item].bounds[0] >= -100 and model.indicators[item].bounds[1] <= 100 for item in scored(model))


def test_suzhou_has_the_published_shape(packs: Mapping[str, Model]) -> None:
    model = packs["suzhou-snd"]
    assert len(model.stages) == 4
    assert [title.zh for title in model.pack.dimensions.values()] == ["创新投入", "创新产出", "成长性", "综合"]
    assert len(scored(model)) == 84, "more than 70"
    assert {item.owner.name for item in model.indicators.values()} == {
        "tax/city", "science/county", "insurance/city", "ip/province", "market/province", "credit/county", "customs/city", "statistics/county",
        "development/county", "industry/county",
    }  # fmt: skip
    assert published(model) == {("points-loan", "cap")}


def test_suzhous_loan_reaches_ten_million_before_any_sales(packs: Mapping[str, Model]) -> None:
    model = packs["suzhou-snd"]
    assert model.stage_of({"revenue": "0"}) == "seed"
    loan = model.products["points-loan"]
    best = model.forms["total", "seed"].plain_hi
    assert line_fen(loan, "seed", best, False, CLEAR).line_fen == 10_000_000_00
    assert line_fen(loan, "seed", 0, False, CLEAR).line_fen == 500_000_00
    assert max(line_fen(loan, stage.id, 10**6, False, CLEAR).line_fen for stage in model.stages) == 10_000_000_00


@pytest.mark.parametrize(
    ("revenue", "stage"),
    [
        ("0", "种子期"), ("999999.99", "种子期"), ("1000000", "初创期"), ("4999999.99", "初创期"), ("5000000", "成长期"), ("19999999.99", "成长期"),
        ("20000000", "扩张期"), ("99999999.99", "扩张期"), ("100000000", "成熟期"), ("100000000000", "成熟期"), ("", "种子期"),
    ],
)  # fmt: skip
def test_longwans_published_stages_are_closed_below(packs: Mapping[str, Model], revenue: str, stage: str) -> None:
    model = packs["longwan"]
    titles = {item.id: item.title.zh for item in model.stages}
    assert titles[score_plain(model, {"revenue": revenue}).stage] == stage


def test_longwans_lists_are_the_published_ones(packs: Mapping[str, Model]) -> None:
    model = packs["longwan"]
    lists = [(spec.title.zh, int(spec.from_top), int(spec.below_top)) for spec in model.pack.rankings.values()]
    assert lists == [("领跑榜", 0, 5), ("竞跑榜", 5, 10), ("进取榜", 10, 20)]
    names = set(model.pack.rankings)
    assert published(model) == {("stages", "bands")} | {(name, aspect) for name in names for aspect in ("name", "criterion")}


def test_kunshan_has_the_published_shape(packs: Mapping[str, Model]) -> None:
    model = packs["kunshan"]
    assert (len(model.pack.dimensions), len(scored(model))) == (7, 48)
    assert {model.indicators[name].dimension for name in scored(model)} == set(model.pack.dimensions)
    assert len(model.pack.staging.axes) == 2
    assert published(model) == set()


AGES = {"new": ("0", "2.99"), "growing": ("3", "7.99"), "settled": ("8", "120")}
REVENUES = {"small": ("0", "4999999.99"), "medium": ("5000000", "49999999.99"), "large": ("50000000", "90000000000")}


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("size", REVENUES)
def test_every_corner_of_kunshans_grid_is_in_its_stage(packs: Mapping[str, Model], age: str, size: str) -> None:
    model = packs["kunshan"]
    axis = next(name for name in model.pack.staging.axes if name != "revenue")
    for years in AGES[age]:
        for revenue in REVENUES[size]:
            assert model.stage_of({axis: years, "revenue": revenue}) == f"{age}-{size}"
    assert model.stage_of({"revenue": REVENUES[size][0]}) == model.default_stage, "without an age there is no place on the grid"
