"""Which places of a publication a person may look at: those whose every enterprise is within the person's divisions and trades [T4]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodes.runtime.pages.accounts import Person
from scoring.enterprises.divisions import PREFIX
from scoring.enterprises.trades import BY_LETTER


@dataclass(frozen=True, slots=True)
class Place:
    """A division (prefix; empty: the whole zone) and a section of trades (letter; empty: all), as people choose it. ``id``: under which it is
    published."""

    prefix: str
    section: str
    id: str

    @property
    def word(self) -> str:
        """As it stands in addresses."""
        return f"{self.prefix}-{self.section}"


def places_for(person: Person, document: Mapping[str, Any]) -> list[Place]:
    """The places that ``person`` may look at, the widest first. Of two names of one place the first that the person may use stands."""
    sections = ["", *sorted({place.partition("|")[2] for place in document["sizes"]} - {""})]
    found: dict[str, Place] = {}
    for prefix in sorted(document["canonical"], key=lambda prefix: (len(prefix), prefix)):
        for section in sections:
            place = Place(prefix, section, f"{document['canonical'][prefix]}|{section}")
            if person.covers(prefix, section):
                found.setdefault(place.id, place)
    return sorted(found.values(), key=lambda place: (bool(place.section), len(place.prefix), place.prefix, place.section))


def chosen(places: list[Place], word: str) -> Place | None:
    """The place that an address asks for, among those that may be looked at; without a word the widest. None: it is no such place."""
    if not word:
        return places[0] if places else None
    prefix, _, section = word.partition("-")
    if not PREFIX.fullmatch(prefix) or (section and section not in BY_LETTER):
        return None
    return next((place for place in places if place.word == word), None)
