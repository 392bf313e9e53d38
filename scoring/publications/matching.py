"""Two-sided matching by deferred acceptance, applicants proposing (D. Gale, L. S. Shapley, College admissions and the stability of marriage, 1962).

Every estate ranks all applicants by one public order, so the outcome is the one stable matching. It is computed by the general
procedure all the same: orders may differ from estate to estate, for instance where one prefers those who work next to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappush, heappushpop

from scoring.publications.errors import PublicationFormatError


@dataclass(frozen=True, slots=True)
class Estate:
    """One side: ``places`` flats, given to the first of ``order`` that want them. Who is not in ``order`` is not taken."""

    id: str
    places: int
    order: tuple[str, ...]


def deferred_acceptance(choices: Mapping[str, Sequence[str]], estates: Sequence[Estate]) -> dict[str, str]:
    """Applicant -> estate, of those who get a flat. ``choices``: applicant -> estates, the most wanted first; others are not wanted.

    No applicant and estate would both rather have each other than what they got (stable); no stable matching is better for any applicant;
    and no applicant can gain by another list than the true one. Raises PublicationFormatError for an estate that is unknown or named twice.
    """
    places = {estate.id: estate.places for estate in estates}
    ranks = {estate.id: {applicant: place for place, applicant in enumerate(estate.order)} for estate in estates}
    for applicant, wanted in choices.items():
        if len(set(wanted)) != len(wanted) or not set(wanted) <= places.keys():
            raise PublicationFormatError(f"the choices of {applicant} name an estate twice, or one that is not offered")
    held: dict[str, list[tuple[int, str]]] = {estate.id: [] for estate in estates}  # heaps with the least wanted first
    asked = dict.fromkeys(choices, 0)
    free = deque(sorted(choices))
    while free:
        applicant = free.popleft()
        while asked[applicant] < len(choices[applicant]):
            estate = choices[applicant][asked[applicant]]
            asked[applicant] += 1
            rank = ranks[estate].get(applicant)
            if rank is None or places[estate] < 1:
                continue
            if len(held[estate]) < places[estate]:
                heappush(held[estate], (-rank, applicant))
                break
            _, sent_away = heappushpop(held[estate], (-rank, applicant))
            if sent_away != applicant:
                free.append(sent_away)
                break
    return {applicant: estate for estate, kept in held.items() for _, applicant in kept}
