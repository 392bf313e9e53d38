"""A peer that is away is told of once, asked again after growing pauses, and told of once when it is back."""

from __future__ import annotations

import threading

import structlog
from structlog.testing import capture_logs

from nodes.errors import PeerUnavailableError
from nodes.runtime.peers.absence import FIRST_PAUSE_S, LONGEST_PAUSE_S, Absence


class Waited(threading.Event):
    """Never set; notes how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        return False


def test_pauses_grow_to_a_limit_and_begin_anew_when_the_peer_was_back() -> None:
    stop = Waited()
    absence = Absence(structlog.get_logger(), "log", stop)
    for _ in range(9):
        absence.lost(PeerUnavailableError("away"))
    assert stop.pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert stop.pauses[-1] == LONGEST_PAUSE_S
    absence.over()
    absence.pause()
    assert stop.pauses[-1] == FIRST_PAUSE_S


def test_a_loss_and_a_return_are_told_once_each() -> None:
    absence = Absence(structlog.get_logger(), "log", Waited())
    with capture_logs() as told:
        absence.over()
        for _ in range(3):
            absence.lost(PeerUnavailableError("away"))
        absence.over()
        absence.over()
    assert [(line["event"], line["peer"]) for line in told if line["log_level"] == "info"] == [("peer.lost", "log"), ("peer.back", "log")]
