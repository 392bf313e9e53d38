"""``POST /v1/credentials``: an enterprise of another zone shows its score. Its own signature is in what it sends; nobody has to be known here."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from crypto.encoding import sha256
from gateway import schemas
from gateway.intake import Raw, SignedIntake, read_raw
from gateway.recognition.desk import RecognitionDesk
from gateway.recognition.store import UNSENT, Kept
from nodes.runtime.peers.limits import Turns
from scoring.errors import StatementFormatError
from scoring.federation.credential import MAX_CREDENTIAL_BYTES
from scoring.federation.errors import CredentialFormatError
from scoring.statements import Record, parse_record

TURNS = 4  # credentials judged at a time: each takes a moment of one processor
_TEXT = 4 * MAX_CREDENTIAL_BYTES // 3 + 4
_EXAMPLE = {"credential": "eyJiaW5kaW5nIjoi…", "shown": "eyJwYXlsb2FkIjoi…"}
Text = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=_TEXT)]


class Carried(Record):
    """The credential and the envelope by which its enterprise shows it here, each the base64 of its exact bytes."""

    credential: Text
    shown: Text


def routes(desk: RecognitionDesk, intake: SignedIntake) -> APIRouter:
    """The route."""
    router, turns = APIRouter(), Turns(TURNS)
    raw: Raw = Depends(read_raw)

    @router.post("/v1/credentials", status_code=201, openapi_extra={"requestBody": schemas.json_body(Carried.model_json_schema(), _EXAMPLE)})
    def take(request: Raw = raw) -> dict[str, Any]:
        """Take a score credential of a peer zone: shown with its origin, model and date; no score of this zone. Again: the same answer."""
        with intake.refusing(sha256(request.body).hex(), ""), turns.turn(""):
            credential, shown = _parts(request.body)
            return _answer(desk.take(credential, shown))

    return router


def _parts(body: bytes) -> tuple[bytes, bytes]:
    try:
        carried = parse_record(Carried, body)
        return base64.b64decode(carried.credential, validate=True), base64.b64decode(carried.shown, validate=True)
    except (StatementFormatError, ValueError) as error:
        raise CredentialFormatError(f"the body is {{credential, shown}}, both base64: {error}") from error


def _answer(kept: Kept) -> dict[str, Any]:
    shows = kept.shows
    return {
        "origin": {"zone": shows.origin, "title": kept.origin.model_dump()},
        "model": {"id": shows.model, "sha256": shows.model_sha256, "title": kept.model.model_dump()},
        "epoch": shows.epoch, "scored": shows.scored, "stage": shows.stage, "total": shows.total, "percentile": shows.percentile,
        "shown": shows.shown, "leaf_index": None if kept.leaf_index == UNSENT else kept.leaf_index,
    }  # fmt: skip
