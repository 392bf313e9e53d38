"""A publication from its announcement to its result: candidates are asked, who agrees stands on the notice, objections are settled [N1–N4].

Every transition gives a new value. Candidates come in the order of their claim, which is public in its rule and not in its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from scoring.publications.errors import PublicationFormatError, PublicationStateError, PublicationUnknownError
from scoring.publications.matching import Estate, deferred_acceptance
from scoring.publications.steps import AFTER, BEGINNING
from scoring.statements import PublicationStepName, Title

Kind = Literal["ranking", "housing"]
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Step:
    """What the authority did: ``by`` a person, ``at`` and ``until`` in Unix seconds; ``until`` is 0 in a last step."""

    name: PublicationStepName
    by: str
    at: int
    until: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """Flats of one estate: ``places`` of them."""

    id: str
    title: Title
    places: int


@dataclass(frozen=True, slots=True)
class Word:
    """What a candidate says: that it agrees to be named, and in housing which estates it wants, the most wanted first."""

    agrees: bool
    choices: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the notice: who, and the estate that it got, empty on a ranking list."""

    subject: str
    estate: str = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """Somebody objects to an entry. ``verdict``: empty until it is settled with a ``note``."""

    subject: str
    text: str
    by: str
    at: int
    verdict: Literal["", "upheld", "dismissed"] = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """``epoch``: whose released totals the order comes from; ``source``: the ranking's id in the model, or the round's word."""

    id: str
    kind: Kind
    title: Title
    epoch: str
    source: str
    candidates: tuple[str, ...]
    offers: tuple[Offer, ...] = ()
    history: tuple[Step, ...] = ()
    words: Mapping[str, Word] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    objections: tuple[Objection, ...] = ()

    @property
    def state(self) -> str:
        """The last step's name."""
        return self.history[-1].name if self.history else BEGINNING

    @property
    def until(self) -> int:
        """Until when the present state lasts at least, in Unix seconds; 0 where it is the last."""
        return self.history[-1].until if self.history else 0

    @property
    def standing(self) -> tuple[Entry, ...]:
        """Entries to which no objection was upheld."""
        struck = {objection.subject for objection in self.objections if objection.verdict == "upheld"}
        return tuple(entry for entry in self.entries if entry.subject not in struck)

    def take(self, step: Step) -> Publication:
        """After the authority's ``step``. Raises PublicationStateError when it does not follow, is too early, or states no end where it must."""
        if self.state not in AFTER[step.name]:
            raise PublicationStateError(f"the publication is {self.state or 'not begun'}: {step.name} does not follow")
        if (step.name in {"announced", "noticed"}) != (step.until > step.at):
            raise PublicationStateError("an announcement and a notice state when they end: after they begin")
        if step.name in {"noticed", "published"} and step.at < self.until:
            raise PublicationStateError(f"it is too early: {self.state} lasts until {self.until}, it is {step.at}")
        if step.name == "published" and any(not objection.verdict for objection in self.objections):
            raise PublicationStateError("an objection is not settled yet")
        after = replace(self, history=(*self.history, step))
        return replace(after, entries=after.outcome()) if step.name == "noticed" else after

    def say(self, subject: str, word: Word) -> Publication:
        """After a candidate's ``word``; a later one replaces it.

        Raises PublicationUnknownError for one that is no candidate, PublicationStateError when candidates are not asked (any more),
        PublicationFormatError for choices that are not offered.
        """
        if subject not in self.candidates:
            raise PublicationUnknownError("this publication does not concern the enterprise")
        if self.state != "announced" or word.at >= self.until:
            raise PublicationStateError("candidates are not asked any more")
        offered = {offer.id for offer in self.offers}
        if len(set(word.choices)) != len(word.choices) or not set(word.choices) <= offered or (word.choices and not word.agrees):
            raise PublicationFormatError("choices name offered estates, each once, and go with an agreement")
        return replace(self, words={**self.words, subject: word})

    def outcome(self) -> tuple[Entry, ...]:
        """Who stands on the notice: on a ranking list who agrees, in its order; of flats who gets one, in the order of claims."""
        agreed = {subject: word for subject, word in self.words.items() if word.agrees}
        if self.kind == "ranking":
            return tuple(Entry(subject) for subject in self.candidates if subject in agreed)
        estates = [Estate(offer.id, offer.places, self.candidates) for offer in self.offers]
        given = deferred_acceptance({subject: word.choices for subject, word in agreed.items()}, estates)
        return tuple(Entry(subject, given[subject]) for subject in self.candidates if subject in given)

    def object(self, objection: Objection) -> Publication:
        """After an objection to an entry of the notice. Raises PublicationStateError, PublicationUnknownError, PublicationFormatError."""
        if self.state != "noticed" or objection.at >= self.until:
            raise PublicationStateError("objections are taken while the notice lasts")
        if objection.subject not in {entry.subject for entry in self.entries}:
            raise PublicationUnknownError("no such entry is on the notice")
        if not 0 < len(objection.text.strip()) <= LONGEST_TEXT or objection.verdict:
            raise PublicationFormatError(f"an objection says why, in at most {LONGEST_TEXT} characters")
        return replace(self, objections=(*self.objections, objection))

    def settle(self, place: int, verdict: Literal["upheld", "dismissed"], note: str) -> Publication:
        """After the authority settled the objection at ``place``. Raises PublicationStateError where it is settled or the state is another."""
        if self.state != "noticed" or not 0 <= place < len(self.objections) or self.objections[place].verdict:
            raise PublicationStateError("there is no such objection that waits")
        if not 0 < len(note.strip()) <= LONGEST_TEXT:
            raise PublicationFormatError(f"a settlement says why, in at most {LONGEST_TEXT} characters")
        settled = replace(self.objections[place], verdict=verdict, note=note.strip())
        return replace(self, objections=(*self.objections[:place], settled, *self.objections[place + 1 :]))
