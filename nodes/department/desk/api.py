"""The page's interface for commands: what waits, and decisions on it, by a person's name and password with each call.

It never asks a browser for them (no WWW-Authenticate), so that no browser sends them by itself.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from nodes.contributing.four_eyes.book import FourEyes
from nodes.contributing.four_eyes.decisions import LONGEST_REASON
from nodes.department.desk.outgoing import Outgoing
from nodes.department.desk.persons import Doorkeeper
from nodes.errors import SignInError
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.identity import SigningKeyPair
from scoring.statements import Hex32


class DecisionBody(BaseModel):
    """A person's word on contributions, by the names of their statements; a rejection gives its reason."""

    model_config = ConfigDict(extra="forbid")

    contributions: list[Hex32] = Field(min_length=1, max_length=500)
    verdict: Literal["approve", "reject"]
    reason: str = Field(default="", max_length=LONGEST_REASON)


def api(site: Site, doorkeeper: Doorkeeper, four_eyes: FourEyes, outgoing: Outgoing) -> APIRouter:
    """The routes under /api."""
    router = APIRouter()

    def person(request: Request, authorization: Annotated[str | None, Header()] = None) -> SigningKeyPair:
        return doorkeeper.unlock(*_credentials(authorization), request.client.host if request.client else "")

    known: SigningKeyPair = Depends(person)

    @router.get("/api/outgoing")
    def listed(key: SigningKeyPair = known) -> dict[str, Any]:
        """Epochs and what leaves the node in each, the newest first."""
        site.views.seen(doorkeeper.known(key.key_id), "/api/outgoing")
        closed = outgoing.closed()
        epochs = [
            {"epoch": epoch, "closed": epoch in closed, "contributions": [item.to_json() for item in items]} for epoch, items in outgoing.newest()
        ]
        return {"policy": "two-persons" if four_eyes.policy.columns else "none", "epochs": epochs}

    @router.post("/api/decisions")
    def decide(body: DecisionBody, key: SigningKeyPair = known) -> dict[str, Any]:
        """Propose, approve or reject."""
        made = four_eyes.decide(key, body.contributions, approve=body.verdict == "approve", reason=body.reason)
        return {"decisions": [{"contribution": item.contribution, "person": item.person, "act": item.act, "reason": item.reason} for item in made]}

    return router


def _credentials(authorization: str | None) -> tuple[str, str]:
    scheme, _, given = (authorization or "").partition(" ")
    try:
        name, colon, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except ValueError as error:  # no base64, no ASCII, or bytes that are no text
        raise SignInError("send the header Authorization: Basic with a person's name and password") from error
    if scheme.lower() != "basic" or not colon:
        raise SignInError("send the header Authorization: Basic with a person's name and password")
    return name, password
