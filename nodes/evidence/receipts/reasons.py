"""How a receipt's failures get their reasons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crypto.errors import CryptoError
from scoring.errors import ReceiptError, ScoringError


@contextmanager
def reason(code: str, what: str) -> Iterator[None]:
    """Anything that does not hold inside the block is this reason. Raises ReceiptError."""
    try:
        yield
    except ReceiptError:
        raise
    except (CryptoError, ScoringError, ValueError, KeyError) as error:
        raise ReceiptError(code, f"{what}: {error}") from error


def require(holds: bool, code: str, what: str) -> None:
    """Returns when ``holds``. Raises ReceiptError."""
    if not holds:
        raise ReceiptError(code, what)
