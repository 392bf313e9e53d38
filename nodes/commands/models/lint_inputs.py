"""What ``xinqiao model lint`` reads beside the pack: records for a prior, who owns records itself; and its patience."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from nodes.commands.models.records_file import read_records, score_rows
from nodes.errors import SettingsError
from scoring.disclosure.audiences import AUTHORITY, BANK, Audience, joint, registered
from scoring.disclosure.inference.priors import Prior, empirical
from scoring.indicators.model import Model
from scoring.rules.stages import Level, Owner
from scoring.statements import Member

PATIENCE_S = 2.0
_HOLDS = re.compile(r"(?P<audience>[a-z]+)=(?P<department>[a-z][a-z0-9_-]*)/(?P<level>[a-z]+)")


def records_prior(path: Path, models: Sequence[Model], year: int | None, warn: Callable[[str], None]) -> Prior:
    """The points of a file's firms under each model, as a prior named by the file. Raises RecordFileError naming file, line and field."""
    chosen = None if year is None else str(year)
    rows = read_records(path, models[0], chosen, warn)
    score_rows(path, models[0], rows)  # reports a malformed value with its line
    return empirical(models, [row.record for row in rows], path.name if year is None else f"{path.name}, {year}")


def audiences(models: Sequence[Model], members: Sequence[Member], holds: Sequence[str]) -> tuple[Audience, ...]:
    """Authority, bank and both, and those of ``members`` who are departments too, with the records that ``holds`` says they own.

    Raises SettingsError for another form or owner.
    """
    owners = {item.owner for model in models for item in model.indicators.values() if isinstance(item.owner, Owner)}
    single = {audience.name: audience for audience in registered(members, models) if len(audience.kinds) == 1}
    for text in holds:
        match = _HOLDS.fullmatch(text)
        if match is None or match["audience"] not in single or match["level"] not in get_args(Level):
            raise SettingsError(f"--holds {text}: AUDIENCE=DEPARTMENT/LEVEL is expected, with {AUTHORITY} or {BANK} as AUDIENCE 格式不符")
        owner = Owner(department=match["department"], level=cast(Level, match["level"]))
        if owner not in owners:
            known = ", ".join(sorted(item.name for item in owners))
            raise SettingsError(f"--holds {text}: no indicator has this owner; there are {known} 没有此所有者")
        before = single[match["audience"]]
        single[before.name] = replace(before, holds=before.holds | {owner})
    return (*single.values(), joint(single[AUTHORITY], single[BANK]))


@contextmanager
def patience(say: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """A progress callback that is silent for two seconds, then says what is being done, and every step from there on."""
    latest, late = [""], threading.Event()

    def overdue() -> None:
        late.set()
        say(f"{latest[0]} …")

    def progress(text: str) -> None:
        latest[0] = text
        if late.is_set():
            say(f"{text} …")

    timer = threading.Timer(PATIENCE_S, overdue)
    timer.daemon = True
    timer.start()
    try:
        yield progress
    finally:
        timer.cancel()
