"""The bank node's loopback interface for the bank's own systems and clerks. Every call carries the bearer token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nodes.bank.clerk.pages import clerks_pages
from nodes.bank.consents import Consents
from nodes.bank.loans.api import loan_routes
from nodes.bank.loans.counter import Counter
from nodes.bank.loans.products import Products
from nodes.bank.queries import Queries, Query
from nodes.bank.receipts import ReceiptStore
from nodes.runtime.pages.site import Site
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import Bounds
from nodes.runtime.web.tokens import check_bearer
from scoring.release.asking import MAX_BATCH
from scoring.statements import Hex16, Name


class QueryBody(BaseModel):
    """One of ``subject`` and ``uscc``; ``wait_s``: how long to wait for rows that are still being made."""

    model_config = ConfigDict(extra="forbid")

    subject: Hex16 | None = None
    uscc: str | None = Field(default=None, pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")
    product: Name
    purpose: Name = "loan"
    wait_s: float = Field(default=20.0, ge=0, le=120)

    @model_validator(mode="after")
    def _one_name(self) -> QueryBody:
        if (self.subject is None) == (self.uscc is None):
            raise ValueError("give subject or uscc")
        return self


class BatchBody(BaseModel):
    """Enterprises by their codes, at most 1,000, each once."""

    model_config = ConfigDict(extra="forbid")

    codes: list[Annotated[str, Field(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]] = Field(min_length=1, max_length=MAX_BATCH)
    product: Name
    purpose: Name = "loan"


def create_app(queries: Queries, consents: Consents, receipts: ReceiptStore, counter: Counter, products: Products, site: Site, token: str) -> FastAPI:
    """The ASGI application of one bank node: pages for its clerks, and an interface for its own systems."""

    def staff(authorization: Annotated[str | None, Header()] = None) -> None:
        check_bearer(authorization, token)

    app = FastAPI(title="Xinqiao bank node", version="1", docs_url=None, redoc_url=None, redirect_slashes=False)
    problems.install(app)
    app.include_router(_asking(queries, consents, receipts, staff))
    app.include_router(loan_routes(counter, products, staff))
    app.include_router(clerks_pages(site, queries, counter, products))
    site.install(app)
    app.add_middleware(Bounds)

    @app.get("/healthz", dependencies=[Depends(staff)])
    def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    return app


def _asking(queries: Queries, consents: Consents, receipts: ReceiptStore, staff: Callable[..., None]) -> APIRouter:
    router = APIRouter(dependencies=[Depends(staff)])

    @router.post("/queries")
    def query(body: QueryBody) -> dict[str, Any]:
        """Score of one enterprise for one product: asked, opened, verified; its receipt is kept."""
        return queries.answer(Query(body.product, body.purpose, body.subject or "", body.uscc or "", body.wait_s))

    @router.post("/queries/batch")
    def batch(body: BatchBody) -> dict[str, Any]:
        """Scores of many enterprises for one product: of each the result, or the reason why there is none."""
        return {"results": list(queries.batch(body.product, body.purpose, body.codes))}

    @router.get("/consents")
    def held() -> dict[str, Any]:
        """Consents given to this bank, the newest first."""
        return {"consents": [item.to_json() for item in consents.all()]}

    @router.get("/receipts")
    def listed() -> dict[str, Any]:
        """Receipts kept here, the newest first."""
        return {"receipts": receipts.listed()}

    @router.get("/receipts/{receipt_id}")
    def receipt(receipt_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]) -> dict[str, Any]:
        """One receipt, whole: hand it to whoever should verify it."""
        return receipts.get(receipt_id)

    return router
