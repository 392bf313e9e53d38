"""The policies' JSON interface: signed requests of enterprises, and what the authority's staff do from the command line [O7, O6]."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Response

from gateway import schemas
from gateway.intake import Raw, read_raw
from gateway.policies.office import Policies
from nodes.runtime.web.tokens import check_bearer
from scoring.statements import Name

RAW = Annotated[Raw, Depends(read_raw)]
FILE_ID = Annotated[str, Path(pattern=r"^[0-9]{8}-[0-9a-f]{8}$")]
STAFF = "staff"


def routes(policies: Policies, admin_token: str) -> APIRouter:
    """The routes. Every one of them asks for a signature or for the staff's token."""
    router = APIRouter()
    router.include_router(_enterprise_routes(policies))
    router.include_router(_staff_routes(policies, admin_token))
    return router


def _enterprise_routes(policies: Policies) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/policies/matches", openapi_extra=schemas.signed_body("policy-matches"))
    def matches(raw: RAW) -> dict[str, Any]:
        """Which policies and libraries an enterprise is in, one step from, or not in, and why. Signed by the enterprise's own key."""
        return policies.own.matches(raw)

    @router.post("/v1/policies/steps", status_code=201, openapi_extra=schemas.signed_body("policy-step"))
    def step(raw: RAW) -> dict[str, Any]:
        """An enterprise's own step of a claim: confirmed, declined, disputed, filed. Request and statement are signed by the same key."""
        return policies.own.take(raw)

    return router


def _staff_routes(policies: Policies, admin_token: str) -> APIRouter:
    def staff(authorization: Annotated[str | None, Header()] = None) -> None:
        check_bearer(authorization, admin_token)

    router = APIRouter(dependencies=[Depends(staff)])

    @router.get("/v1/policies")
    def listed() -> dict[str, Any]:
        """Every policy with the state of its text and money. For the authority's staff."""
        return {"policies": [_listed(policies, policy.id) for policy, _ in policies.store.policies()], "sending": len(policies.store.sendings())}

    @router.post("/v1/policies", status_code=201)
    def add(body: dict[str, Any]) -> dict[str, Any]:
        """Enter a policy; its text is read into tags, which officials decide on the pages. For the authority's staff."""
        return _listed(policies, policies.desk.add(body).id)

    @router.get("/v1/policies/{policy}")
    def one(policy: Name) -> dict[str, Any]:
        """One policy, as in the list. For the authority's staff."""
        return _listed(policies, policy)

    @router.get("/v1/policies/files/{file}", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
    def bank_file(file: FILE_ID) -> Response:
        """A bank file, exactly as it is to reach the bank. For the authority's staff."""
        return Response(policies.desk.bank_file(file).content, media_type="text/csv; charset=utf-8")

    @router.post(
        "/v1/policies/files/{file}:answer",
        openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    def answer(file: FILE_ID, raw: RAW) -> dict[str, Any]:
        """The bank's answer to a file, taken whole or refused; again changes nothing. For the authority's staff."""
        return {"file": file, "orders": policies.desk.answer(file, raw.body, STAFF)}

    return router


def _listed(policies: Policies, policy: str) -> dict[str, Any]:
    known, review = policies.store.policy(policy)
    balance = policies.desk.balance(policy)
    states: dict[str, int] = {}
    for kept in policies.store.claims(policy=policy):
        states[kept.claim.state] = states.get(kept.claim.state, 0) + 1
    return {
        "id": known.id, "title": known.title.model_dump(), "provenance": known.provenance, "flags": known.flags, "in_force": review.in_force,
        "tags": len(review.tags), "undecided": len(review.undecided), "claims": states,
        "files": [item.id for item in policies.store.files(policy)],
        "money_fen": {
            "budget": balance.budget_fen, "promised": balance.promised_fen, "ordered": balance.ordered_fen, "paid": balance.paid_fen,
            "returned": balance.returned_fen, "free": balance.free_fen,
        },
    }  # fmt: skip
