"""What a gateway refuses: the problem document, and the statement of it in the log."""

from __future__ import annotations

from httpx import Response

from crypto.statements import parse_envelope
from scoring.statements import Refusal, parse_statement
from tests.support.gateway import Front


def assert_refused(response: Response, status: int, reason: str) -> dict[str, object]:
    """The answer is a refusal with exactly this status and reason; its problem document."""
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert (response.status_code, problem["status"], problem["reason"]) == (status, status, reason), problem
    return problem


def logged_refusal(site: Front, problem: dict[str, object]) -> Refusal:
    """The statement at the leaf that a problem document names."""
    index = problem["leaf_index"]
    assert isinstance(index, int)
    envelope = parse_envelope(site.zone.entries[index][1])
    statement = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(statement, Refusal)
    assert site.zone.view.at(index).statement == statement
    return statement
