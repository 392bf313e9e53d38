"""The store of customs messages on SQLite and PostgreSQL: the same declarations, also when several processes write."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from nodes.runtime.database import open_database
from tests.property.test_customs import MESSAGES, WHOLE, kept, state
from tests.support.customs import store


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "state", "customs", url)
    yield engine
    engine.dispose()


def test_the_declarations_are_those_of_the_pure_join(engine: Engine) -> None:
    one = store(engine)
    for start in range(0, len(MESSAGES), 4):
        kept(one, MESSAGES[start : start + 4])
    assert state(one) == WHOLE
    assert state(store(engine)) == WHOLE


def test_writers_at_the_same_time_lose_and_double_nothing(engine: Engine) -> None:
    def write(seed: int) -> None:
        messages, own = list(MESSAGES), store(engine)
        random.Random(seed).shuffle(messages)
        for start in range(0, len(messages), 9):
            kept(own, messages[start : start + 9])

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state(store(engine)) == WHOLE
