"""Officials decide the proposed tags of a policy, one by one; nothing counts before that, and who decided what, and when, is kept [O2]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from scoring.policies.errors import PolicyFormatError, PolicyStateError, PolicyUnknownError
from scoring.policies.meaning import Meaning
from scoring.policies.reading.tagging import Tag
from scoring.policies.reading.text import sentences

Verdict = Literal["confirmed", "changed", "dropped"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What one official said about one tag. ``meaning``: of a change, what the tag is to say. ``group``: conditions of one group are
    alternatives; by itself when empty."""

    tag: int
    verdict: Verdict
    by: str
    at: int
    meaning: Meaning | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A decided condition of a policy, with the tag that it was read from."""

    tag: int
    meaning: Meaning
    group: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """The tags of one text and every decision about them, in order. ``in_force``: the policy is published, and its conditions are fixed."""

    tags: tuple[Tag, ...]
    decisions: tuple[Decision, ...] = ()
    in_force: bool = False

    def decide(self, decision: Decision) -> Review:
        """With one more decision; the last one about a tag counts.

        Raises PolicyStateError when the policy is in force, PolicyUnknownError for no such tag, PolicyFormatError for a change without a meaning
        or a meaning without a change.
        """
        self._require_open()
        if not 0 <= decision.tag < len(self.tags):
            raise PolicyUnknownError(f"the text has tags 0 to {len(self.tags) - 1}, not {decision.tag}")
        if (decision.verdict == "changed") != (decision.meaning is not None):
            raise PolicyFormatError("a change, and nothing else, says what the tag is to mean")
        return replace(self, decisions=(*self.decisions, decision))

    def add(self, text: str, tag: Tag, by: str, at: int, group: str = "") -> Review:
        """With a tag of the official's own, confirmed at once. Raises PolicyStateError, and PolicyFormatError when it points outside its sentence."""
        self._require_open()
        found = sentences(text)
        if not 0 <= tag.sentence < len(found) or not tag.span.within(found[tag.sentence]) or tag.span.start >= tag.span.end:
            raise PolicyFormatError("a tag points at characters of one sentence of the text")
        added = replace(self, tags=(*self.tags, tag))
        return added.decide(Decision(len(self.tags), "confirmed", by, at, group=group))

    @property
    def standing(self) -> dict[int, Decision]:
        """The decision that counts about each decided tag."""
        return {decision.tag: decision for decision in self.decisions}

    @property
    def undecided(self) -> tuple[int, ...]:
        """Tags about which nobody has decided."""
        decided = self.standing
        return tuple(place for place in range(len(self.tags)) if place not in decided)

    def meanings(self) -> list[Condition]:
        """What stands of the text: confirmed and changed tags in their order, conditions, awards and dates alike."""
        found = []
        for place, decision in sorted(self.standing.items()):
            if decision.verdict != "dropped":
                found.append(Condition(place, decision.meaning or self.tags[place].meaning, decision.group))
        return found

    def publish(self) -> Review:
        """In force. Raises PolicyStateError when it is already, or while a tag is undecided."""
        self._require_open()
        if self.undecided:
            raise PolicyStateError(f"{len(self.undecided)} of {len(self.tags)} tags are undecided: confirm, change or drop each")
        return replace(self, in_force=True)

    def _require_open(self) -> None:
        if self.in_force:
            raise PolicyStateError("the policy is in force: a change is a new version")
