"""The admission lint: what each audience could learn about single indicators under a model, judged by a zone's policy [P7.1].

Pure and deterministic: everyone who holds the same packs computes the same report. How the figures come about is in
``scoring.disclosure.inference.joint``; what they do not show stands in docs/specs/disclosure.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, floor

from gmpy2 import mpq

from scoring.disclosure.inference.joint import Measured, measure
from scoring.disclosure.inference.priors import UNIFORM, Prior, uniform
from scoring.disclosure.inference.span import Row, isolation, null_space, primitive, ungated
from scoring.disclosure.report import SCALE, AudienceReport, Combination, Factor, Finding, Leak, LintReport, Outcome, StageReport
from scoring.disclosure.views import BANK, Audience, Lineage, View, disclosed, independent, usual
from scoring.indicators.model import Model
from scoring.indicators.pack import Exposure
from scoring.statements import DisclosurePolicy

GUARD = 1e-3  # of a ten-thousandth: floating-point error never moves a figure across a whole one
POLICY = (
    "bank_functionals", "ratio_at_least", "pinned_at_most", "prior_pinned_at_most", "exact_cells", "coefficients_up_to", "combinations_at_most",
    "previous_models",
)  # fmt: skip
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
        self.findings += self._isolated(audience, stage, view)
        leaks: list[Leak] = []
        for prior in self.priors:
            found = list(self._leaks(audience, stage, view, prior))
            self.findings += [finding for leak in found for finding in self._judged(audience, stage, view, leak)]
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
        rows = view.protected()
        outcome: Outcome = "refused" if audience.binding else "reported"
        for owner in dict.fromkeys(unknown.owner for unknown in view.unknowns.values()):
            own = [column for column, unknown in view.unknowns.items() if unknown.owner == owner]
            if (found := isolation(rows, own)) is not None:
                yield Finding("isolated", outcome, audience.name, stage, tuple(found.value), _factors(view, found.coefficients))
        if (shown := ungated(view.masked(), view.gates)) is not None:
            yield Finding("ungated", outcome, audience.name, stage, tuple(shown.value), _factors(view, shown.coefficients))

    def _leaks(self, audience: Audience, stage: str, view: View, prior: Prior) -> Iterator[Leak]:
        """(b) Figures of every protected indicator that some functional touches, by indicator in the model's order."""
        rows = view.protected()
        touched = [column for column in view.unknowns if any(column in row for row in rows)]
        keys = {column: (item.model, item.stage, item.indicator.id) for column, item in view.unknowns.items() if column in touched}
        if any(key not in prior.marginals for key in keys.values()):
            return  # no firm of the records is in this stage
        marginals = {column: prior.marginals[key] for column, key in keys.items()}
        cache = prior.name, tuple(keys.values()), tuple(tuple(sorted(row.items())) for row in rows)
        if cache not in self._measured:
            self.progress(f"{audience.name}, stage {stage}, {prior.name} prior: {len(touched)} indicators in {len(rows)} functionals")
            self._measured[cache] = measure(rows, marginals, self.policy, self.tick)
        for column in touched:
            if (found := self._measured[cache].get(column)) is not None:
                yield _leak(view, column, prior.name, found)

    def _judged(self, audience: Audience, stage: str, view: View, leak: Leak) -> Iterator[Finding]:
        """What a leak breaks. Under any prior but the uniform one only pinned firms are judged, and those only that are not pinned without
        any functional."""
        policy = self.policy
        exposure = self._exposure(audience, stage, view.unknowns[leak.indicator].indicator.id)
        named = None if exposure is None else self.model.pack.exposures[exposure]
        bounds: list[tuple[str, int, mpq | None]] = []
        if leak.prior == UNIFORM:
            bounds = [
                ("ratio", policy.ratio_at_least, None if named is None else named.ratio_at_least),
                ("pinned", policy.pinned_at_most, None if named is None else named.pinned_at_most),
            ]
        elif not leak.before:
            bounds = [("pinned", policy.prior_pinned_at_most, None if named is None else named.pinned_at_most)]
        for rule, limit, accepted in bounds:
            value = leak.ratio if rule == "ratio" else leak.pinned
            if _holds(rule, value, mpq(limit, SCALE)):
                continue
            covered = accepted is not None and _holds(rule, value, accepted)
            outcome: Outcome = "reported" if not audience.binding else "accepted" if covered else "refused"
            yield Finding(
                "ratio" if rule == "ratio" else "pinned", outcome, audience.name, stage, (leak.indicator,), leak.by, leak.prior,
                value, limit, exposure if outcome == "accepted" else None,
            )  # fmt: skip

    def _exposure(self, audience: Audience, stage: str, indicator: str) -> int | None:
        """Place of the exposure that covers every kind of the audience; exposures are the newest model's."""

        def covers(item: Exposure) -> bool:
            return item.indicator == indicator and stage in item.stages and set(audience.kinds) <= set(item.audiences)

        return next((place for place, item in enumerate(self.model.pack.exposures) if covers(item)), None)


def _leak(view: View, column: str, prior: str, found: Measured) -> Leak:
    ratio, pinned = floor(found.figures.ratio * SCALE + GUARD), ceil(found.figures.pinned * SCALE - GUARD)
    if found.combination is None:
        by: Combination = tuple(Factor(name, 1) for name, row in zip(view.names, view.rows, strict=True) if column in row)
        return Leak(column, prior, ratio, pinned, found.figures.before, "exact", by)
    return Leak(column, prior, ratio, pinned, found.figures.before, "estimated", _combined(view, found), found.tried, found.combinations)


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
