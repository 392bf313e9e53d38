"""What the tests of the mathematics share: small encryptor and sharing, all on the 512-bit key of the run."""

from __future__ import annotations

import secrets

import pytest

from crypto.keygen import PrivateKey
from crypto.paillier import Encryptor, PublicKey
from crypto.threshold import Share, Sharing, deal


@pytest.fixture(scope="session")
def small_encryptor(small_public_key: PublicKey) -> Encryptor:
    """Encryptor of the small key with a small table."""
    return Encryptor(small_public_key, window=4)


@pytest.fixture(scope="session")
def small_dealing(small_private_key: PrivateKey) -> tuple[Sharing, list[Share]]:
    """The small key shared 3-of-5."""
    return deal(small_private_key, 3, 5, secrets.randbits)
