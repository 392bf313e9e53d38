"""What an admission lint found, as a frozen value with one canonical form: the document that owners countersign [P7.1].

Equal models, policy and priors give equal reports on every machine: figures are whole ten-thousandths, rounded to the side of caution
(ratios down, shares of pinned firms up), and everything is ordered. Sentences for people are made from this elsewhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from crypto.encoding import canonical_json, sha256
from scoring.disclosure.inference.priors import UNIFORM
from scoring.errors import ModelLeaksError

FORMAT = "xinqiao/lint-report/v1"
SCALE = 10_000
Rule = Literal["isolated", "ungated", "ratio", "pinned", "budget"]
Outcome = Literal["refused", "accepted", "reported"]
Method = Literal["exact", "estimated"]


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model by name and by the SHA-256 (hex) of its exact bytes."""

    id: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Factor:
    """One functional of a combination, ``id@version:name`` where several models are linted together, and its integer coefficient."""

    functional: str
    coefficient: int


Combination = tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """What an audience's functionals say about one protected indicator in one stage, under one prior.

    ``ratio`` is E|x − posterior median| ÷ E|x − prior median| and ``pinned`` the share of firms with at least 95 % of the posterior
    within ±5 % of the range around the median, both in ten-thousandths. ``before``: whether the prior alone pins the indicator, so that all
    firms are pinned without any functional. ``by`` names the functionals that touch the indicator; for an
    estimate, the combination that says most. ``tried`` of ``combinations`` integer combinations were computed for an estimate.
    """

    indicator: str
    prior: str
    ratio: int
    pinned: int
    before: bool
    method: Method
    by: Combination
    tried: int = 1
    combinations: int = 1


@dataclass(frozen=True, slots=True)
class StageReport:
    """All leaks of one audience in one stage. ``of_previous`` names the stages under the previous models, in their order."""

    stage: str
    of_previous: tuple[str, ...]
    leaks: tuple[Leak, ...]


@dataclass(frozen=True, slots=True)
class AudienceReport:
    """What one audience is given: functionals, and indicators that it owns or receives open. A joint audience is reported, not bound."""

    audience: str
    binding: bool
    functionals: tuple[str, ...]
    known: tuple[str, ...]
    stages: tuple[StageReport, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that does not hold, or holds only because an owner accepted it.

    ``indicators`` are those that leak. ``combination`` is the way to them. ``accepted`` is the place of the named exposure in the list of
    the pack ``accepted_in`` (``id@version``; the newest when empty), None where there is none. ``limit`` is the policy's, in
    ten-thousandths (a number for the budget).
    """

    rule: Rule
    outcome: Outcome
    audience: str
    stage: str
    indicators: tuple[str, ...]
    combination: Combination
    prior: str = UNIFORM
    value: int = 0
    limit: int = 0
    accepted: int | None = None
    accepted_in: str = ""


@dataclass(frozen=True)
class LintReport:
    """The whole answer. Admissible exactly when no finding is refused."""

    model: ModelRef
    previous: tuple[ModelRef, ...]
    policy: tuple[tuple[str, int], ...]
    priors: tuple[str, ...]
    audiences: tuple[AudienceReport, ...]
    findings: tuple[Finding, ...]

    @property
    def admissible(self) -> bool:
        """Whether nothing was found that forbids the model."""
        return all(finding.outcome != "refused" for finding in self.findings)

    def check_admissible(self) -> None:
        """Returns when the model may be admitted. Raises ModelLeaksError, which names the first finding that forbids it."""
        for found in self.findings:
            if found.outcome == "refused":
                where = f"{found.audience}, stage {found.stage}: {', '.join(found.indicators) or found.rule}"
                raise ModelLeaksError(
                    f"{self.model.id}@{self.model.version} does not pass the admission lint ({where}); xinqiao model lint says why 未通过准入检查"
                )

    @property
    def estimated(self) -> bool:
        """Whether a figure comes from combinations because the joint distribution is too large; owners see it before they sign."""
        return any(leak.method == "estimated" for audience in self.audiences for stage in audience.stages for leak in stage.leaks)

    def document(self) -> dict[str, Any]:
        """The report as plain JSON values, without floats."""
        return {"format": FORMAT, "admissible": self.admissible, "estimated": self.estimated} | asdict(self) | {"policy": dict(self.policy)}

    def payload(self) -> bytes:
        """Canonical JSON of ``document``."""
        return canonical_json(self.document())

    @cached_property
    def sha256(self) -> str:
        """SHA-256 (hex) of ``payload``: what a countersignature names."""
        return sha256(self.payload()).hex()
