"""What the admission lint refuses, accepts and reports [P7.1]."""

from __future__ import annotations

from typing import Any

import pytest

from scoring.disclosure.audiences import Audience, usual
from scoring.disclosure.lint import lint
from scoring.indicators.model import Model, load_pack
from scoring.rules.stages import Owner
from scoring.statements import DisclosurePolicy
from tests.oracles import small_pack
from tests.support.disclosure import BANK, found, leaks, refused, worst
from tests.support.models import ALL, document, item, linear, model, plain, tiers

# --- what is refused, and what is not ---


def test_a_plain_total_of_twelve_indicators_passes() -> None:
    report = lint(model(plain(12)))
    assert report.admissible
    assert report.findings == ()
    assert not report.estimated


def test_radix_weights_are_refused() -> None:
    """Every hundredth of one point, in digits of base 101: the total is all three numbers side by side."""
    radix = zip(("tax", "science", "ip"), (1, 101, 10201), strict=True)
    report = lint(model({name: item(name, linear(1), weight) for name, weight in radix}))
    assert worst(report) == (0.0, 1.0)
    assert refused(report) == refused(report, "authority") == {"ratio", "pinned"}
    assert lint(model({name: item(name, linear(1), 101) for name in ("tax", "science", "ip")})).admissible


def test_a_dimension_of_three_tiers_is_refused() -> None:
    coarse = {name: item(name, tiers(3, 6, 10), dimension="coarse") for name in ("tax", "science", "ip")}
    report = lint(model(plain(12) | coarse, {"coarse": {"dimensions": ["coarse"], **BANK}}))
    assert refused(report) == {"pinned"}
    assert {finding.indicators for finding in report.findings if finding.outcome == "refused"} == {("tax",), ("science",), ("ip",)}
    assert lint(model(plain(12) | coarse)).admissible  # the total alone says little about them


def test_an_audience_that_owns_the_rest_is_refused() -> None:
    owned = {"of-bank": item("bank", linear(10)), "also-of-bank": item("bank", linear(10)), "of-tax": item("tax", linear(10))}
    report = lint(model(plain(0) | owned))
    assert refused(report) == {"isolated", "ratio", "pinned"}
    assert found(report, "isolated").indicators == ("of-tax",)
    assert refused(report, "authority") == set()


def test_a_department_that_is_the_audience_is_taken_into_account() -> None:
    mixed = model({"a": item("science", linear(10)), "b": item("science", linear(10)), "c": item("tax", linear(10))})
    authority = Audience("authority", ("authority",), frozenset({Owner(department="science", level="city")}))
    assert lint(mixed).admissible
    assert refused(lint(mixed, audiences=[authority]), "authority") == {"isolated", "ratio", "pinned"}


def test_indicators_that_are_open_to_the_audience_count_as_its_own() -> None:
    rest = {f"o{place}": item("tax", linear(10), open_to=["bank"]) for place in range(5)}
    report = lint(model(rest | {"hidden": item("science", linear(10))}))
    assert found(report, "isolated").indicators == ("hidden",)
    assert refused(report, "authority") == set()
    assert next(part for part in report.audiences if part.audience == "bank").known == tuple(sorted(rest))


def test_an_indicator_of_nothing_but_what_a_figure_shows_counts_as_known() -> None:
    pack = document(plain(6) | {"shown": item("market", linear(10))})
    notes = [{"of": ["name", "rule"], "status": "illustrative"}]
    title, rule = small_pack.TITLE, {"kind": "linear", "of": "x_shown", "reference": 100, "points": 1000}
    figure = {"title": title, "role": "figure", "record": "of-market", "unit": "yuan", "definition": title, "rule": rule, "bounds": [0, 1000]}
    closed = load_pack(small_pack.to_bytes(pack))
    pack["indicators"]["amount"] = figure | {"open_to": ["bank"], "provenance": notes}
    report = lint(load_pack(small_pack.to_bytes(pack)))
    known = {part.audience: part.known for part in report.audiences}
    assert (known["bank"], known["authority"]) == (("shown",), ())
    assert set(leaks(report)) == {f"i{place}" for place in range(6)}
    assert worst(report)[0] < worst(lint(closed))[0], "one unknown less in the same total"


def test_total_and_a_line_that_isolate_an_indicator_are_refused() -> None:
    rest = {name: spec | {"dimension": "rest"} for name, spec in plain(6).items()}
    report = lint(model(rest | {"alone": item("market", linear(10), dimension="one")}, {"line": {"dimensions": ["rest"], **BANK}}))
    isolated = found(report, "isolated")
    assert isolated.indicators == ("alone",)
    assert {(factor.functional, factor.coefficient) for factor in isolated.combination} == {("total", 1), ("line", -1)}
    assert refused(report, "authority") == set()


def test_what_isolates_several_indicators_of_one_department_is_refused() -> None:
    pair = {name: item("market", linear(10), dimension="pair") for name in ("p", "q")}
    report = lint(model(plain(6) | pair, {"pair": {"dimensions": ["pair"], **BANK}}))
    assert found(report, "isolated").indicators == ("p", "q")


def test_slots_of_one_opening_are_functionals_each_by_itself() -> None:
    """Packed isolation: sub-totals that share an opening, none of which isolates anything, and which do so together."""
    three_parts = {f"{name}-{part}": item(name, linear(1), dimension=part) for part in ("a", "b") for name in ("tax", "science")}
    alone = {"alone": item("market", linear(1), dimension="c")}
    pieces: dict[str, Any] = {"ab": {"dimensions": ["a", "b"], **BANK}, "bc": {"dimensions": ["b", "c"], **BANK}, "b": {"dimensions": ["b"], **BANK}}
    hidden: dict[str, Any] = {"total": {"disclosed_to": ["authority", "enterprise"]}}
    report = lint(model(three_parts | alone, hidden | pieces), policy=DisclosurePolicy(bank_functionals=3))
    assert found(report, "isolated").indicators == ("alone",)
    fewer: dict[str, Any] = {name: spec for name, spec in pieces.items() if name != "b"}
    assert "isolated" not in refused(lint(model(three_parts | alone, dict(hidden) | fewer)))


def test_a_functional_that_packs_values_side_by_side_is_refused() -> None:
    """Packed isolation by weights: 2^B apart, each indicator has a slot of its own in what claims to be a total."""
    report = lint(model({"low": item("tax", linear(10)), "high": item("science", linear(10), 1 << 10)}))
    assert worst(report) == (0.0, 1.0)
    assert not report.admissible


def test_a_bank_is_given_two_functionals_at_most() -> None:
    parts = {f"{name}-{part}": item(name, linear(10), dimension=part) for part in ("a", "b", "c") for name in ("tax", "science")}
    lines = {part: {"dimensions": [part], **BANK} for part in ("a", "b", "c")}
    report = lint(model(parts, lines))
    assert found(report, "budget").value == 4
    assert "budget" not in refused(lint(model(parts, {"a": lines["a"]})))


def test_proportional_functionals_count_once() -> None:
    same: dict[str, Any] = {"again": {"disclosed_to": ALL, "constant": 5}, "once-more": {"disclosed_to": ALL}}
    report = lint(model(plain(12), same))
    assert report.admissible
    assert len(report.audiences[0].functionals) == 3
    assert worst(report) == worst(lint(model(plain(12))))


def test_two_functionals_are_measured_jointly() -> None:
    """Neither sum says much of its own; together they do: x + y and x + 2y give both."""
    sides: dict[str, Any] = {"x": item("tax", linear(5), dimension="a"), "y": item("science", linear(5), dimension="b")}
    report = lint(model(sides, {"y-only": {"dimensions": ["b"], **BANK}}))
    assert worst(report) == (0.0, 1.0)
    assert worst(report, "authority")[0] == pytest.approx(0.5, abs=0.2)


def test_a_joint_audience_is_reported_and_not_bound() -> None:
    sides = {name: spec | {"dimension": "rest"} for name, spec in plain(6).items()}
    split = model(
        sides | {"alone": item("market", linear(10), dimension="one")},
        {"total": {"disclosed_to": ["bank"]}, "rest": {"dimensions": ["rest"], "disclosed_to": ["authority"]}},
    )
    report = lint(split)
    assert report.admissible
    assert found(report, "isolated", "authority+bank").outcome == "reported"
    assert usual([split])[-1].name == "authority+bank"


# --- the report ---


def test_the_same_model_gives_the_same_report(firm_panel: Model) -> None:
    first, second = lint(firm_panel), lint(firm_panel)
    assert first == second
    assert first.sha256 == second.sha256
    assert lint(firm_panel, policy=DisclosurePolicy(bank_functionals=1)).sha256 != first.sha256


def test_what_is_beyond_the_exact_size_is_estimated_and_says_so() -> None:
    parts = {f"{name}-{part}": item(name, linear(1), dimension=part) for part in ("a", "b", "c") for name in ("tax", "science")}
    lines = {"ab": {"dimensions": ["a", "b"], **BANK}, "bc": {"dimensions": ["b", "c"], **BANK}, "total": {"disclosed_to": ["authority"]}}
    exact = lint(model(parts, lines))
    rough = lint(model(parts, lines), policy=DisclosurePolicy(exact_cells=20_000))
    assert (exact.estimated, rough.estimated) == (False, True)
    for name, leak in leaks(rough).items():
        assert leak.method == "estimated"
        assert 1 < leak.tried < leak.combinations
        assert leak.ratio >= leaks(exact)[name].ratio  # a combination never says more than all functionals
