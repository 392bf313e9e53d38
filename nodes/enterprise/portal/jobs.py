"""What takes longer than a page may: enrolments, portraits, questions to departments. One of a kind and enterprise at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crypto.errors import CryptoError
from nodes.errors import NodeError, RateLimitedError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.web.problems import Refused
from scoring.errors import ScoringError

MOST_AT_ONCE = 16
JOB_FAILED = "enterprise.job_failed"
_log = logging.logger("enterprise.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """The last job of its kind: ``running``, or ended, with the problem document where it failed. ``begun``: Unix seconds."""

    running: bool
    begun: int
    problem: dict[str, Any] | None = None


class Jobs:
    """Runs jobs in threads of their own and remembers how the last one of each kind ended. Thread-safe; gone with the process."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._lock = threading.Condition()
        self._jobs: dict[tuple[str, ...], Job] = {}

    def start(self, key: tuple[str, ...], work: Callable[[], object]) -> None:
        """Begin ``work`` unless a job under ``key`` runs already. Raises RateLimitedError when too many run."""
        with self._lock:
            if key in self._jobs and self._jobs[key].running:
                return
            if sum(job.running for job in self._jobs.values()) >= MOST_AT_ONCE:
                raise RateLimitedError("too many requests are being worked on: try again soon", 5.0)
            self._jobs[key] = Job(True, self._now())
        threading.Thread(target=self._run, args=(key, work), name="-".join(key[:1]), daemon=True).start()

    def last(self, *key: str) -> Job | None:
        """The job under ``key``; None when there was none."""
        with self._lock:
            return self._jobs.get(key)

    def wait(self, timeout_s: float) -> bool:
        """Whether no job runs any more, within ``timeout_s``."""
        with self._lock:
            return self._lock.wait_for(lambda: not any(job.running for job in self._jobs.values()), timeout_s)

    def _run(self, key: tuple[str, ...], work: Callable[[], object]) -> None:
        problem: dict[str, Any] | None = None
        try:
            work()
        except (NodeError, ScoringError, CryptoError) as error:
            problem = Refused.of(error).document()
            _log.warning(JOB_FAILED, kind=key[0], reason=problem["reason"])
        except Exception as error:  # noqa: BLE001 - a thread's end; told to the person as an internal error, and logged with its place
            problem = Refused.of(error).document()
            _log.error(JOB_FAILED, kind=key[0], error=type(error).__name__, where=logging.where(error))
        with self._lock:
            self._jobs[key] = Job(False, self._jobs[key].begun, problem)
            self._lock.notify_all()
