"""``xinqiao key plan``: which custodians may be away at once, and what has to be done before they go."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.epoch import front_client
from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.runtime.clock import now

PATH = "/v1/keys/rounds:plan"
DAY_S = 86_400
SAID = {
    "finish-round": "end the round under way: it waits for every custodian (xinqiao key status; else xinqiao key abandon)",
    "find-custodian": "have another member become a custodian: a change of the registry that t custodians approve (xinqiao member propose)",
    "reshare": "re-share while all are there, to those who stay and to others (xinqiao key reshare)",
    "renew-registry": "renew the registry before its end (xinqiao zone renew)",
    "new-key": "the key is two years old before they are back: hold a new ceremony",
    "refresh": "refresh before they go: it is due before they are back, and takes all of them (xinqiao key refresh)",
    "separate-operators": "give each custodian an operator of its own: whoever runs several is one failure, and one temptation",
}


def plan(
    config: Annotated[Path, typer.Option(help="The gateway's TOML file: its public base and token file are read from it.")],
    away: Annotated[str, typer.Option(metavar="ID,ID", help="Custodians that are to be away at the same time; none: how many may be.")] = "",
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help="From when on: a day or a moment, ISO, UTC. Default: now.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Until when. Default: a week later.")] = "",
    together: Annotated[list[str] | None, typer.Option(metavar="ID,ID", help="Custodians that one operator runs; may be repeated.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Plan an absence of custodians: who may be away, whether t shares stay reachable, what must be done first, whose failure would stop everything.

    Exit code 0: they may go; 1: something has to be done first.
    """
    with reporting(as_json) as report:
        start = _moment(begin, now())
        asked = {"away": _names(away), "begin": start, "end": _moment(end, start + 7 * DAY_S), "together": [_names(item) for item in together or ()]}
        with front_client(config) as client:
            found = client.post(PATH, asked)
        report.result(found, _text(found, asked), ExitCode.DONE if found["holds"] else ExitCode.NOT_HOLDING)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _moment(text: str, default: int) -> int:
    if not text:
        return default
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no ISO date or time, such as 2026-12-24 or 2026-12-24T18:00") from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _text(found: dict[str, Any], asked: dict[str, Any]) -> str:
    shares = len(found["away"]) + len(found["present"])
    spans = " to ".join(f"{datetime.fromtimestamp(asked[name], UTC):%Y-%m-%d %H:%M}" for name in ("begin", "end"))
    lines = [f"{spans} UTC; generation {found['generation']}: {found['threshold']} of {shares} open"]
    lines.append(f"for so long {found['needed']} of them must be there, {found['may_be_away']} may be away at once: {_sets(found['may_go'], found)}")
    if found["may_go_for_a_day"] != found["may_go"]:
        lines.append(f"for a day at most: {_sets(found['may_go_for_a_day'], found)}")
    if found["away"]:
        verdict = "they may go" if found["holds"] else "they cannot go yet"
        lines.append(f"away: {', '.join(found['away'])}; there: {', '.join(found['present']) or 'nobody'}: {verdict}")
    lines += [f"  first: {SAID[step]}" for step in found["first"]]
    lines += [f"  advice: {SAID[step]}" for step in found["advice"]]
    if found["spare"] and "reshare" in found["first"]:
        lines.append(f"  custodians without a share, to whom it could go: {', '.join(found['spare'])}")
    if found["also_fatal"]:
        lines.append(f"  meanwhile nothing opens once one more fails: {', '.join(found['also_fatal'])}")
    lines += [f"  {name} holds {found['threshold']} shares or more: it opens everything alone" for name in found["too_mighty"]]
    lines += [f"  {operator} runs {', '.join(names)}" for operator, names in found["operators"].items() if len(names) > 1]
    return "\n".join(lines)


def _sets(sets: list[list[str]], found: dict[str, Any]) -> str:
    """Who may go together, each set once; in few words where all of them are alike."""
    if not sets:
        return "nobody"
    if all(len(names) == 1 for names in found["operators"].values()):
        return f"any {len(sets[0])} of {', '.join(sorted(found['operators']))}"
    return "; or ".join(" and ".join(names) for names in sets)
