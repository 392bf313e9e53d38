"""Errors of the housing rounds. ``protos.errors`` maps each class to its reason and status."""

from scoring.errors import ScoringError


class HousingFormatError(ScoringError):
    """A round or an application is not of its form; the message says what would be right."""


class HousingStateError(ScoringError):
    """The round is not in the state that this step needs."""


class NotEligibleError(ScoringError):
    """The enterprise may not apply in this round; the message says which public condition it does not meet."""
