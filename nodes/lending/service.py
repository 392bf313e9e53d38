"""What an enterprise service demands of applications: it begins them itself, and takes what institutions answer [E4]."""

from __future__ import annotations

from nodes.lending.book import Kept, Parties
from nodes.lending.messages import LoanMessage, ReadStep
from scoring.errors import WrongSignerError
from scoring.statements import SigningKey
from scoring.statements.lending import LoanContent


class ServiceAdmission:
    """``nodes.lending.desk.Admission`` of an enterprise service."""

    def admit(self, sender: str, message: LoanMessage, first: ReadStep, /) -> Parties:
        """Always raises WrongSignerError: nobody applies in our enterprises' name but us."""
        raise WrongSignerError(f"{sender} speaks of an application that was not made here")

    def key(self, parties: Parties, /) -> SigningKey | None:
        """None: an enterprise's papers are signed here."""
        return None

    def ready(self, kept: Kept, content: LoanContent, /) -> None:
        """Another's step rests on nothing else."""

    def vet(self, kept: Kept, content: LoanContent, /) -> None:
        """The enterprise decides; we have nothing against it."""
