"""Generated calls over the OpenAPI documents of gateway, bank node and enterprise service: nothing but an answer or a refusal comes out."""

from __future__ import annotations

from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="a developer's tool: the dev extra has it")

from hypothesis import HealthCheck, given, settings  # noqa: E402

from crypto.keygen import PrivateKey  # noqa: E402
from nodes.enterprise.api import create_app as create_enterprise_app  # noqa: E402
from tests.support.bank import bank  # noqa: E402
from tests.support.enterprise_service import service  # noqa: E402
from tests.support.gateway import TOKEN, front  # noqa: E402
from tests.support.zone import released_zone  # noqa: E402

pytestmark = pytest.mark.slow
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
LATER = {"NOT_READY", "PEER_UNAVAILABLE", "CUSTODIANS_MISSING", "KEY_NOT_READY", "CHECKPOINT_STALE"}
"""What a 503 may say: ask again. Every other 5xx is a defect."""


@pytest.fixture(scope="module")
def gateway_schema(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Any:
    site = front(released_zone(small_private_key), tmp_path_factory.mktemp("fuzz") / "gateway")
    return schemathesis.openapi.from_asgi("/openapi.json", site.client.app)


@pytest.fixture(scope="module")
def bank_schema(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("fuzz")
    node = bank(front(released_zone(small_private_key), directory / "gateway"), directory / "bank")
    return schemathesis.openapi.from_asgi("/openapi.json", node.app(TOKEN), headers=AUTHORIZATION)


@pytest.fixture(scope="module")
def enterprise_schema(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("fuzz")
    made = service(front(released_zone(small_private_key), directory / "gateway"), directory / "enterprise")
    app = create_enterprise_app(
        made.enrolments, made.consents, made.portraits, made.values, made.straight, made.customs, made.store, TOKEN, made.seen
    )
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=AUTHORIZATION)


def bombard(schema: Any, headers: dict[str, str], examples: int) -> set[str]:
    """Send generated calls of every operation; labels of those that were tried."""
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            check(case, headers)

        send()
        tried.add(operation.label)
    return tried


def check(case: Any, headers: dict[str, str]) -> None:
    if isinstance(case.body, dict) and case.operation.path in {"/enrolments", "/portraits"} and isinstance(case.body.get("wait_s", 0), int | float):
        case.body["wait_s"] = 0  # nobody answers here
    response = case.call(headers=headers)
    assert response.status_code < 500 or response.json()["reason"] in LATER, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        assert response.json()["reason"].isupper()


def test_the_gateway_answers_or_refuses(gateway_schema: Any) -> None:
    tried = bombard(gateway_schema, AUTHORIZATION, 20)
    assert {"POST /v1/scores", "POST /v1/consents", "POST /v1/epochs", "GET /log/{path}"} <= tried


def test_the_gateway_without_a_token_answers_or_refuses(gateway_schema: Any) -> None:
    assert "GET /v1/epochs/{epoch}/totals" in bombard(gateway_schema, {}, 10)


def test_the_bank_node_answers_or_refuses(bank_schema: Any) -> None:
    assert "POST /queries" in bombard(bank_schema, AUTHORIZATION, 20)


def test_the_enterprise_service_answers_or_refuses(enterprise_schema: Any) -> None:
    assert {"POST /enrolments", "POST /consents", "POST /portraits"} <= bombard(enterprise_schema, AUTHORIZATION, 20)
