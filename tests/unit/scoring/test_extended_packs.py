"""Packs of the national guideline and of those who build on it: shape, what is published, known answers at the edges; Huai'an's line by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nodes.packs import read_pack, shipped_packs
from scoring.indicators.describe import describe
from scoring.indicators.model import Model
from scoring.indicators.plain import score_plain
from scoring.rules.credit import line_fen
from scoring.rules.points import points

STAGES = ("初创期", "成长期", "稳定期")
YUAN = 100


@pytest.fixture(scope="module")
def packs() -> Mapping[str, Model]:
    return {name: read_pack(name) for name in ("national-2024", "torch-20", "zhengzhou", "huaian")}


def scored(model: Model) -> list[str]:
    return [item.id for item in model.indicators.values() if item.role == "points"]


def test_national_has_the_published_shape(packs: Mapping[str, Model]) -> None:
    model = packs["national-2024"]
    assert (len(model.pack.dimensions), len(scored(model))) == (3, 18)
    assert tuple(stage.title.zh for stage in model.stages) == STAGES
    assert [title.zh for title in model.pack.dimensions.values()] == ["技术创新指标", "成长经营指标", "辅助指标"]
    for stage in model.stages:
        assert sum(model.indicators[name].weight(stage.id) for name in scored(model)) == 100
    assert {note.status for item in model.indicators.values() for note in item.spec.provenance} == {"illustrative"}


def test_twenty_and_twelve(packs: Mapping[str, Model]) -> None:
    torch, model = packs["torch-20"], packs["zhengzhou"]
    assert (len(scored(torch)), len(scored(model))) == (20, 32)
    assert scored(model)[:20] == scored(torch)
    for name in scored(torch):
        assert model.indicators[name].spec == torch.indicators[name].spec, "what is the base's stays the base's, provenance included"
    assert [source.id for source in model.pack.resolved_from] == ["national-2024", "torch-20", "zhengzhou"]
    shown = {item["id"]: item["packs"] for item in describe(model)["indicators"]}
    assert [shown[name] for name in ("rd-expense", "staff-growth", "tax-growth")] == [["national-2024@1"], ["torch-20@1"], ["zhengzhou@1"]]


def test_zhengzhou_offers_the_four_loans_that_are_named(packs: Mapping[str, Model]) -> None:
    model = packs["zhengzhou"]
    assert [product.spec.title.zh for product in model.products.values()] == ["科创贷", "补贴贷", "高企E贷", "科技支持贷"]
    clear = {"dishonest-veto": 0, "credit-veto": 0}
    certified = clear | {"hightech-certificate": 100}
    loans = model.products
    assert line_fen(loans["kechuang-loan"], "growth", 5_000, False, clear).line_fen == 2_500_000 * YUAN
    assert line_fen(loans["support-loan"], "growth", 5_000, False, clear).line_fen == 3_000_000 * YUAN
    assert line_fen(loans["hightech-e-loan"], "growth", 5_000, False, certified).line_fen == 1_300_000 * YUAN
    assert line_fen(loans["hightech-e-loan"], "growth", 5_000, False, certified | {"hightech-certificate": 0}).reason == "CONDITION_NOT_MET"
    assert line_fen(loans["subsidy-loan"], "growth", 0, False, clear | {"subsidies-announced": 12_345}).line_fen == 987_000 * YUAN
    for product in loans.values():
        shown = dict.fromkeys(product.singles, 100) | {"dishonest-veto": 100, "credit-veto": 0}
        assert line_fen(product, "stable", 9_000, False, shown).reason == "VETOED"


HUAIAN = {
    "revenue": "8000000", "revenue_previous": "6000000", "credit_grade": "B", "dishonest": "0", "environment_grade": "yellow",
    "overdue_loans": "0", "major_violations": "0", "registered_years": "1", "controller_trade_years": "0", "hightech_certificate": "1",
    "sme_technology": "0",
}  # fmt: skip


def huaians_line(model: Model, **changed: str | None) -> tuple[int, str]:
    """Line in yuan and reason, from records as departments hold them."""
    record = {name: value for name, value in (HUAIAN | changed).items() if value is not None}
    product = model.products["points-loan"]
    score = score_plain(model, record)
    singles = {name: points(model, name, record, score.stage) for name in product.singles}
    found = line_fen(product, score.stage, score.total, score.gated, singles)
    return found.line_fen // YUAN, found.reason


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, (7_000_000, "OFFERED")),
        ({"revenue": "30000000"}, (10_000_000, "OFFERED")),
        ({"revenue": "14000000", "revenue_previous": "6000000"}, (10_000_000, "OFFERED")),
        ({"revenue": "13999800", "revenue_previous": "6000000"}, (9_999_900, "OFFERED")),
        ({"revenue_previous": None}, (8_000_000, "OFFERED")),
        ({"revenue": "0", "revenue_previous": "0"}, (0, "OFFERED")),
        ({"dishonest": "1"}, (0, "VETOED")),
        ({"environment_grade": "red"}, (0, "VETOED")),
        ({"environment_grade": "black"}, (0, "VETOED")),
        ({"credit_grade": "D"}, (0, "VETOED")),
        ({"credit_grade": "C"}, (7_000_000, "OFFERED")),
        ({"overdue_loans": "1"}, (0, "VETOED")),
        ({"major_violations": "1"}, (0, "VETOED")),
        ({"registered_years": "0.99"}, (0, "CONDITION_NOT_MET")),
        ({"registered_years": "0.5", "controller_trade_years": "2"}, (7_000_000, "OFFERED")),
        ({"registered_years": None, "controller_trade_years": "1.99"}, (0, "CONDITION_NOT_MET")),
        ({"hightech_certificate": "0"}, (0, "CONDITION_NOT_MET")),
        ({"hightech_certificate": None, "sme_technology": "1"}, (7_000_000, "OFFERED")),
    ],
)
def test_huaians_published_rule_by_hand(packs: Mapping[str, Model], changed: dict[str, str | None], expected: tuple[int, str]) -> None:
    assert huaians_line(packs["huaian"], **changed) == expected


def test_what_huaian_publishes_is_marked_so(packs: Mapping[str, Model]) -> None:
    pack = packs["huaian"].pack
    places = {name: spec.provenance for name, spec in pack.indicators.items()} | pack.product_provenance
    said = {(name, aspect) for name, notes in places.items() for note in notes if note.status == "published" for aspect in note.of}
    vetoes = ("dishonest-veto", "environment-veto", "credit-veto", "overdue-veto", "violation-veto")
    assert said == {
        *((name, aspect) for name in (*vetoes, "established", "mean-revenue") for aspect in ("name", "rule")),
        ("qualified", "name"), *(("points-loan", aspect) for aspect in ("line", "cap", "terms")),
    }  # fmt: skip


@pytest.mark.slow
def test_a_field_that_packs_share_is_the_same_field_of_the_same_owner() -> None:
    seen: dict[str, tuple[str, object]] = {}
    for name in set(shipped_packs()) - {"firm-panel", "sme-tech"}:  # these came with fields of their own
        model = read_pack(name)
        for field in model.fields.values():
            said = (name, (field.spec, model.pack.records[field.record].owner))
            first = seen.setdefault(field.name, said)
            assert first[1] == said[1], f"{field.name} in {first[0]} and {name}"
