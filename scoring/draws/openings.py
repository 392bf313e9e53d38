"""Whether what was opened to an auditor agrees: with its ciphertext, with the model, with the record shown, and column with row [P6, P4.5].

Values are hundredths. A gate counts as closed or open, since its mask says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crypto.errors import CiphertextError, OpeningError, PackingError
from crypto.packing import unpack
from crypto.paillier import Opening, PublicKey, balanced, check_encryption, check_opening
from scoring.indicators.functional import functional
from scoring.indicators.model import Model
from scoring.rules.points import contributed_points
from scoring.statements import Entry, Outcome


@dataclass(frozen=True, slots=True)
class Drawn:
    """One ciphertext that was drawn: what it carries for ``count`` subjects of one stage (a row: one subject, ``slot_bits`` 0)."""

    entry: Entry
    stage: str
    count: int
    slot_bits: int
    ciphertext: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What its maker shows of a ciphertext: m with the exponent a, or with the root r where it made no a; and a record for each subject."""

    m: int
    exponent: int | None
    root: int | None
    records: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome, the values of the subjects in order (empty where nothing could be read), and a sentence for the auditor alone."""

    outcome: Outcome
    values: tuple[int, ...] = ()
    detail: str = ""


def judge_shown(key: PublicKey, model: Model, drawn: Drawn, shown: Shown) -> Judged:
    """AGREES, or the first of OPENING_INVALID, VALUE_IMPOSSIBLE and RECORD_DIFFERS that is the case."""
    m = balanced(shown.m, key.n)
    try:
        _check_ciphertext(key, drawn.ciphertext, m, shown)
    except (OpeningError, CiphertextError) as error:
        return Judged("OPENING_INVALID", detail=str(error))
    try:
        values = tuple(unpack(m, drawn.slot_bits, drawn.count)) if drawn.slot_bits else (m,)
    except PackingError as error:
        return Judged("VALUE_IMPOSSIBLE", detail=str(error))
    wrong = [place for place, value in enumerate(values) if not _possible(model, drawn.entry, value)]
    if wrong:
        return Judged("VALUE_IMPOSSIBLE", values, f"{_named(wrong)}: not a value of {drawn.entry.indicator}")
    if len(shown.records) != drawn.count:
        return Judged("RECORD_DIFFERS", values, f"{len(shown.records)} records are shown for {drawn.count} subjects")
    wrong = [place for place, value in enumerate(values) if not _recorded(model, drawn, value, shown.records[place])]
    if wrong:
        return Judged("RECORD_DIFFERS", values, f"{_named(wrong)}: the record shown gives other points")
    return Judged("AGREES", values)


def same_value(model: Model, entry: Entry, one: int, other: int) -> bool:
    """Whether a column's and a row's value of one subject say the same [P4.5]."""
    return (one < 0) == (other < 0) if model.indicators[entry.indicator].gate else one == other


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of an item made of several: the first of them that is not AGREES."""
    found: list[Outcome] = [outcome for outcome in outcomes if outcome != "AGREES"]
    return found[0] if found else "AGREES"


def _check_ciphertext(key: PublicKey, ciphertext: int, m: int, shown: Shown) -> None:
    if shown.exponent is not None:
        check_encryption(key, ciphertext, m, shown.exponent)
    elif shown.root is not None:
        check_opening(key, ciphertext, Opening(m, shown.root))
    else:
        raise OpeningError("neither an exponent nor a root is shown")


def _possible(model: Model, entry: Entry, value: int) -> bool:
    low, high = model.input_bounds(entry.indicator, entry.functional)
    if not low <= value <= high:
        return False
    if value < 0 and model.indicators[entry.indicator].gate:
        return value <= -(1 << functional(model, entry.functional, model.default_stage).gate_bits)
    return True


def _recorded(model: Model, drawn: Drawn, value: int, record: Mapping[str, str]) -> bool:
    points, _ = contributed_points(model, drawn.entry.indicator, record, drawn.stage)
    if model.indicators[drawn.entry.indicator].gate:
        return (points > 0) == (value < 0)
    return points == value


def _named(places: Sequence[int]) -> str:
    return "places " + ", ".join(str(place) for place in places[:10]) + (" …" if len(places) > 10 else "")
