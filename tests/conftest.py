"""Small keys made once for the whole run: 512-bit moduli, far too small for use, only so that tests are quick; and a PostgreSQL server."""

from __future__ import annotations

import gc
import secrets
from collections.abc import Iterator

import pytest

from crypto.keygen import PrivateKey, generate_private_key
from crypto.paillier import PublicKey
from tests.support.databases import on_server
from tests.support.postgresql import BINARIES, Server, running_server

SMALL_BITS = 512


def pytest_configure() -> None:
    """Garbage is collected again once all tests are: until then nothing becomes any, and looking for it costs a quarter of the collection."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Modules stay, and so do the zones of fixtures: to walk through them as often as by default was a quarter of the run."""
    gc.freeze()
    gc.set_threshold(10_000, 10, 20)
    gc.enable()


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


def _both_engines(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where ``tests.support.databases`` keeps databases: files, then schemas of the server's own database."""
    if request.param == "sqlite":
        yield
        return
    if request.node.get_closest_marker("on_files"):
        pytest.skip("about SQLite's files")
    with on_server(request.getfixturevalue("postgresql_url")):
        yield


_ENGINES = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.nightly])]
both_engines = pytest.fixture(_both_engines, params=_ENGINES, name="both_engines")
both_engines_in_turn = pytest.fixture(_both_engines, params=_ENGINES, scope="module", name="both_engines_in_turn")
"""For what all tests of a module share: all of them on the one, then all of them on the other."""
