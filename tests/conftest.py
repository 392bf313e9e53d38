"""Small keys made once for the whole run: 512-bit moduli, far too small for use, only so that tests are quick; and a PostgreSQL server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from crypto.keygen import PrivateKey, generate_private_key
from crypto.paillier import PublicKey
from tests.support.postgresql import BINARIES, Server, running_server

SMALL_BITS = 512


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Tests are named alike in every worker: bytes, which may come from a fresh key, are counted and not shown."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def small_private_key() -> PrivateKey:
    """A 512-bit Paillier private key with safe primes."""
    return generate_private_key(SMALL_BITS, secrets.randbits)


@pytest.fixture(scope="session")
def small_public_key(small_private_key: PrivateKey) -> PublicKey:
    """The public key of ``small_private_key``."""
    return PublicKey.from_modulus(small_private_key.p * small_private_key.q, min_bits=SMALL_BITS)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server of our own. Skips where PostgreSQL is not installed."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed")
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_url(postgresql: Server) -> str:
    """URL of a database in it that all tests share."""
    return postgresql.url


@pytest.fixture
def postgresql_database(postgresql: Server) -> Iterator[str]:
    """URL of an empty database of the test's own."""
    with postgresql.database() as url:
        yield url
