"""Verdicts of an auditor as tests read them: the codes of what was found, and the leaves."""

from __future__ import annotations

from collections.abc import Callable

from nodes.auditor.audit import Verdict

Judge = Callable[..., Verdict]
"""Judges a directory: the fixture ``judge``."""
Relogged = Callable[..., Verdict]
"""Writes a zone down and judges it: the fixture ``relogged``."""


def codes(verdict: Verdict) -> list[str]:
    return [finding.code for finding in verdict.findings]


def places(verdict: Verdict) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.leaf_index) for finding in verdict.findings]
