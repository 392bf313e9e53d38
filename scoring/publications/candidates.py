"""Who is a candidate, from released values alone: the lists of a model, the best of all, who may apply for a flat [N1, N5]."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from crypto.encoding import frame, label, sha256
from scoring.publications.errors import PublicationFormatError


@dataclass(frozen=True, slots=True)
class Scored:
    """A subject's released total in hundredths."""

    subject: str
    hundredths: int
    gated: bool


def best(scored: Iterable[Scored], lot: str, count: int) -> tuple[str, ...]:
    """The ``count`` subjects with the highest totals over all stages, the best first; no gated one.

    Equal totals stand in the order of a lot that nobody chooses: the hash of subject and ``lot``, the digest of the epoch's release.
    """
    if count < 1:
        raise PublicationFormatError("a list has one place at least")
    return tuple(item.subject for item in _ordered(scored, lot)[:count])


def eligible(scored: Iterable[Scored], lot: str, below_top_percent: int, flagged: Collection[str] | None) -> tuple[str, ...]:
    """Who may apply for a flat, in the order of claims: among the best ``below_top_percent`` of all that are not gated, and, where flags were
    opened, among ``flagged``, who meet every one (such as the local tax contribution)."""
    if not 1 <= below_top_percent <= 100:
        raise PublicationFormatError("a share is from 1 to 100 percent")
    ordered = _ordered(scored, lot)
    first = ordered[: -(-len(ordered) * below_top_percent // 100)]
    return tuple(item.subject for item in first if flagged is None or item.subject in flagged)


def _ordered(scored: Iterable[Scored], lot: str) -> Sequence[Scored]:
    drawn = [(-item.hundredths, sha256(frame(label("lot"), lot.encode(), item.subject.encode())), item) for item in scored if not item.gated]
    return [item for _, _, item in sorted(drawn, key=lambda each: each[:2])]
