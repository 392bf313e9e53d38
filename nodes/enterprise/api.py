"""The enterprise service's loopback interface for its own staff. Every call carries the bearer token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.customs import CustomsDesk, Seen, routes
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.portraits import PortraitDesk
from nodes.enterprise.settings import USCC
from nodes.enterprise.store import Store
from nodes.enterprise.straight import StraightDesk
from nodes.enterprise.values import ValuesDesk
from nodes.runtime.pages.views import MANY
from nodes.runtime.replica.value_messages import MAX_FIELDS, FiledValue, GivenAnswer, Period
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import Bounds
from nodes.runtime.web.tokens import check_bearer
from scoring.statements import MemberId, Name, Title

UsccPath = Annotated[str, Path(pattern=USCC)]
ConsentId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Body(BaseModel):
    """Base of bodies: closed to unknown members."""

    model_config = ConfigDict(extra="forbid")


class EnrolmentBody(Body):
    """An enterprise whose legal representative the staff has authenticated. ``wait_s``: how long to wait for the registrar."""

    uscc: str = Field(pattern=USCC)
    wait_s: float = Field(default=60.0, ge=0, le=300)


class ConsentBody(Body):
    """What the enterprise consents to."""

    uscc: str = Field(pattern=USCC)
    audience: MemberId
    purpose: Name = "loan"
    products: list[Name] = Field(min_length=1, max_length=20)


class PortraitBody(Body):
    """Whose portrait. ``wait_s``: how long to wait for rows that are still being made. ``model``: of which model, by id; empty: the zone's
    own."""

    uscc: str = Field(pattern=USCC)
    model: Name | Literal[""] = ""
    wait_s: float = Field(default=30.0, ge=0, le=120)


class ValuesBody(Body):
    """Which department's values of the enterprise, of which period. ``wait_s``: how long to wait for the department."""

    uscc: str = Field(pattern=USCC)
    department: MemberId
    period: Period
    wait_s: float = Field(default=60.0, ge=0, le=300)


class AnswersBody(ValuesBody):
    """The enterprise's answers to values that it was shown, and values that it files itself."""

    answers: list[GivenAnswer] = Field(default_factory=list, max_length=MAX_FIELDS)
    filings: list[FiledValue] = Field(default_factory=list, max_length=MAX_FIELDS)


def create_app(
    enrolments: Enrolments,
    consents: ConsentDesk,
    portraits: PortraitDesk,
    values: ValuesDesk,
    straight: StraightDesk,
    customs: CustomsDesk,
    store: Store,
    token: str,
    seen: Seen,
    parts: Sequence[APIRouter] = (),
) -> FastAPI:
    """The ASGI application of one enterprise service. ``seen`` writes down what is looked at, and of whom, before it is shown. ``parts``:
    applications, each a router of its own, behind the same token."""

    def staff(authorization: Annotated[str | None, Header()] = None) -> None:
        check_bearer(authorization, token)

    guarded = [Depends(staff)]
    app = FastAPI(title="Xinqiao enterprise service", version="1", docs_url=None, redoc_url=None, redirect_slashes=False, dependencies=guarded)
    problems.install(app)
    app.add_middleware(Bounds)
    enterprises = (_enrolling(enrolments, store, seen), _consenting(consents, straight, store, seen), _portraying(portraits, store, seen))
    for part in (*enterprises, _values(values, seen), routes(customs, seen), *parts):
        app.include_router(part)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    return app


def _enrolling(enrolments: Enrolments, store: Store, seen: Seen) -> APIRouter:
    router = APIRouter()

    @router.post("/enrolments", status_code=201)
    def enrol(body: EnrolmentBody) -> dict[str, Any]:
        """Make the enterprise's keys and have the registrar enrol them."""
        return enrolments.enrol(body.uscc, body.wait_s).to_json()

    @router.get("/enrolments")
    def enrolled() -> dict[str, Any]:
        """Enterprises that this service serves."""
        seen("enrolments", MANY)
        return {"enrolments": [enterprise.to_json() for enterprise in store.enterprises()]}

    return router


def _consenting(consents: ConsentDesk, straight: StraightDesk, store: Store, seen: Seen) -> APIRouter:
    router = APIRouter()

    @router.post("/consents", status_code=201)
    def give(body: ConsentBody) -> dict[str, Any]:
        """Sign a consent with the enterprise's key and log it."""
        return consents.give(body.uscc, body.audience, body.purpose, body.products).to_json()

    @router.get("/consents/text")
    def text(audience: MemberId, product: Annotated[list[Name], Query(min_length=1, max_length=20)]) -> Title:
        """What the enterprise is to be told before it consents, in Chinese and English."""
        return consents.text(audience, product)

    @router.get("/consents")
    def given(uscc: Annotated[str, Field(pattern=rf"^$|{USCC}")] = "") -> dict[str, Any]:
        """Consents of one enterprise, or of all, the newest first."""
        seen("consents", uscc or MANY)
        return {"consents": [straight.shown(consent) for consent in store.consents(uscc)]}

    @router.delete("/consents/{consent_id}")
    def revoke(consent_id: ConsentId) -> dict[str, Any]:
        """Withdraw a consent: binding for each custodian from when it holds the revocation, for all from its leaf on."""
        return straight.shown(consents.revoke(consent_id))

    @router.get("/consents/{consent_id}/revocation", response_class=Response, responses={200: {"content": {"application/json": {}}}})
    def revocation(consent_id: ConsentId) -> Response:
        """The signed revocation, to be handed to custodians when nobody passes it on."""
        return Response(consents.revocation(consent_id), media_type="application/json")

    return router


def _portraying(portraits: PortraitDesk, store: Store, seen: Seen) -> APIRouter:
    router = APIRouter()

    @router.post("/portraits", status_code=201)
    def portrait(body: PortraitBody) -> dict[str, Any]:
        """Open the enterprise's portrait."""
        seen("portrait", body.uscc)
        return portraits.make(body.uscc, body.wait_s, body.model)

    @router.get("/portraits/{uscc}")
    def portraits_of(uscc: UsccPath) -> dict[str, Any]:
        """Portraits of one enterprise, the newest first."""
        seen("portraits", uscc)
        return {"portraits": store.portraits(uscc)}

    return router


def _values(values: ValuesDesk, seen: Seen) -> APIRouter:
    router = APIRouter()

    @router.post("/values", status_code=201)
    def ask_values(body: ValuesBody) -> dict[str, Any]:
        """Ask a department what it holds of the enterprise."""
        seen("values", body.uscc)
        return values.ask(body.uscc, body.department, body.period, body.wait_s)

    @router.post("/values/answers", status_code=201)
    def answer_values(body: AnswersBody) -> dict[str, Any]:
        """Confirm or dispute values, each in the version that was shown, and file values; ``refused`` says what was not taken."""
        seen("values", body.uscc)
        return values.answer(body.uscc, body.department, body.period, body.answers, body.filings, body.wait_s)

    @router.get("/values/{uscc}")
    def life(uscc: UsccPath, period: Period) -> dict[str, Any]:
        """How far the enterprise's data of a period has come, with what each department showed last."""
        seen("values", uscc)
        return values.life(uscc, period)

    return router
