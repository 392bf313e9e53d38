"""What an enterprise is told before it consents, in words: who learns what, for how long, and what follows that nobody would guess [P5.0, P7.2].

The text is read to the legal representative, or shown to him. It is made from the model and promises nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from scoring.indicators.model import Model
from scoring.statements import Title


def consent_text(model: Model, bank: Title, products: Sequence[str], functionals: Sequence[str], not_after: int) -> Title:
    """The text of a consent by which ``bank`` may learn ``functionals`` for ``products``, until ``not_after`` (Unix seconds).

    Requires names of the model. ``functionals`` holds declared ones and indicators that are open to banks.
    """
    day = datetime.fromtimestamp(not_after, UTC).strftime("%Y-%m-%d")
    shown = [_title(model, name) for name in functionals]
    offers = [model.products[name].spec.title for name in products]
    figures = [model.indicators[name].title for name in functionals if name in model.indicators and model.indicators[name].role == "figure"]
    zh = [
        f"同意{bank.zh}为办理{_zh(offers)}，查询本企业的{_zh(shown)}、所处阶段和百分位区间，有效期至{day}，可随时撤回。",
        "各单项积分和原始数据不提供给银行。总分为零分或满分时，各单项积分随之可知。",
        "总分因申诉或更正而重新评定并再次提供的，银行可由前后两次总分之差得知更正的幅度。",
    ]
    en = [
        f"{bank.en} may learn, for {_en(offers)}: {_en(shown)}, the stage, and the band of percentiles; until {day}, and until it is taken back.",
        "The points of single indicators and the records stay where they are. A total of 0, or the greatest there is, tells all points.",
        "If the total is given again after an appeal or a correction, the bank can tell from the two totals how much the correction changed.",
    ]
    if figures:
        zh.append(f"其中{_zh(figures)}为该项数值本身，提供给银行。")
        en.append(f"Of {_en(figures)} the bank learns the figure itself.")
    for exposure in model.pack.exposures:
        if "bank" in exposure.audiences:
            title, stages = model.indicators[exposure.indicator].title, [stage.title for stage in model.stages if stage.id in exposure.stages]
            zh.append(f"{_zh(stages)}的少数企业，可由总分推知“{title.zh}”得分：{exposure.reason.zh}。")
            en.append(f"Of a few enterprises ({_en(stages)}) the total tells the points for {title.en}: {exposure.reason.en}.")
    return Title(zh="\n".join(zh), en="\n".join(en))


def _title(model: Model, name: str) -> Title:
    spec = model.functionals.get(name)
    return model.indicators[name].title if spec is None else spec.title


def _zh(titles: Iterable[Title]) -> str:
    return "、".join(title.zh for title in titles)


def _en(titles: Iterable[Title]) -> str:
    return ", ".join(title.en for title in titles)
