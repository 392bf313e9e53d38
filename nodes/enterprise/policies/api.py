"""The policies' part of the enterprise service's loopback interface."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from nodes.enterprise.policies.desk import OwnPolicyDesk, OwnStep
from nodes.enterprise.settings import USCC
from scoring.statements import Name
from scoring.statements.policies import AccountNumber, Note, PayeeName

UsccPath = Annotated[str, Path(pattern=USCC)]


class PayeeBody(BaseModel):
    """The enterprise's own account."""

    model_config = ConfigDict(extra="forbid")

    name: PayeeName
    bank: PayeeName
    account: AccountNumber


class StepBody(BaseModel):
    """What the enterprise does; it names its account when it confirms or files."""

    model_config = ConfigDict(extra="forbid")

    step: OwnStep
    note: Note = ""
    payee: PayeeBody | None = None


class MissingBody(BaseModel):
    """Of which flag model. ``wait_s``: how long to wait for rows that are still being made."""

    model_config = ConfigDict(extra="forbid")

    model: Name
    wait_s: float = Field(default=30.0, ge=0, le=120)


def routes(desk: OwnPolicyDesk) -> APIRouter:
    """The routes, for the service's own staff."""
    router = APIRouter()

    @router.get("/policies/{uscc}")
    def matches(uscc: UsccPath) -> dict[str, Any]:
        """Policies and libraries: which are for the enterprise, and why or why not."""
        return desk.matches(uscc)

    @router.post("/policies/{uscc}/missing")
    def missing(uscc: UsccPath, body: MissingBody) -> dict[str, Any]:
        """Which criteria of a flag model the enterprise does not meet: it alone is told."""
        return {"model": body.model, "missing": desk.missing(uscc, body.model, body.wait_s)}

    @router.post("/policies/{uscc}/{policy}/steps", status_code=201)
    def step(uscc: UsccPath, policy: Name, body: StepBody) -> dict[str, Any]:
        """Sign and send a step: confirmed, declined, disputed, filed."""
        payee = None if body.payee is None else body.payee.model_dump()
        return desk.take(uscc, policy, body.step, body.note, payee)

    return router
