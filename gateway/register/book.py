"""The register as pages ask it: enterprises by subject id and by code, as they were in a period [R1]."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crypto.subjects import subject_id
from nodes.records.deliveries import Health, Intake
from nodes.records.store import RecordStore, Version
from scoring.enterprises.divisions import full_code
from scoring.enterprises.facts import Enterprise, enterprise_of
from scoring.statements import Title


@dataclass(frozen=True, slots=True)
class Edition:
    """The register of one period at one moment. ``incomplete``: codes of which company or county are not known yet."""

    period: str
    enterprises: Mapping[str, Enterprise]
    by_uscc: Mapping[str, Enterprise]
    incomplete: int = 0


EMPTY = Edition("", {}, {})


class Register:
    """Reads the register that ``store`` keeps. ``roster_key`` makes subject ids of codes; ``divisions``: names by GB/T 2260; ``sources``: the
    connectors that fill it."""

    def __init__(self, store: RecordStore, intake: Intake, roster_key: bytes, divisions: Mapping[str, Title], sources: Iterable[str] = ()) -> None:
        self._store, self._intake, self._roster_key, self._divisions = store, intake, roster_key, divisions
        self.sources = tuple(sources)
        self._lock = threading.Lock()
        self._version = -1
        self._editions: dict[str, Edition] = {}
        self._subjects: dict[str, str] = {}

    def edition(self, period: str = "") -> Edition:
        """The register of ``period``: each enterprise as the newest period not after it tells, or, where only later ones know it, the
        earliest of these. Without a period the newest state of all. Empty while nothing was read [R1.4]."""
        with self._lock:
            version = self._store.version
            if version != self._version:
                self._version, self._editions = version, {}
            if period not in self._editions:
                self._editions[period] = self._read(period)
            return self._editions[period]

    def enterprise(self, subject: str, period: str = "") -> Enterprise | None:
        """The enterprise with this subject id; None where the register does not know it."""
        return self.edition(period).enterprises.get(subject)

    def of_code(self, uscc: str, period: str = "") -> Enterprise | None:
        """The enterprise with this unified social credit code; None where the register does not know it."""
        return self.edition(period).by_uscc.get(uscc)

    def history(self, uscc: str) -> list[Version]:
        """All that the sources said of one enterprise, by period, oldest first within each."""
        return [version for period in self._store.periods() for version in self._store.history(uscc, period)]

    def division(self, prefix: str) -> Title:
        """What a division is called, by its code or prefix; its code where it has no name here."""
        code = full_code(prefix)
        return self._divisions.get(code, Title(zh=code, en=code))

    def health(self) -> list[Health]:
        """How each of the register's sources is."""
        return self._intake.health(self.sources)

    def _read(self, period: str) -> Edition:
        periods = self._store.periods()
        facts: dict[str, Mapping[str, str]] = {}
        for name in reversed([known for known in periods if period and known > period]):
            facts |= self._store.period(name)
        for name in periods:
            if not period or name <= period:
                facts |= self._store.period(name)
        found = [enterprise_of(self._subject(uscc), uscc, facts[uscc]) for uscc in sorted(facts)]
        known = [enterprise for enterprise in found if enterprise is not None]
        by_subject, by_uscc = {item.subject: item for item in known}, {item.uscc: item for item in known}
        return Edition(period, by_subject, by_uscc, len(found) - len(known))

    def _subject(self, uscc: str) -> str:
        if uscc not in self._subjects:
            self._subjects[uscc] = subject_id(self._roster_key, uscc)
        return self._subjects[uscc]
