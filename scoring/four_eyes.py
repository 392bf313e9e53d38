"""Four eyes (四眼): what moves money is proposed by one person and let go by another [O6, E6]."""

from __future__ import annotations

from scoring.errors import FourEyesError


def check_second(proposed_by: str, by: str, what: str) -> None:
    """Returns when ``by`` may let go what ``proposed_by`` proposed. Raises FourEyesError when it is the same person."""
    if by == proposed_by:
        raise FourEyesError(f"{by} has proposed {what}")
