"""A lint report in words for an official: what leaks to whom, by which combination, how surely, and what to change. Chinese beside English."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from scoring.disclosure.inference.priors import UNIFORM
from scoring.disclosure.report import SCALE, AudienceReport, Combination, Finding, Leak, LintReport
from scoring.disclosure.views import indicator_of
from scoring.indicators.describe import number
from scoring.indicators.model import Indicator, Model

_AUDIENCES = {"authority": "主管部门 authority", "bank": "银行 bank"}
_OUTCOMES = {
    "refused": "REFUSED 不通过",
    "accepted": "ACCEPTED BY ITS OWNER 所有者已接受的披露例外",
    "reported": "FOR INFORMATION 仅供知悉",
}
_NOTES = (
    "ratio 剩余误差比: how far off the best guess of an indicator still is, against guessing without the score; 1.00 says nothing, 0.00 everything.",
    "pinned 可锁定比例: share of firms for which the guess is 95 % sure to be within ±5 % of the range.",
    "~ estimated 估算: the joint distribution is too large; the worst of the combinations tried.  = known without any score 无评分亦可知: almost all "
    "firms have the same points.",
    "最低分和最高分必然泄露各项得分。 A score of 0 or of the maximum always shows every indicator behind it; no model can change that.",
)


def lint_text(model: Model, report: LintReport) -> str:
    """The whole report as text, as wide as the terminal and at least 100 columns."""
    stream = io.StringIO()
    console = Console(file=stream, width=max(shutil.get_terminal_size((140, 0)).columns, 100), highlight=False, markup=False)
    console.print(f"{model.id}@{model.version}  {model.title.zh} ({model.title.en})")
    if report.previous:
        console.print(f"linted together with 同期旧版本: {', '.join(f'{item.id}@{item.version}' for item in report.previous)}")
    console.print(f"{_verdict(report)}\nreport {report.sha256}\n")
    for audience, same in _audiences(report):
        _audience(console, model, report, audience, same)
    twins = {audience.audience for audience, same in _audiences(report) if same}
    for outcome, heading in _OUTCOMES.items():
        found = [finding for finding in report.findings if finding.outcome == outcome]
        if outcome == "reported":  # a joint audience that learns no more than one of its parts is no news
            found = [finding for finding in found if finding.audience not in twins]
        if found:
            console.print(heading)
            for line in _lines(model, found):
                console.print(f"  {line}")
            console.print()
    for note in _NOTES:
        console.print(note)
    return stream.getvalue().rstrip("\n")


def audience_title(name: str) -> str:
    """An audience, a member of a kind, or several together, in both languages.

    >>> audience_title("authority+bank"), audience_title("bank bank-a")
    ('主管部门 authority + 银行 bank', '银行 bank bank-a')
    """
    return " + ".join(" ".join(_AUDIENCES.get(word, word) for word in part.split()) for part in name.split("+"))


def _verdict(report: LintReport) -> str:
    refused = sum(finding.outcome == "refused" for finding in report.findings)
    accepted = sum(finding.outcome == "accepted" for finding in report.findings)
    rough = "; some figures are ESTIMATED 部分数字为估算: owners sign for that too" if report.estimated else ""
    if refused:
        return f"NOT ADMISSIBLE 不得采用: {refused} findings forbid it 项不通过{rough}"
    return f"ADMISSIBLE 可以采用{f', with {accepted} named exposures 披露例外' if accepted else ''}{rough}"


def _audiences(report: LintReport) -> Iterator[tuple[AudienceReport, str]]:
    """Each audience, and the name of an earlier one of which the same is true."""
    seen: list[AudienceReport] = []
    for audience in report.audiences:
        twin = next((other.audience for other in seen if (other.known, other.stages) == (audience.known, audience.stages)), "")
        seen.append(audience)
        yield audience, twin


def _audience(console: Console, model: Model, report: LintReport, audience: AudienceReport, same: str) -> None:
    given = ", ".join(audience.functionals) or "nothing 无"
    known = f"; knows 已知 {', '.join(audience.known)}" if audience.known else ""
    console.print(f"{audience_title(audience.audience)}: is given 获得 {given}{known}")
    if same:
        console.print(f"  as 同 {audience_title(same)}\n")
        return
    for prior in report.priors:
        table = Table(title=_prior(prior), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("indicator 指标", overflow="fold")
        for part in audience.stages:
            under = f" ({', '.join(part.of_previous)})" if part.of_previous else ""
            table.add_column(f"{part.stage}{under}", overflow="fold")
        columns = [{leak.indicator: leak for leak in part.leaks if leak.prior == prior} for part in audience.stages]
        for name in dict.fromkeys(name for column in columns for name in column):
            table.add_row(_indicator(model, name), *(_figures(column.get(name)) for column in columns))
        if table.row_count:
            console.print(table)


def _prior(name: str) -> str:
    return "ratio and pinned, all points equally likely 均匀先验" if name == UNIFORM else f"ratio and pinned, as in 按实际数据 {name}"


def _figures(leak: Leak | None) -> str:
    if leak is None:
        return "–"
    marks = (" ~" if leak.method == "estimated" else "") + (" =" if leak.before else "")
    return f"{leak.ratio / SCALE:.2f}  {_percent(leak.pinned)}{marks}"


def _percent(share: int) -> str:
    return f"{share * 100 / SCALE:.2f}".rstrip("0").rstrip(".") + " %"


def _indicator(model: Model, name: str) -> str:
    item = model.indicators.get(indicator_of(name))
    return name if item is None else f"{item.title.zh} {name}"


def _lines(model: Model, findings: Iterable[Finding]) -> Iterator[str]:
    """One paragraph for findings that say the same of several audiences and stages."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        alike = finding.rule, finding.indicators, finding.combination, finding.prior, finding.accepted, finding.accepted_in
        groups.setdefault(alike, []).append(finding)
    for found in groups.values():
        audiences = ", ".join(dict.fromkeys(audience_title(finding.audience) for finding in found))
        stages = ", ".join(dict.fromkeys(finding.stage for finding in found))
        yield f"{audiences}, stage 阶段 {stages}: {_what(model, found)}"
        if found[0].accepted is not None:
            yield f"    {_exposure(model, found[0])}"
        elif found[0].outcome == "refused":
            yield f"    change 建议: {_remedy(model, found)}"


def _what(model: Model, alike: list[Finding]) -> str:
    first = alike[0]
    way = _combination(first.combination)
    names = ", ".join(_indicator(model, name) for name in first.indicators)
    if first.rule == "isolated":
        owner = _owner(model, first.indicators[0])
        return f"{way} leaves only {names}, of {owner}: computed exactly, with certainty. 可由该组合精确算出，仅含一个部门的指标。"
    if first.rule == "ungated":
        return f"in {way} the gates cancel: {names} of a gated firm show. 归零条件互相抵消，归零企业的得分可被算出。"
    if first.rule == "budget":
        return f"{first.value} independent functionals ({way}), at most {first.limit} are allowed. 独立得分函数过多。"
    if first.rule == "ratio":
        values = sorted({finding.value for finding in alike})
        shown = ", ".join(f"{value / SCALE:.2f}" for value in values)
        return (
            f"from {way}, {names} can be guessed with {shown} of the error before (at least {first.limit / SCALE:g} is needed). "
            f"得分函数使该指标的估计误差降得过低。"
        )
    shown = _percent(max(finding.value for finding in alike))
    prior = "" if first.prior == UNIFORM else f" as in {first.prior}"
    return (
        f"from {way}, {shown} of firms{prior} show {names}: 95 % sure within ±5 % of its range (at most {_percent(first.limit)} may). "
        f"这些企业的该项得分可被基本锁定。"
    )


def _remedy(model: Model, alike: list[Finding]) -> str:
    finding = alike[0]
    if finding.rule == "isolated":
        return (
            "give this audience fewer of these functionals, or let them differ in indicators of several departments, or have the owner declare "
            "the indicators open_to it. 减少得分函数，或使其差异涉及多个部门，或由所有者声明开放。"
        )
    if finding.rule == "ungated":
        return "give each functional gates of its own, or declare one without gates. 各得分函数分别设置归零条件。"
    if finding.rule == "budget":
        return "disclose fewer functionals to banks. 减少向银行披露的得分函数。"
    name = finding.indicators[0]
    values = [item.value for item in alike]
    limit = number_of(min(values) if finding.rule == "ratio" else max(values))
    stages, audiences = (", ".join(dict.fromkeys(part)) for part in zip(*((item.stage, item.audience) for item in alike), strict=True))
    bound = f"ratio_at_least: {limit}" if finding.rule == "ratio" else f"pinned_at_most: {limit}"
    return (
        f"add indicators beside {name}, give it finer points (linear instead of few tiers) or less weight, disclose fewer functionals; or "
        f"{_owner(model, name)} accepts: exposures: [{{indicator: {indicator_of(name)}, audiences: [{audiences}], stages: [{stages}], {bound}, "
        f"reason: …, accepted_by: …}}]. 增加并列指标、细化分档、降低权重、减少披露，或由所有者接受披露例外。"
    )


def number_of(ten_thousandths: int) -> str:
    """A figure as a pack writes it.

    >>> number_of(371), number_of(5000)
    ('0.0371', '0.5')
    """
    whole, rest = divmod(ten_thousandths, SCALE)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def _exposure(model: Model, finding: Finding) -> str:
    if finding.accepted_in:  # the report knows earlier packs by name only
        return f"accepted by its owner in 所有者已在此模型中接受 {finding.accepted_in}"
    assert finding.accepted is not None
    exposure = model.pack.exposures[finding.accepted]
    limits = [
        f"{name} {number(value)}"
        for name, value in (("pinned at most 可锁定比例至多", exposure.pinned_at_most), ("ratio at least 剩余误差比至少", exposure.ratio_at_least))
        if value
    ]
    owner = exposure.accepted_by.name
    return f"accepted by 接受方 {owner}, {', '.join(limits)}: {exposure.reason.zh} ({exposure.reason.en})"


def _combination(factors: Combination) -> str:
    """A combination as it is written in a sum, what is added first."""
    text = ""
    for factor in sorted(factors, key=lambda factor: factor.coefficient < 0):
        size = "" if abs(factor.coefficient) == 1 else f"{abs(factor.coefficient)} × "
        sign = ("− " if factor.coefficient < 0 else "") if not text else (" − " if factor.coefficient < 0 else " + ")
        text += f"{sign}{size}{factor.functional}"
    return text


def _owner(model: Model, name: str) -> str:
    item: Indicator | None = model.indicators.get(indicator_of(name))
    return "its owner 所有者" if item is None else item.owner.name
