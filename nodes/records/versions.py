"""What a record is after a source has spoken: which of two statements about a field stands, and whether anything new was said. Pure.

Each field has the value that is valid since the latest date; of two statements of one date the later recorded one stands. A statement
without a date speaks of the day on which it is recorded, and stands over all that were recorded before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Since = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class State:
    """A record as it stands: its fields, and since when each holds; one date where it is the same for all."""

    values: Mapping[str, str]
    since: Since

    def after(self, said: Mapping[str, str], valid_from: str, day: str) -> State:
        """The record after a statement that holds from ``valid_from``, or is undated when that is empty and was recorded on ``day``.

        The fields that it names change and no others. Equal to this one when nothing changes.
        """
        if not said:
            return self
        values = dict(self.values)
        since = dict.fromkeys(values, self.since) if isinstance(self.since, str) else dict(self.since)
        for name, value in said.items():
            before = since.get(name, "")
            if not valid_from:
                if values.get(name) == value:
                    continue  # said again without a date: it is as old as it was
                since[name] = max(before, day)
            elif valid_from >= before:
                since[name] = valid_from
            else:
                continue  # of an earlier date than what stands
            values[name] = value
        return State(values, _shortest(since))

    def outdates(self, said: Mapping[str, str], valid_from: str) -> bool:
        """Whether a statement is, for some field, of an earlier date than what stands: it changes nothing there, and was said all the same."""
        if not valid_from:
            return False
        return any(valid_from < (self.since if isinstance(self.since, str) else self.since.get(name, "")) for name in said)


def first(said: Mapping[str, str], valid_from: str, day: str) -> State:
    """The record that a first statement makes."""
    return State(dict(said), valid_from or day)


def _shortest(since: Mapping[str, str]) -> Since:
    dates = set(since.values())
    return dates.pop() if len(dates) == 1 else since
