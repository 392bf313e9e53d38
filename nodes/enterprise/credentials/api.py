"""The credentials' part of the enterprise service's loopback interface."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from nodes.enterprise.credentials.desk import CredentialDesk
from nodes.enterprise.settings import USCC
from scoring.errors import ReceiptError
from scoring.statements import Name

UsccPath = Annotated[str, Path(pattern=USCC)]


class CredentialBody(BaseModel):
    """A receipt that the enterprise holds (base64 of its exact bytes), and the zone to which it is shown. ``send``: at once, to that zone's
    gateway; otherwise the files come back, to be carried there."""

    model_config = ConfigDict(extra="forbid")

    receipt: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
    zone: Name
    send: bool = False


def routes(desk: CredentialDesk) -> APIRouter:
    """The routes, for the service's own staff."""
    router = APIRouter()

    @router.post("/credentials/{uscc}", status_code=201)
    def make(uscc: UsccPath, body: CredentialBody) -> dict[str, Any]:
        """Make a score credential for another zone and, where it is asked for, show it there."""
        receipt = _receipt(body.receipt)
        if body.send:
            return desk.show(uscc, receipt, body.zone).to_json()
        return desk.make(uscc, receipt, body.zone).body()

    @router.get("/credentials/{uscc}")
    def shown(uscc: UsccPath) -> dict[str, Any]:
        """To which zones the enterprise has shown which scores."""
        return {"shown": [item.to_json() for item in desk.store.of(uscc)], "zones": sorted(desk.zones)}

    return router


def _receipt(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ReceiptError("RECEIPT_FORMAT", "the receipt is the base64 of its file's exact bytes") from error
