"""The admission lint: what each audience could learn about single indicators under a model, judged by a zone's policy [P7.1].

Pure and deterministic: everyone who holds the same packs computes the same report. How the figures come about is in
``scoring.disclosure.inference.joint``; what they do not show stands in docs/specs/disclosure.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Literal

from gmpy2 import mpq

from scoring.disclosure.audiences import BANK, Audience, usual
from scoring.disclosure.inference.joint import Measured, measure
from scoring.disclosure.inference.posteriors import Figures
from scoring.disclosure.inference.priors import UNIFORM, Marginal, Prior, uniform
from scoring.disclosure.inference.span import Row, isolation, null_space, primitive, ungated
from scoring.disclosure.inference.variable import Variable, alone
from scoring.disclosure.report import SCALE, AudienceReport, Combination, Factor, Finding, Leak, LintReport, Outcome, StageReport
from scoring.disclosure.views import Lineage, View, disclosed, independent
from scoring.indicators.model import Model
from scoring.statements import DisclosurePolicy

GUARD = 1e-3  # of a ten-thousandth: floating-point error never moves a figure across a whole one
POLICY = (
    "bank_functionals", "ratio_at_least", "pinned_at_most", "prior_pinned_at_most", "exact_cells", "coefficients_up_to", "combinations_at_most",
    "previous_models",
)  # fmt: skip
TOLD = Measured(Figures(0.0, 1.0, False), (), None, 1, 1)  # of what is told, though not by one function
Progress = Callable[[str], None]


def lint(
    model: Model,
    previous: Sequence[Model] = (),
    *,
    policy: DisclosurePolicy | None = None,
    audiences: Sequence[Audience] | None = None,
    priors: Sequence[Prior] = (),
    progress: Progress = lambda _: None,
    tick: Callable[[], None] = lambda: None,
) -> LintReport:
    """The report on ``model``, linted together with ``previous`` models of the same data period (newest first, as many as the policy says).

    ``audiences`` are by default authority, bank and both together; ``priors`` are measured beside the uniform one. ``progress`` is told
    what is computed next; ``tick`` is called every second or so, and what it raises ends the work.
    """
    rules = DisclosurePolicy() if policy is None else policy
    lineage = Lineage((model, *previous[: rules.previous_models]))
    chosen = usual(lineage.models) if audiences is None else tuple(audiences)
    work = _Lint(lineage, rules, (uniform(lineage.models), *priors), progress, tick)
    reports = tuple(work.audience(audience) for audience in chosen)
    return LintReport(
        model=lineage.refs()[0],
        previous=lineage.refs()[1:],
        policy=tuple((name, getattr(rules, name)) for name in POLICY),
        priors=tuple(prior.name for prior in work.priors),
        audiences=reports,
        findings=tuple(work.findings),
    )


@dataclass
class _Lint:
    """One run. Views that are equal are measured once: authority and bank are often given the same."""

    lineage: Lineage
    policy: DisclosurePolicy
    priors: tuple[Prior, ...]
    progress: Progress
    tick: Callable[[], None]
    findings: list[Finding] = field(default_factory=list)
    _measured: dict[object, dict[str, Measured]] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        return self.lineage.models[0]

    def audience(self, audience: Audience) -> AudienceReport:
        stages = [(stage.id, under) for stage in self.model.stages for under in self.lineage.stages(stage.id)]
        views = {under: self.lineage.view(audience, under) for _, under in stages}
        self.findings += self._budget(audience)
        return AudienceReport(
            audience=audience.name,
            binding=audience.binding,
            functionals=next(iter(views.values())).names,
            known=tuple(sorted({name for view in views.values() for name in view.known})),
            stages=tuple(self._stage(audience, stage, under, views[under]) for stage, under in stages),
        )

    def _stage(self, audience: Audience, stage: str, under: tuple[str, ...], view: View) -> StageReport:
        leaks: list[Leak] = []
        if view.knowledge.possible:
            self.findings += self._isolated(audience, stage, view)
            for prior in self.priors:
                found = list(self._leaks(audience, stage, view, prior))
                self.findings += [finding for leak in found for finding in self._judged(audience, under, view, leak)]
                leaks += found
        return StageReport(stage, under[1:], tuple(leaks))

    def _budget(self, audience: Audience) -> Iterator[Finding]:
        """A bank is given few functionals, those that are proportional counted once."""
        if audience.kinds != (BANK,):
            return
        for stage in self.model.stages:
            given = independent(self.model, audience, stage.id)
            if given > self.policy.bank_functionals:
                names = tuple(Factor(name, 1) for name in disclosed(self.model, audience))
                yield Finding("budget", "refused", audience.name, stage.id, (), names, value=given, limit=self.policy.bank_functionals)

    def _isolated(self, audience: Audience, stage: str, view: View) -> Iterator[Finding]:
        """(a) Combinations that are supported on one owner's indicators, a department's or one bank's, or in which the gates cancel."""
        rows = view.independent(view.protected())
        outcome: Outcome = "refused" if audience.binding else "reported"
        for owner in dict.fromkeys(unknown.owner for unknown in view.unknowns.values()):
            own = [column for column, unknown in view.unknowns.items() if unknown.owner == owner]
            if (found := isolation(rows, own)) is not None:
                yield Finding("isolated", outcome, audience.name, stage, tuple(found.value), _factors(view, found.coefficients))
        if (shown := ungated(view.independent(view.masked()), view.gates)) is not None:
            yield Finding("ungated", outcome, audience.name, stage, tuple(shown.value), _factors(view, shown.coefficients))

    def _leaks(self, audience: Audience, stage: str, view: View, prior: Prior) -> Iterator[Leak]:
        """(b) Figures of every protected indicator of which something is seen, by indicator in the models' order."""
        hidden = view.hidden()
        keys = {column: (item.model, item.stage, item.indicator.id) for column, item in view.unknowns.items() if column in hidden}
        rows = view.protected()
        touched = dict.fromkeys(column for row in rows for column in row)
        if any(keys[column] not in prior.marginals for column in touched):
            return  # no firm of the records is in this stage
        variables = _variables(view, {column: prior.marginals[key] for column, key in keys.items() if key in prior.marginals}, prior)
        cache = prior.name, tuple(variable.key for variable in variables), tuple(tuple(sorted(row.items())) for row in rows)
        if cache not in self._measured:
            self.progress(f"{audience.name}, stage {stage}, {prior.name} prior: {len(touched)} indicators in {len(rows)} functionals")
            self._measured[cache] = measure(rows, variables, hidden, self.policy, self.tick)
        for column in hidden:
            if column in view.knowledge.covered:
                yield _leak(view, column, prior.name, TOLD)
            elif (found := self._measured[cache].get(column)) is not None:
                yield _leak(view, column, prior.name, found)

    def _judged(self, audience: Audience, under: tuple[str, ...], view: View, leak: Leak) -> Iterator[Finding]:
        """What a leak breaks. Under any prior but the uniform one only pinned firms are judged, and those only that are not pinned without
        any functional."""
        policy = self.policy
        bounds: list[tuple[Literal["ratio", "pinned"], int]] = []
        if leak.prior == UNIFORM:
            bounds = [("ratio", policy.ratio_at_least), ("pinned", policy.pinned_at_most)]
        elif not leak.before:
            bounds = [("pinned", policy.prior_pinned_at_most)]
        for rule, limit in bounds:
            value = leak.ratio if rule == "ratio" else leak.pinned
            if _holds(rule, value, mpq(limit, SCALE)):
                continue
            model, place = self._accepted(audience, under, view.aliases(leak.indicator), rule, value)
            outcome: Outcome = "reported" if not audience.binding else "refused" if place is None else "accepted"
            yield Finding(
                rule, outcome, audience.name, under[0], (leak.indicator,), leak.by, leak.prior, value, limit,
                place if outcome == "accepted" else None, model if outcome == "accepted" else "",
            )  # fmt: skip

    def _accepted(self, audience: Audience, under: tuple[str, ...], aliases: list[tuple[str, str]], rule: str, value: int) -> tuple[str, int | None]:
        """The model, by name unless it is the newest, and the place in its list, of an exposure that covers every kind of the audience and the
        value."""
        for model, stage in zip(self.lineage.models, under, strict=True):
            for place, item in enumerate(model.pack.exposures):
                limit = item.ratio_at_least if rule == "ratio" else item.pinned_at_most
                meant = (model.sha256, item.indicator) in aliases and stage in item.stages and set(audience.kinds) <= set(item.audiences)
                if meant and limit is not None and _holds(rule, value, limit):
                    return "" if model is self.model else f"{model.id}@{model.version}", place
        return "", None


def _variables(view: View, marginals: Mapping[str, Marginal], prior: Prior) -> list[Variable]:
    """Independent variables of what is protected: an indicator each, but for those that share a source."""
    shared = {column for joint in view.variables for column in joint.columns}
    joint = view.variables if prior.name == UNIFORM else [variable.under(marginals) for variable in view.variables]
    away = view.known | view.knowledge.covered | shared
    return [*(alone(column, marginal) for column, marginal in marginals.items() if column not in away), *joint]


def _leak(view: View, column: str, prior: str, found: Measured) -> Leak:
    ratio, pinned = floor(found.figures.ratio * SCALE + GUARD), ceil(found.figures.pinned * SCALE - GUARD)
    beside = tuple(Factor(name, 1) for name in view.knowledge.told_by.get(column, ()))
    if found.combination is None:
        by: Combination = tuple(Factor(name, 1) for name, row in zip(view.names, view.rows, strict=True) if column in row)
        return Leak(column, prior, ratio, pinned, found.figures.before, "exact", by + beside)
    by = _combined(view, found) + beside
    return Leak(column, prior, ratio, pinned, found.figures.before, "estimated", by, found.tried, found.combinations)


def _combined(view: View, found: Measured) -> Combination:
    """The audience's functionals in an estimate's combination: the group's rows are combinations of them."""
    assert found.combination is not None
    sought: dict[str, int] = {}
    for times, row in zip(found.combination, found.rows, strict=True):
        for column, weight in row.items():
            sought[column] = sought.get(column, 0) + times * weight
    for vector in null_space(_matrix([*view.protected(), sought])):
        if vector[-1]:
            return _factors(view, primitive([-value / vector[-1] for value in vector[:-1]]))
    return tuple(Factor(name, 1) for name in view.names)


def _matrix(rows: Sequence[Row]) -> list[list[int]]:
    columns = dict.fromkeys(column for row in rows for column in row)
    return [[row.get(column, 0) for column in columns] for row in rows]


def _factors(view: View, coefficients: Sequence[int]) -> Combination:
    return tuple(Factor(name, times) for name, times in zip(view.names, coefficients, strict=True) if times)


def _holds(rule: str, value: int, limit: mpq) -> bool:
    return mpq(value, SCALE) >= limit if rule == "ratio" else mpq(value, SCALE) <= limit
