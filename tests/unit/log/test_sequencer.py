"""Sequencing in its ordinary course: order, times, and first answers."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import IdempotencyConflictError, NotReadyError
from nodes.log.sequencer import Appended, leaf_bytes
from scoring.statements import BY_KIND, Leaf
from tests.support.databases import ON_BOTH
from tests.unit.log.sequencing import Harness, submission

pytestmark = ON_BOTH


def test_statements_get_consecutive_places_in_the_order_submitted(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        answers = sequencer.submit([submission() for _ in range(300)]).result(10)
        last = sequencer.append(submission())
    assert [answer.index for answer in answers if isinstance(answer, Appended)] == list(range(300))
    assert last.index == 300
    harness.check_prefixes()


def test_an_answer_comes_only_after_a_published_checkpoint_covers_it(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        for _ in range(5):
            answer = sequencer.append(submission())
            assert harness.published[-1].size > answer.index


def test_leaves_carry_the_logs_time_which_never_goes_back(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        first = sequencer.append(submission())
        harness.time = 10
        second = sequencer.append(submission())
    with harness.running() as (sequencer, _):
        third = sequencer.append(submission())
        harness.time = 2000
        fourth = sequencer.append(submission())
    times = [Leaf.model_validate_json(answer.leaf).time for answer in (first, second, third, fourth)]
    assert times == [1000, 1000, 1000, 2000]


def test_the_same_bytes_get_the_first_answer_also_from_another_caller_and_after_a_restart(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        first = sequencer.append(submission("a", key="one"))
        assert sequencer.append(submission("a", key="one")) == first
        assert sequencer.append(submission("a", key="two", caller="coordinator")) == first
        same_group = sequencer.submit([submission("b"), submission("b"), submission("b", key="three")]).result(10)
    with harness.running() as (sequencer, _):
        assert sequencer.append(submission("a", key="four")) == first
    assert len(set(same_group)) == 1
    assert harness.store().head().size == 2


def test_a_key_used_for_other_bytes_is_refused_and_logs_nothing(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        sequencer.append(submission("a", key="one"))
        with pytest.raises(IdempotencyConflictError):
            sequencer.append(submission("b", key="one"))
        both = sequencer.submit([submission("c", key="two"), submission("d", key="two"), submission("e")]).result(10)
        assert sequencer.append(submission("b", key="one", caller="bank-b")).index == 3
    with harness.running() as (sequencer, _), pytest.raises(IdempotencyConflictError):
        sequencer.append(submission("b", key="one"))
    assert [type(answer) for answer in both] == [Appended, IdempotencyConflictError, Appended]
    assert harness.store().head().size == 4


def test_a_key_is_remembered_even_where_the_bytes_were_logged_under_another(harness: Harness) -> None:
    with harness.running() as (sequencer, _):
        sequencer.append(submission("a", key="one"))
        sequencer.append(submission("a", key="two"))
        with pytest.raises(IdempotencyConflictError):
            sequencer.append(submission("b", key="two"))


def test_sixty_four_clients_each_find_their_statements_where_they_were_told(harness: Harness) -> None:
    told: dict[int, bytes] = {}
    with harness.running() as (sequencer, _):

        def client(number: int) -> None:
            for turn in range(10):
                item = submission(f"{number}/{turn}")
                told[sequencer.append(item).index] = item.digest

        threads = [threading.Thread(target=client, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    store = harness.store()
    assert sorted(told) == list(range(640))
    assert store.find_digests(list(told.values())) == {digest: (i, store.leaves(i, i + 1)[0]) for i, digest in told.items()}
    assert len(harness.published) < 640  # committed in groups
    harness.check_prefixes()


def test_a_closing_log_refuses_what_waits_and_keeps_what_it_answered(harness: Harness) -> None:
    sequencer, _ = harness.start()
    waiting = sequencer.submit([submission()])
    sequencer.close()
    sequencer.run()
    with pytest.raises(NotReadyError):
        waiting.result(0)
    with pytest.raises(NotReadyError):
        sequencer.append(submission())


@given(
    st.sampled_from(sorted(BY_KIND)), st.from_regex(r"\A[a-z][a-z0-9.-]{1,62}\Z"), st.integers(0, (1 << 40) - 1), st.binary(min_size=32, max_size=32)
)
def test_a_leafs_bytes_are_its_canonical_json(kind: str, actor: str, time: int, digest: bytes) -> None:
    assert leaf_bytes(kind, actor, time, digest) == Leaf(kind=kind, actor=actor, time=time, digest=digest.hex()).to_bytes()
    assert len(leaf_bytes(kind, actor, time, digest)) < 65_536
