"""The gateway's HTTP interface: routes and their wiring. What they do is in the other modules [08 HTTP]."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Request, Response
from fastapi.responses import JSONResponse

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.statements import parse_envelope
from gateway import schemas
from gateway.evaluation.conduct import Evaluation
from gateway.evaluation.rounds import KeyRounds
from gateway.evaluation.standing import RegistryDesk
from gateway.intake import Raw, read_raw
from gateway.public import Public
from gateway.refusals import RefusalLog
from gateway.releases import AWAITED, Releases
from gateway.standby import StandingBy, always
from nodes.errors import RpcRefusal
from nodes.runtime.observing import metrics
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import Bounds
from nodes.runtime.web.tokens import check_bearer
from protos.v1.exchange_pb2 import Receipt
from scoring.errors import ScoringError, StatementFormatError
from scoring.statements import Consent, Name, Revocation, Statement, parse_statement

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"model": schemas.Problem, "description": "Refused, with a reason", "content": {problems.MEDIA_TYPE: {}}}
}
RAW = Annotated[Raw, Depends(read_raw)]
HEX_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True)
class Gateway:
    """Everything that the routes use. ``ready`` raises NotReadyError while the process cannot serve, ``check_leads`` StandbyError while another
    instance of it acts.

    ``parts``: the applications, each a router of its own; ``site``: how their pages look and who may open them.
    """

    public_base: str
    admin_token: str
    releases: Releases
    exchange: ExchangeClient
    refusals: RefusalLog
    evaluation: Evaluation
    rounds: KeyRounds
    registry: RegistryDesk
    public: Public
    address_limit: RateLimit
    ready: Callable[[], None]
    site: Site
    parts: Sequence[APIRouter]
    check_leads: Callable[[], None] = always


def create_app(gateway: Gateway) -> FastAPI:
    """The ASGI application of one zone's gateway."""
    app = FastAPI(
        title="Xinqiao gateway",
        version="1",
        description="Scores, consents and the exchange log of one zone. Signed requests: docs/specs/signed-requests.md.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=PROBLEMS,
    )
    app.state.public_base = gateway.public_base
    problems.install(app)
    for part in gateway.parts:
        app.include_router(part)
    gateway.site.install(app, hosts=(gateway.public_base.removeprefix("https://"),))
    app.add_middleware(Bounds, take=gateway.address_limit.take)
    app.add_middleware(StandingBy, check=gateway.check_leads)
    app.middleware("http")(_closed)
    _release_routes(app, gateway)
    _consent_routes(app, gateway)
    _epoch_routes(app, gateway)
    _round_routes(app, gateway)
    _public_routes(app, gateway)
    return app


async def _closed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Answers that say nothing else of it are no page and load nothing."""
    response = await call_next(request)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'")
    return response


def _release_routes(app: FastAPI, gateway: Gateway) -> None:
    @app.post("/v1/scores", response_model=schemas.Released, responses={202: {"model": schemas.Awaiting}}, openapi_extra=schemas.signed_body("score"))
    def score(raw: RAW) -> Response:
        """One enterprise's score for one product, under its consent. Signed by the bank."""
        return _released(gateway.releases.score(raw), "/v1/scores")

    @app.post("/v1/scores:batch", response_model=schemas.BatchResult, openapi_extra=schemas.signed_body("batch"))
    def batch(raw: RAW) -> Response:
        """Up to 1,000 scores under one signature, a result for each."""
        return JSONResponse(gateway.releases.batch(raw))

    @app.post(
        "/v1/portraits", response_model=schemas.Released, responses={202: {"model": schemas.Awaiting}}, openapi_extra=schemas.signed_body("portrait")
    )
    def portrait(raw: RAW) -> Response:
        """All of an enterprise's own points. Signed by the enterprise's own key."""
        return _released(gateway.releases.portrait(raw), "/v1/portraits")


def _released(answer: dict[str, Any] | None, location: str) -> Response:
    if answer is None:
        awaiting = schemas.Awaiting().model_dump()
        return JSONResponse({**awaiting, "title": AWAITED.sentence}, AWAITED.http, {"Location": location, "Retry-After": "2"})
    return JSONResponse(answer)


def _consent_routes(app: FastAPI, gateway: Gateway) -> None:
    @app.post("/v1/consents", status_code=201, response_model=schemas.Logged, openapi_extra=schemas.envelope_body("consent"))
    def give_consent(raw: RAW) -> dict[str, Any]:
        """Log a consent: a DSSE envelope signed by the enterprise's key, or by its county's consent service."""
        return _submit(gateway, raw, Consent, "")

    @app.delete("/v1/consents/{consent_id}", response_model=schemas.Logged, openapi_extra=schemas.envelope_body("revocation"))
    def revoke_consent(consent_id: HEX_ID, raw: RAW) -> dict[str, Any]:
        """Log the revocation of a consent: a DSSE envelope that names it. Binds from its leaf on."""
        return _submit(gateway, raw, Revocation, consent_id)


def _submit(gateway: Gateway, raw: Raw, kind: type[Consent | Revocation], consent_id: str) -> dict[str, Any]:
    try:
        envelope = parse_envelope(raw.body)
        statement: Statement = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(statement, kind) or (isinstance(statement, Revocation) and statement.consent != consent_id):
            raise StatementFormatError(f"this takes a {kind.kind} statement{' that names the consent of the address' if consent_id else ''}")
        receipt: Receipt = gateway.exchange.submit(raw.body)
    except (ScoringError, CryptoError, RpcRefusal) as error:
        refused = problems.Refused.of(error)
        if refused.row.http < 500:
            refused.leaf_index = gateway.refusals.refused_stranger(refused.row.reason, sha256(raw.body).hex())
        raise refused from error
    return {"leaf": base64.b64encode(receipt.leaf).decode(), "leaf_index": receipt.leaf_index, "digest": receipt.digest.hex()}


def _epoch_routes(app: FastAPI, gateway: Gateway) -> None:
    def staff(authorization: Annotated[str | None, Header()] = None) -> None:
        check_bearer(authorization, gateway.admin_token)

    guarded = [Depends(staff)]

    @app.get("/v1/epochs")
    def epochs() -> dict[str, Any]:
        """Every epoch of the log with its state and, once RELEASED, its quantile tables."""
        return {"epochs": gateway.public.epochs()}

    @app.post("/v1/epochs", status_code=201, dependencies=guarded)
    def open_epoch(body: schemas.EpochToOpen) -> dict[str, Any]:
        """Have roster and stages made and open the epoch. For the authority's staff."""
        gateway.evaluation.open(body.epoch, body.period, body.model)
        return gateway.evaluation.status(body.epoch)

    @app.get("/v1/epochs/{epoch}", dependencies=guarded)
    def epoch_status(epoch: Name) -> dict[str, Any]:
        """State, columns received, and how far the opening of the totals is. For the authority's staff."""
        return gateway.evaluation.status(epoch)

    @app.post("/v1/epochs/{epoch}:close", status_code=202, dependencies=guarded)
    def close_epoch(epoch: Name, body: schemas.EpochToClose) -> dict[str, Any]:
        """Close the epoch; opening the totals and the release follow by themselves. For the authority's staff."""
        gateway.evaluation.close(epoch, allow_absent=body.allow_absent)
        return gateway.evaluation.status(epoch)

    @app.get("/v1/epochs/{epoch}/totals", dependencies=guarded)
    def totals(epoch: Name, functional: str = "total") -> dict[str, Any]:
        """Released values of one functional by subject, in hundredths, with the exact percentile in the stage. For the authority's staff."""
        found = [
            {"subject": total.subject, "stage": total.stage, "hundredths": total.hundredths, "gated": total.gated, "percentile": rank}
            for total, rank in gateway.evaluation.totals(epoch, functional)
        ]
        return {"epoch": epoch, "functional": functional, "totals": found}

    @app.get("/v1/epochs/{epoch}/rankings", dependencies=guarded)
    def rankings(epoch: Name) -> dict[str, Any]:
        """The model's lists of the best of each stage, best first; empty where it has none. For the authority's staff."""
        return {"epoch": epoch, "rankings": gateway.evaluation.rankings(epoch)}

    @app.get("/v1/epochs/{epoch}/records", dependencies=guarded)
    def records(epoch: Name) -> dict[str, Any]:
        """Every batch that was opened, with the opening that proves it. For the authority's staff, to hand to an auditor."""
        return {"epoch": epoch, "records": list(gateway.evaluation.records(epoch))}


def _round_routes(app: FastAPI, gateway: Gateway) -> None:
    def staff(authorization: Annotated[str | None, Header()] = None) -> None:
        check_bearer(authorization, gateway.admin_token)

    guarded = [Depends(staff)]

    @app.get("/v1/keys/rounds", dependencies=guarded)
    def round_status() -> dict[str, Any]:
        """The generation of shares in force and the round under way. For the authority's staff."""
        return gateway.rounds.status()

    @app.post("/v1/keys/rounds", status_code=202, dependencies=guarded)
    def begin_round(body: schemas.RoundToBegin) -> dict[str, Any]:
        """Begin a refresh or a re-sharing; custodians do the rest, and it is activated when all have acknowledged. For the authority's staff."""
        if body.action == "refresh":
            gateway.rounds.refresh()
        else:
            gateway.rounds.reshare(body.threshold, body.custodians, body.dealers)
        return gateway.rounds.status()

    @app.post("/v1/keys/rounds:abandon", dependencies=guarded)
    def abandon_round() -> dict[str, Any]:
        """Give up the round under way. For the authority's staff."""
        gateway.rounds.abandon()
        return gateway.rounds.status()

    @app.post("/v1/keys/rounds:plan", dependencies=guarded)
    def plan_absence(body: schemas.AbsenceToPlan) -> dict[str, Any]:
        """Which custodians may be away at once, and what must be done before. Changes nothing. For the authority's staff."""
        return gateway.rounds.plan(body.away, body.begin, body.end, body.together)

    @app.post("/v1/registry:renew", dependencies=guarded)
    def renew_registry(body: schemas.RenewalToMake) -> dict[str, Any]:
        """Sign and log a renewal that the custodians have approved. For the authority's staff."""
        return gateway.registry.renew(body.renewal.encode(), body.approvals)


def _public_routes(app: FastAPI, gateway: Gateway) -> None:
    @app.get("/v1/products")
    def products() -> dict[str, Any]:
        """Products of the admitted models, with their public rules."""
        return {"products": gateway.public.products()}

    @app.get("/v1/catalog")
    def catalog() -> dict[str, Any]:
        """Products of all institutions: the newest terms of each, as its institution signed them. Check the envelopes before they are relied on."""
        return {"catalog": gateway.public.catalog()}

    @app.get("/v1/keys")
    def keys() -> dict[str, Any]:
        """Public keys of the zone and its members. To be compared with the pinned ones, not to be trusted."""
        return gateway.public.keys()

    @app.get("/v1/members")
    def members() -> dict[str, Any]:
        """Changes of members and renewals of the key's shares, as logged statements: by them `xinqiao member update` knows whose approvals count."""
        return gateway.public.members()

    @app.get("/v1/registry")
    def registry() -> dict[str, Any]:
        """Until when the zone's registry holds, from when on that is an alarm, and how many extensions bridge its end."""
        return gateway.registry.status()

    @app.get("/log/{path:path}", response_class=Response, responses={200: {"content": {"application/octet-stream": {}, "text/plain": {}}}})
    def log_file(path: str) -> Response:
        """The log as a static C2SP tlog-tiles tree: checkpoint, tile/<L>/<N>[.p/<W>], tile/entries/<N>[.p/<W>]."""
        content = gateway.public.log_file(path)
        if path == "checkpoint":
            return Response(content, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
        return Response(content, media_type="application/octet-stream", headers={"Cache-Control": "public, max-age=31536000, immutable"})

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        """The process can serve: its view of the log is there. Else 503."""
        gateway.ready()
        return {"status": "ready"}

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics_text() -> Response:
        """Counters and timings for Prometheus. Nothing in them names a subject."""
        return Response(metrics.exposition(), media_type=metrics.MEDIA_TYPE)
