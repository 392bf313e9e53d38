"""Heads that are beyond ours, or do not come: a split is hidden for no longer than the limits [L5]."""

from __future__ import annotations

import pytest

from nodes.errors import HeadsMissingError, NotReadyError, StorageError
from nodes.runtime.files import write_private
from scoring.custody.planning import heads_needed
from tests.support.heads import LIMITS, OTHER, THIRD, Place, refuse


def test_a_log_that_keeps_its_end_from_us_stops_releases_until_we_have_it(place: Place) -> None:
    place.hear_all()
    longer = place.ledger.fork()
    refuse(longer)
    place.now += 1
    place.heads.take(place.head(OTHER, longer))
    place.heads.check()
    place.now += LIMITS.lag_s + 1
    with pytest.raises(NotReadyError):
        place.heads.check()
    place.ledger.entries = longer.entries
    place.follow()
    place.heads.turn()
    place.heads.check()


def test_custodians_that_are_not_heard_of_stop_releases_after_the_limit_and_may_come_back(place: Place) -> None:
    """All that those who pass the heads on can do is to keep them back; then it ends here."""
    place.heads.check()
    place.now += LIMITS.silence_s + 1
    with pytest.raises(HeadsMissingError, match=OTHER):
        place.heads.check()
    place.hear_all()
    place.heads.check()


def test_an_old_head_sent_again_is_no_sign_of_life(place: Place) -> None:
    heads = [place.head(member) for member in (OTHER, THIRD)]
    place.now += LIMITS.silence_s + 1
    for head in heads:
        place.heads.take(head)
    with pytest.raises(HeadsMissingError):
        place.heads.check()


def test_silence_is_counted_across_a_restart(place: Place) -> None:
    place.now += LIMITS.silence_s + 1
    place.restart()
    with pytest.raises(HeadsMissingError):
        place.heads.check()


def test_a_missing_custodian_is_reported_and_its_return_too(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.now += LIMITS.report_s + 1
    place.heads.turn()
    place.heads.turn()
    said = capsys.readouterr()
    assert (said.out + said.err).count("head.missing") == 3  # two custodians and the auditor, once each
    place.hear_all()
    place.heads.turn()
    said = capsys.readouterr()
    assert (said.out + said.err).count("head.returned") == 2


def test_an_unreadable_record_of_who_was_heard_stops_the_process(place: Place) -> None:
    write_private(place.directory / "heads" / "heard.json", b"[]")
    with pytest.raises(StorageError):
        place.restart()


def test_so_many_heads_are_needed_that_no_two_histories_can_each_have_their_own_custodians() -> None:
    """Every assignment of honest custodians to two histories leaves one who hears of the other side, whatever t − 1 dishonest ones say."""
    for custodians, threshold in [(2, 2), (3, 2), (3, 3), (4, 3), (5, 3), (5, 4), (7, 4), (9, 5)]:
        needed, honest = heads_needed(custodians, threshold), custodians - threshold + 1
        assert needed <= custodians - 1
        for on_one_side in range(1, honest):
            enough = [side - 1 + threshold - 1 >= needed for side in (on_one_side, honest - on_one_side)]
            assert not all(enough), (custodians, threshold, on_one_side)
