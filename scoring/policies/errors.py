"""Errors of the policies. ``protos.errors`` maps each class to its reason and status."""

from scoring.errors import ScoringError


class PolicyFormatError(ScoringError):
    """A policy, a condition or a bank's file is not of its form; the message names the place and what would be right."""


class PolicyUnknownError(ScoringError):
    """No such policy, tag, claim or payment file is here."""


class PolicyStateError(ScoringError):
    """The policy is not in the state that this step needs: it is in force and cannot be changed, or has tags that nobody decided."""


class ClaimStateError(ScoringError):
    """The claim is not in the state that this step needs, or its notice has not ended; the message names both."""


class BudgetError(ScoringError):
    """A payment would go beyond the policy's budget."""


class ReconciliationError(ScoringError):
    """A bank's answer does not agree with what was ordered: nothing of it was taken."""


class StepOrderError(ScoringError):
    """A logged step does not follow the one before it, or is not this signer's to take [O5]."""
