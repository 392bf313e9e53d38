"""A running server, and a registered member that calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest

from nodes.runtime.peers import tls
from nodes.runtime.peers.identity import Identity
from tests.support.answering import Site, start


@pytest.fixture
def site(make_identity: Callable[..., Identity]) -> Iterator[Site]:
    site = start(make_identity("coordinator", listens=True))
    yield site
    site.desk.go_on.set()
    site.server.stop(0.2)


@pytest.fixture
def alice(make_identity: Callable[..., Identity], site: Site) -> Iterator[grpc.Channel]:
    with tls.channel(make_identity("alice"), site.address, "coordinator") as channel:
        yield channel
