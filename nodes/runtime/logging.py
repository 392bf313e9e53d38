"""Structured logs: one JSON object a line on standard error, event names that are constants, no secrets.

Log what happened to whom (member, leaf index, reason, digest), never what was in it: no key, score, ciphertext or record field.
``_refuse_payloads`` is the last line of defence, not a licence: it blanks bytes, large integers and long text.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from nodes.runtime.observing import metrics

PROCESS_STARTED = "process.started"
PROCESS_READY = "process.ready"
PROCESS_STOPPING = "process.stopping"
PROCESS_STOPPED = "process.stopped"
PROCESS_FATAL = "process.fatal"
WORKER_FAILED = "worker.failed"
CALL_REFUSED = "call.refused"
CALL_FAILED = "call.failed"
CALL_RETRIED = "call.retried"
LOG_FOLLOWED = "log.followed"
PEER_LOST, PEER_BACK, PEER_FULL = "peer.lost", "peer.back", "peer.full"
LOG_FORKED = "log.forked"
TICKET_ANSWERED = "ticket.answered"
TICKET_REFUSED = "ticket.refused"
MODEL_LINTED = "model.linted"
SHARE_KEPT = "share.kept"
KEY_STEP_SAID, KEY_STEP_DELAYED, KEY_STEP_REFUSED = "key.step_said", "key.step_delayed", "key.step_refused"
PROOF_GIVEN, PROOF_DELAYED = "proof.given", "proof.delayed"
DISPUTE_OPENED, DISPUTE_DELAYED, CUSTODIAN_BLAMED = "dispute.opened", "dispute.delayed", "custodian.blamed"
CONTRIBUTION_UNPROVEN = "contribution.unproven"
LOG_SPLIT = "log.split"
ITEMS_DELAYED = "items.delayed"
MIRROR_SHOWN = "mirror.shown"
HEAD_INVALID = "head.invalid"
HEAD_MISSING = "head.missing"
HEAD_RETURNED = "head.returned"
BOARD_MISSING = "board.missing"
BOARD_RETURNED = "board.returned"
REVOCATION_HELD = "revocation.held"
REVOCATION_INVALID = "revocation.invalid"
REVOCATION_BY_HAND = "revocation.by_hand"
LEASE_AWAITED, LEASE_TAKEN, LEASE_LED = "lease.awaited", "lease.taken", "lease.led"
LEASE_DELAYED, LEASE_SILENT = "lease.delayed", "lease.silent"
STATEMENT_MISSING = "statement.missing"
STATEMENT_VOID = "statement.void"
MEMBERS_CHANGED = "members.changed"
REVOKED_READ = "revoked.read"
REVOKED_UNREADABLE = "revoked.unreadable"
WITNESSES_NAMED = "witnesses.named"
WITNESSES_FOR_DEVELOPMENT = "witnesses.for_development"

LONGEST_TEXT = 500
LARGEST_INTEGER = 1 << 53
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(member: str, level: str) -> None:
    """Send this process's logs, marked with ``member``, to standard error from ``level`` (debug, info, warning, error) up."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _refuse_payloads,
            _count,
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # it prints tracebacks with messages; the guard reports errors itself
    structlog.contextvars.clear_contextvars()
    _process["node"] = member


def logger(component: str) -> Any:
    """A logger whose lines name ``component`` and the process's member."""
    return structlog.get_logger(component=component)


def where(error: BaseException) -> list[str]:
    """Innermost places of an error's traceback as file:line function. No values: those could be secret."""
    return [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]


class _StandardError:
    """Standard error, where a line that finds its disk full is lost: what is said of the work must neither stop it nor change its answers."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def _count(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every event is a metric too: event names are constants of the program."""
    metrics.EVENTS.labels(event.get("event", ""), event.get("level", "")).inc()
    return event


_process: dict[str, str] = {"node": ""}


def _refuse_payloads(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["node"] = _process["node"]
    for key, value in event.items():
        if isinstance(value, bytes | bytearray | memoryview):
            event[key] = f"<{len(value)} bytes withheld>"
        elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            event[key] = f"<{value.bit_length()}-bit integer withheld>"
        elif isinstance(value, str) and len(value) > LONGEST_TEXT:
            event[key] = f"{value[:LONGEST_TEXT]}… <{len(value) - LONGEST_TEXT} more characters withheld>"
    return event
