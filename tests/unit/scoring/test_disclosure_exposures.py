"""What the owner of an indicator can accept that the admission lint would refuse, and what nobody can [P7.1]."""

from __future__ import annotations

from scoring.disclosure.lint import lint
from tests.support.disclosure import BANK, exposure, found, refused
from tests.support.models import item, linear, model, plain, tiers

COARSE = {name: item(name, tiers(3, 6, 10)) for name in ("tax", "science", "ip")}


def test_an_owner_can_accept_an_exposure_up_to_a_limit() -> None:
    limit = exposure(pinned_at_most=0.05)
    report = lint(model(COARSE, exposures=[limit]))
    outcomes = {finding.indicators: finding.outcome for finding in report.findings if finding.audience == "bank"}
    assert outcomes == {("tax",): "accepted", ("science",): "refused", ("ip",): "refused"}
    assert found(report, "pinned").accepted == 0
    beyond = lint(model(COARSE, exposures=[exposure(pinned_at_most=0.04)]))
    assert all(finding.outcome == "refused" for finding in beyond.findings if finding.audience == "bank")


def test_an_exposure_to_one_audience_or_figure_accepts_nothing_else() -> None:
    for limit in (exposure(audiences=["authority"], pinned_at_most=1), exposure(ratio_at_least=0)):
        report = lint(model(COARSE, exposures=[limit]))
        assert all(finding.outcome == "refused" for finding in report.findings if finding.audience == "bank")


def test_no_exposure_accepts_a_combination_that_isolates() -> None:
    rest = {name: spec | {"dimension": "rest"} for name, spec in plain(6).items()}
    alone = exposure(indicator="alone", pinned_at_most=1, ratio_at_least=0)
    report = lint(model(rest | {"alone": item("tax", linear(10))}, {"line": {"dimensions": ["rest"], **BANK}}, exposures=[alone]))
    assert refused(report) == {"isolated"}
