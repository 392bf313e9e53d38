"""Puts contributions into the outbox, first ones and revisions alike: with their points, with what people are shown, and held where people
let them go before they are signed [A3]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from nodes.contributing.contributions import Contributor, Scored
from nodes.contributing.four_eyes.summaries import summarise
from nodes.contributing.office import Office
from nodes.contributing.outbox import Prepared
from scoring.exchange.contributions import owed_entries
from scoring.statements import Entry

Said = Callable[[str], list[int] | None]
"""Indicator -> the points of our column of the epoch that stands or is about to; None where there is none."""


@dataclass(frozen=True, slots=True)
class RowKey:
    """What a row is about: its entries, its subject and audience, and the digest of the consent under which it is made."""

    entries: tuple[Entry, ...]
    subject: str
    audience: str
    consent: str


@dataclass(frozen=True, slots=True)
class Offering:
    """Offers in the name of ``office``."""

    office: Office

    def columns(self, contributor: Contributor) -> Iterator[tuple[Prepared, Scored]]:
        """The columns that the contributor owes, made as they are to be offered."""
        return _held(contributor, held=self.office.holds_columns).columns()

    def column(self, contributor: Contributor, prepared: Prepared, scored: Scored) -> None:
        """Offer one of ``columns``; afterwards it is on disk with its points."""
        self.office.subjects.keep(prepared.source)
        self.office.store.keep_points(prepared.source, scored.points, contributor.version)
        if self.office.summaries is not None:
            self.office.summaries.keep(prepared.source, summarise(contributor.epoch, scored, contributor.records))
        self.office.outbox.offer(prepared, held=self.office.holds_columns)

    def row(self, contributor: Contributor, key: RowKey) -> None:
        """Offer a row; afterwards it is on disk with its points. Raises SecondPersonMissingError while a column that it follows waits for
        people [A4]."""
        epoch, four_eyes, held = contributor.epoch, self.office.four_eyes, False
        if four_eyes is not None:
            owed = owed_entries(epoch.model, contributor.member, epoch.model.disclosures("authority"))
            held = four_eyes.row_held(epoch.opened.epoch, key.entries, {entry.indicator for entry in owed})
        prepared, points = self.row_of(_held(contributor, held=held), key, self.said(epoch.opened.epoch))
        self.office.store.keep_points(prepared.source, points, contributor.version)
        self.office.outbox.offer(prepared, held=held)

    def row_of(self, contributor: Contributor, key: RowKey, said: Said) -> tuple[Prepared, list[int]]:
        """The row as it would be now."""
        return contributor.row(key.entries, key.subject, key.audience, key.consent, said)

    def said(self, epoch: str) -> Said:
        """What our columns of ``epoch`` say, each read once."""
        outbox, store = self.office.outbox, self.office.store

        @cache
        def said(indicator: str) -> list[int] | None:
            source = outbox.said(f"column/{epoch}/{indicator}/")
            return None if source is None else store.points(source)

        return said


def _held(contributor: Contributor, *, held: bool) -> Contributor:
    """What is held is not signed yet."""
    return replace(contributor, signer=None) if held else contributor
