"""What an authority says of lists and flats that it publishes: one step of one publication. Whom it names stands in the paper, not in the log."""

from __future__ import annotations

from typing import Literal

from scoring.statements.base import Hex16, Hex32, Name, Statement, Time

PublicationStepName = Literal["announced", "noticed", "published", "withdrawn"]


class PublicationStep(Statement):
    """A step of a publication was taken [N2]. ``paper``: the SHA-256 of what the authority published with it, and serves.

    ``previous``: digest of the step before, empty in the first. ``until``: of an announcement, until when candidates may answer; of a notice,
    until when objections are taken. Before that the next step may not be logged. Else 0.
    """

    kind = "publication-step"
    publication: Hex16
    step: PublicationStepName
    epoch: Name
    previous: Hex32 | Literal[""]
    paper: Hex32
    until: Time = 0
