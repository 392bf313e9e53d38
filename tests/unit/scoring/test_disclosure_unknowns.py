"""What the admission lint takes for one unknown, and what gates, vetoes, figures and earlier models tell of it [P7.1, D3]."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from scoring.disclosure.lint import lint
from scoring.indicators.model import Model, load_pack
from tests.oracles import small_pack
from tests.support.disclosure import exposure, found, leaks, refused
from tests.support.models import ALL, document, item, linear, model, plain, tiers

# --- what is one unknown, and what is told of it without any functional [D3] ---


def single(role: str, department: str, rule: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A gate, a veto or a figure of a department's record."""
    notes = [{"of": ["name", "rule"], "status": "illustrative"}]
    spec = {"title": small_pack.TITLE, "role": role, "record": f"of-{department}", "definition": small_pack.TITLE, "rule": dict(rule)}
    shown = {"bounds": [0, 1], "open_to": ["bank"]} if role == "veto" else {}
    return spec | {"provenance": notes} | shown | more


def reading(field: str, bound: float) -> dict[str, Any]:
    """1 from a bound on, else 0."""
    return {"kind": "tiers", "of": field, "tiers": [{"at_least": bound, "points": 1}], "otherwise": 0}


def with_singles(scored: Mapping[str, Mapping[str, Any]], singles: Mapping[str, Mapping[str, Any]], forms: Mapping[str, Any] | None = None) -> Model:
    pack = document(scored, forms)
    pack["indicators"] |= singles
    return load_pack(small_pack.to_bytes(pack))


MARKET = plain(12, points=1) | {"m": item("market", tiers(0.3, 0.6, 1))}
EDGES = (10, 20, 30)


def test_one_rule_under_two_names_is_one_unknown() -> None:
    first = {name: spec | {"dimension": "a"} for name, spec in plain(6).items()}
    again = {f"again-{name}": spec | {"dimension": "b", "field": f"x_{name}"} for name, spec in plain(6).items()}
    secret = {"secret": item("market", linear(10), dimension="b")}
    report = lint(model(first | again | secret, {"half": {"dimensions": ["a"], "disclosed_to": ["authority", "bank"]}}))
    for audience in ("authority", "bank"):
        isolated = found(report, "isolated", audience)
        assert isolated.indicators == ("secret",)
        assert {(factor.functional, factor.coefficient) for factor in isolated.combination} == {("total", 1), ("half", -2)}


@pytest.mark.parametrize("written", [
    tiers(3, 6, 10),
    tiers(3, 6, 10) | {"tiers": [{"at_least": 40, "points": 10}, *tiers(3, 6, 10)["tiers"]]},
    {"kind": "best_of", "rules": [reading("x_i", 10) | {"otherwise": 0, "tiers": [{"at_least": 10, "points": 3}]}, tiers(3, 6, 10)]},
])  # fmt: skip
def test_an_indicator_that_comes_back_renamed_and_written_otherwise_is_the_same_unknown(written: Mapping[str, Any]) -> None:
    """Without its secret the new total differs from the old one by nothing else."""
    before = {f"i{place}": item(name, tiers(3, 6, 10)) for place, name in enumerate(("tax", "science", "ip") * 2)}
    old, pack = model(before | {"secret": item("market", linear(1))}), document(before, version="2")
    for name in before:
        rule = {"kind": written["kind"]} | dict(written)
        for part in [rule, *rule.get("rules", ())]:
            if "tiers" in part:
                part["of"] = f"x_{name}"
        pack["indicators"][f"new-{name}"] = pack["indicators"].pop(name) | {"rule": copy.deepcopy(rule)}
    report = lint(load_pack(small_pack.to_bytes(pack)), [old])
    assert found(report, "isolated", "authority").indicators == found(report, "isolated").indicators == ("secret",)


def test_an_indicator_split_in_two_is_the_sum_of_both() -> None:
    both = {"both": item("market", tiers(1, 2))}
    halves = {f"half-{bound}": item("market", reading("", bound), field="x_both") for bound in (10, 20)}
    old = model(plain(12, points=1) | both | {"secret": item("finance", linear(1))})
    report = lint(model(plain(12, points=1) | halves, version="2"), [old])
    assert found(report, "isolated").indicators == ("secret",)


def test_vetoes_at_the_edges_of_a_protected_indicator_tell_it() -> None:
    vetoes = {f"v{edge}": single("veto", "market", reading("x_m", edge)) for edge in EDGES}
    assert lint(model(MARKET)).admissible
    report = lint(with_singles(MARKET, vetoes))
    assert refused(report) == {"ratio", "pinned"}
    assert {finding.indicators for finding in report.findings if finding.audience == "bank"} == {("m",)}
    assert {factor.functional for factor in found(report, "pinned").combination} == {"total", *vetoes}
    assert refused(report, "authority") == set(), "a veto is open to banks alone"


def test_gates_of_several_functionals_at_the_edges_of_a_protected_indicator_tell_it() -> None:
    gates = {f"g{edge}": single("gate", "market", reading("x_m", edge)) for edge in EDGES}
    forms = {f"f{edge}": {"gates": [f"g{edge}"], "disclosed_to": ["authority"]} for edge in EDGES}
    report = lint(with_singles(MARKET, gates, forms))
    assert refused(report, "authority") == {"ratio", "pinned"}
    assert refused(report) == set()


@pytest.mark.parametrize("rule", [
    {"kind": "tiers", "of": "longest_run(quiet_months)", "tiers": [{"at_least": 3, "points": 1}], "otherwise": 0},
    {"kind": "table", "of": "grade", "points": {"D": 1}, "otherwise": 0},
])  # fmt: skip
def test_an_honest_gate_that_no_indicator_shares_a_field_with_changes_nothing(rule: Mapping[str, Any]) -> None:
    pack = document(MARKET, {"total": {"gates": ["closed"], "disclosed_to": ALL}})
    fields = {"quiet_months": {"title": small_pack.TITLE, "type": "months"}}
    pack["records"]["of-market"]["fields"] |= fields | {"grade": {"title": small_pack.TITLE, "type": "category", "values": ["A", "D"]}}
    pack["indicators"]["closed"] = single("gate", "market", rule)
    report = lint(load_pack(small_pack.to_bytes(pack)))
    assert report.admissible
    assert leaks(report) == leaks(lint(model(MARKET)))


def test_what_a_gate_says_of_an_indicator_of_its_field_is_counted_and_its_owner_can_accept_it() -> None:
    """Whoever is gated by the least grade has the least points: one firm in four."""
    gate = {"closed": single("gate", "market", {"kind": "tiers", "of": "x_m", "tiers": [{"less_than": 10, "points": 1}], "otherwise": 0})}
    pack = document(MARKET, {"total": {"gates": ["closed"], "disclosed_to": ALL}})
    pack["indicators"] |= gate
    report = lint(load_pack(small_pack.to_bytes(pack)))
    assert refused(report) == {"pinned"}
    limit = {"pinned_at_most": found(report, "pinned").value / 10_000}
    pack["exposures"] = [exposure(indicator="m", accepted_by={"department": "market", "level": "city"}, **limit)]
    assert lint(load_pack(small_pack.to_bytes(pack))).admissible


def test_what_is_told_of_both_fields_of_a_quotient_counts_as_telling_it() -> None:
    pack = document(MARKET)
    pack["records"]["of-market"]["fields"]["x_base"] = {"title": small_pack.TITLE, "type": "decimal"}
    pack["indicators"]["m"]["rule"]["of"] = "x_m / x_base"
    assert lint(load_pack(small_pack.to_bytes(pack))).admissible
    pack["indicators"]["v-m"] = single("veto", "market", reading("x_m", 5))
    assert lint(load_pack(small_pack.to_bytes(pack))).admissible, "the other field may be anything"
    pack["indicators"]["v-base"] = single("veto", "market", reading("x_base", 5))
    assert refused(lint(load_pack(small_pack.to_bytes(pack)))) == {"ratio", "pinned"}


def test_a_stage_that_leaves_an_indicator_one_point_tells_it() -> None:
    narrow = document(MARKET | {"by-size": item("tax", tiers(1, 2), field="x_tax")}, stages=("low", "high"))
    report = lint(load_pack(small_pack.to_bytes(narrow)))
    assert {(finding.indicators, finding.value) for finding in report.findings if finding.rule == "pinned"} == {(("by-size",), 10_000)}


@pytest.mark.slow
@pytest.mark.nightly
def test_what_is_too_large_to_be_measured_is_refused() -> None:
    """A range beyond every size that is computed: nothing is taken to be harmless unseen."""
    weights = zip(("tax", "science", "ip"), (1, 10_001, 60_000), strict=True)
    assert not lint(model({name: item(name, linear(300), weight) for name, weight in weights})).admissible


# --- models of the same data period ---


def test_a_new_weight_in_the_same_data_period_isolates_its_indicator() -> None:
    before, after = plain(12), plain(12)
    after["i5"] = item("ip", linear(10), 2)
    old, new = model(before), model(after, version="2")
    assert lint(new).admissible
    report = lint(new, [old])
    assert found(report, "isolated").indicators == ("i5",)
    assert {factor.functional for factor in found(report, "isolated").combination} == {"small@1:total", "small@2:total"}


def test_a_changed_rule_is_another_unknown_of_the_same_owner() -> None:
    after = plain(6, points=1)
    after["i5"] = item("ip", linear(2))
    report = lint(model(after, version="2"), [model(plain(6, points=1))])
    assert found(report, "isolated").indicators == ("i5", "i5 (small@1)")


def test_only_the_previous_two_models_are_taken_along() -> None:
    versions = [model(plain(12), version=str(number)) for number in range(4)]
    report = lint(versions[3], versions[2::-1])
    assert [ref.version for ref in report.previous] == ["2", "1"]
    assert report.admissible  # nothing changed: the same functional counts once


def test_models_that_stage_differently_are_linted_in_every_pair_of_stages() -> None:
    old, new = model(plain(12)), model(plain(12), version="2", stages=("low", "high"))
    stages = lint(new, [old]).audiences[0].stages
    assert [(part.stage, part.of_previous) for part in stages] == [("low", ("all",)), ("high", ("all",))]
