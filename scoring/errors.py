"""Errors of the domain rules. ``protos.errors`` maps each class to its reason and status."""


class ScoringError(Exception):
    """Root of this package's errors."""


class StatementFormatError(ScoringError):
    """Bytes are not a statement of the exchange."""


class ModelError(ScoringError):
    """A pack is not an indicator model; the message names the path and what would be right."""


class RuleError(ScoringError):
    """A record's value cannot be used by the point rule of its indicator."""


class RangeError(ScoringError):
    """An opened value is impossible under the model [P2.4]."""
