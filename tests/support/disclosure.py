"""What a report of the admission lint says of one audience, and a department's acceptance of an exposure."""

from __future__ import annotations

from typing import Any

from scoring.disclosure.report import Finding, Leak, LintReport

BANK = {"disclosed_to": ["bank"]}


def refused(report: LintReport, audience: str = "bank") -> set[str]:
    return {finding.rule for finding in report.findings if finding.outcome == "refused" and finding.audience == audience}


def found(report: LintReport, rule: str, audience: str = "bank") -> Finding:
    return next(finding for finding in report.findings if finding.rule == rule and finding.audience == audience)


def leaks(report: LintReport, audience: str = "bank", place: int = 0) -> dict[str, Leak]:
    stages = next(part for part in report.audiences if part.audience == audience).stages
    return {leak.indicator: leak for leak in stages[place].leaks}


def worst(report: LintReport, audience: str = "bank", place: int = 0) -> tuple[float, float]:
    """Least ratio and greatest share of pinned firms among the indicators of one stage."""
    of_stage = leaks(report, audience, place).values()
    return min(leak.ratio for leak in of_stage) / 10_000, max(leak.pinned for leak in of_stage) / 10_000


def exposure(**changes: Any) -> dict[str, Any]:
    tax = {"department": "tax", "level": "city"}
    title = {"zh": "因", "en": "why"}
    return {"indicator": "tax", "audiences": ["bank", "authority"], "stages": ["all"], "reason": title, "accepted_by": tax} | changes
