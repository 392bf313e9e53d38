"""What was released of an enterprise, told to itself alone: every ticket about it that the log holds [Q5]."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from gateway import schemas
from gateway.intake import Own, Raw, SignedIntake, read_raw
from nodes.runtime.replica.zone import Zone
from nodes.runtime.web.request_document import DISCLOSURES
from scoring.exchange.view import Logged

MOST_TOLD = 1_000
RAW = Annotated[Raw, Depends(read_raw)]


class ToldTicket(schemas.Answer):
    """A ticket, whether or not its audience opened it."""

    envelope: str = Field(description="DSSE envelope, base64 of its exact bytes")
    leaf: str = Field(description="canonical JSON of the leaf, base64")
    leaf_index: int = Field(examples=[1041])


class Told(schemas.Answer):
    """The newest first; at most a thousand."""

    tickets: list[ToldTicket]


def disclosures(intake: SignedIntake, zone: Zone) -> APIRouter:
    """The route by which an enterprise asks."""
    router = APIRouter()

    @router.post("/v1/disclosures", response_model=Told, openapi_extra=schemas.signed(Own.model_json_schema(), {"subject": schemas.SUBJECT}))
    def told(raw: RAW) -> dict[str, Any]:
        """Every release of an enterprise's points, to whomever. Signed by the enterprise's own key."""
        with intake.own(raw, DISCLOSURES, Own) as (asked, _), zone.reading() as view:
            found = [logged for logged in view.tickets.values() if logged.statement.subject == asked.subject]
        newest = sorted(found, key=lambda logged: -logged.index)[:MOST_TOLD]
        return {"tickets": [_told(logged) for logged in newest]}

    return router


def _told(logged: Logged) -> dict[str, Any]:
    envelope, leaf = (base64.b64encode(part).decode() for part in (logged.envelope, logged.leaf))
    return {"envelope": envelope, "leaf": leaf, "leaf_index": logged.index}
