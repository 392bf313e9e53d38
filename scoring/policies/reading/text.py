"""A policy's text in sentences and clauses, each with its place: every tag can be shown where it was read [O1]."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scoring.policies.errors import PolicyFormatError

MAX_CHARACTERS = 20_000
_SENTENCE = re.compile(r"[^。；;！!？?\n]+")
_CLAUSE = re.compile(r"[^，,：:]+")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` (inclusive) to ``end`` (exclusive) of the text, counted in code points."""

    start: int
    end: int

    def within(self, other: Span) -> bool:
        """Whether no character of it is outside ``other``."""
        return other.start <= self.start and self.end <= other.end

    def overlaps(self, other: Span) -> bool:
        """Whether they share a character."""
        return self.start < other.end and other.start < self.end

    def joined(self, other: Span) -> Span:
        """The shortest span that has both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


def sentences(text: str) -> list[Span]:
    """The sentences of ``text``, in order, without their closing mark. Raises PolicyFormatError over MAX_CHARACTERS."""
    if len(text) > MAX_CHARACTERS:
        raise PolicyFormatError(f"a policy's text has at most {MAX_CHARACTERS} characters, this one {len(text)}")
    return _parts(_SENTENCE, text, Span(0, len(text)))


def clauses(text: str, sentence: Span) -> list[Span]:
    """The clauses of a sentence, in order; an enumeration (、) stays in one."""
    return _parts(_CLAUSE, text, sentence)


def _parts(pattern: re.Pattern[str], text: str, within: Span) -> list[Span]:
    found = []
    for match in pattern.finditer(text, within.start, within.end):
        part = match.group()
        lead = len(part) - len(part.lstrip())
        if part.strip():
            found.append(Span(match.start() + lead, match.start() + len(part.rstrip())))
    return found
