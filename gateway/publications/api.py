"""What enterprises ask and say about publications by requests signed with their own key, and the papers that anybody may check [N3, N4]."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field, StringConstraints

from gateway import schemas
from gateway.intake import Own, Raw, SignedIntake, read_raw
from gateway.publications.desk import PublicationDesk
from nodes.runtime.web.problems import Refused
from nodes.runtime.web.request_document import PUBLICATION_OBJECTIONS, PUBLICATION_WORDS, PUBLICATIONS
from scoring.errors import SubjectUnknownError
from scoring.publications.publication import LONGEST_TEXT
from scoring.statements import Hex16, Name

RAW = Annotated[Raw, Depends(read_raw)]
PUBLICATION = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
DIGEST = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class Said(Own):
    """An enterprise's word on one publication: whether it agrees to be named, and which estates it wants, the most wanted first."""

    publication: Hex16
    agrees: bool
    choices: Annotated[tuple[Name, ...], Field(max_length=50)] = ()


class Objected(Own):
    """An enterprise objects to an entry of a notice."""

    publication: Hex16
    about: Hex16
    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]


_WORD = {"subject": schemas.SUBJECT, "publication": schemas.CONSENT, "agrees": True, "choices": ["east"]}
_OBJECTION = {"subject": schemas.SUBJECT, "publication": schemas.CONSENT, "about": schemas.SUBJECT, "text": "名单有误"}


def routes(desk: PublicationDesk, intake: SignedIntake) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.post("/v1/publications", openapi_extra=schemas.signed(Own.model_json_schema(), {"subject": schemas.SUBJECT}))
    def concerning(raw: RAW) -> dict[str, Any]:
        """Lists and flats for which the enterprise is a candidate, with its own word and place, and the public notices. Signed by its own key."""
        with intake.own(raw, PUBLICATIONS, Own) as (asked, _):
            return {"publications": desk.concerning(asked.subject), "notices": desk.notices()}

    @router.post("/v1/publications/words", openapi_extra=schemas.signed(Said.model_json_schema(), _WORD))
    def say(raw: RAW) -> dict[str, Any]:
        """Whether the enterprise agrees to be named, and which flats it wants. The last word before the end counts. Signed by its own key."""
        with intake.own(raw, PUBLICATION_WORDS, Said) as (said, _):
            desk.say(said.publication, said.subject, said.agrees, said.choices)
            return {"publications": desk.concerning(said.subject)}

    @router.post("/v1/publications/objections", status_code=201, openapi_extra=schemas.signed(Objected.model_json_schema(), _OBJECTION))
    def object_to(raw: RAW) -> dict[str, Any]:
        """An objection to an entry, while the notice lasts. Signed by an enterprise's own key."""
        with intake.own(raw, PUBLICATION_OBJECTIONS, Objected) as (objected, _):
            desk.object(objected.publication, objected.about, objected.text, objected.subject, once=True)
            return {"publication": objected.publication}

    @router.get("/v1/publications/{publication}/papers/{digest}", response_class=Response, responses={200: {"content": {"application/json": {}}}})
    def paper(publication: PUBLICATION, digest: DIGEST) -> Response:
        """What a logged step published: the exact bytes whose SHA-256 the step's statement names. ``digest``: of the statement's envelope."""
        kept = next((step for step in desk.store.steps(publication) if step.digest == digest), None)
        if kept is None:
            raise Refused.of(SubjectUnknownError("no such step is here"))
        return Response(kept.paper, media_type="application/json")

    return router
