"""A custodian's examination over a zone in memory: its own replica, rosters, and ciphertexts that it proves itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from crypto.keygen import PrivateKey
from nodes.custodian.admission import AdmissionLint, Case, lint_case
from nodes.custodian.examination import Admitted, Examiner
from nodes.custodian.revocations import Revocations
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.material import Ciphertexts, Placements, proven
from protos.v1.exchange_pb2 import OpenTicket
from scoring.disclosure.report import LintReport
from scoring.statements import DisclosurePolicy, Ticket
from tests.support.exchange import HeldZone, MemoryLog
from tests.support.zone import Asked, MemoryZone, released_zone


def changed(ticket: Ticket, **changes: object) -> Ticket:
    """The ticket saying something else."""
    return Ticket.model_validate({**ticket.model_dump(), **changes}, strict=False)


class Following(MemoryLog):
    """A follower that is up to date."""

    def wait_for(self, index: int, _timeout_s: float) -> None:
        assert index < len(self._zone.entries)


class Agreeing:
    """Others' heads, which agree until ``doubt`` is set."""

    doubt: Exception | None = None

    def check(self) -> None:
        if self.doubt is not None:
            raise self.doubt


_LINTED: dict[object, LintReport] = {}


def linted_once(case: Case, policy: DisclosurePolicy, _: object) -> LintReport:
    """The lint of a case, kept over all tests: a desk is made for each."""
    about = (case, policy)
    if about not in _LINTED:
        _LINTED[about] = lint_case(case, policy, lambda: None)
    return _LINTED[about]


class Unlinted(AdmissionLint):
    """An admission lint that passes every model unseen."""

    def __init__(self) -> None:
        """Needs nothing."""

    def check(self, epoch: str) -> None:
        """Returns."""


@dataclass
class Desk:
    """An examiner and the zone that it examines. ``late_s``: how far its clock is ahead of the log's."""

    zone: MemoryZone
    directory: Path
    late_s: int = 0

    def __post_init__(self) -> None:
        held = self.held = HeldZone(self.zone.view)
        self.heads = Agreeing()
        self.revocations = self.restarted()

        def load(digest: str) -> bytes:
            return self.zone.blobs[digest]

        ciphertexts = Ciphertexts(held, lambda logged: proven(held, logged, load(logged.statement.header.merkle_root)))
        placements = Placements(held, load)
        follower = cast(LogFollower, Following(self.zone))
        self.admission = AdmissionLint(held, threading.Event(), linted_once)
        for logged in self.zone.view.statements.values():
            self.admission.observe(logged)
        self.admission.settle()
        clock = lambda: self.zone.now + self.late_s  # noqa: E731 - one clock, that the tests move
        self.examiner = Examiner(held, follower, ciphertexts, placements, self.heads, self.revocations, self.admission, clock, 1.0)

    def lint_anew(self) -> None:
        """An admission lint that has computed nothing yet."""
        self._admit(AdmissionLint(self.held, threading.Event(), linted_once))

    def unlinted(self) -> None:
        """The defence switched off: every model passes."""
        self._admit(Unlinted())

    def _admit(self, admission: AdmissionLint) -> None:
        self.admission = self.examiner._admission = admission

    def restarted(self) -> Revocations:
        """The revocations as a custodian finds them on its disk."""
        return Revocations(self.held, self.directory / "revocations", lambda: self.zone.now + self.late_s)

    def say(self, asked: Asked, **changes: object) -> OpenTicket:
        """Log the ticket of a request, changed; the work item that a coordinator would send."""
        ticket = changed(asked.ticket, **changes)
        return self.log(ticket, asked.document.to_bytes())

    def log(self, ticket: Ticket, request: bytes = b"") -> OpenTicket:
        envelope = self.zone.envelope(ticket, "coordinator")
        self.zone.append(envelope, "coordinator", "ticket")
        return OpenTicket(ticket_envelope=envelope, leaf_index=len(self.zone.entries) - 1, request=request)

    def examine(self, work: OpenTicket) -> Admitted:
        return self.examiner.examine(work)


@pytest.fixture(scope="module")
def released(small_private_key: PrivateKey) -> MemoryZone:
    """A released zone in which bank-a has one firm's consent and rows, and one firm its own portrait's."""
    zone = released_zone(small_private_key)
    zone.consent(zone.subjects[0])
    zone.consent(zone.subjects[2])
    zone.consent(zone.subjects[3], "own")
    return zone


@pytest.fixture
def desk(released: MemoryZone, tmp_path: Path) -> Desk:
    return Desk(released.fork(), tmp_path)
