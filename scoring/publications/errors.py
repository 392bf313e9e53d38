"""Errors of the publications. ``protos.errors`` maps each class to its reason and status."""

from scoring.errors import ScoringError


class PublicationFormatError(ScoringError):
    """A publication, a word or a choice is not of its form; the message says what would be right."""


class PublicationStateError(ScoringError):
    """The publication is not in the state that this step needs."""


class PublicationUnknownError(ScoringError):
    """No such publication is here, or it does not concern this enterprise."""


class PublicationOrderError(ScoringError):
    """A logged step of a publication does not follow the last one, or comes before its time."""
