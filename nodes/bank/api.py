"""The bank node's loopback interface for the bank's own systems and clerks. Every call carries the bearer token."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nodes.bank.consents import Consents
from nodes.bank.queries import Queries, Query
from nodes.bank.receipts import ReceiptStore
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import Bounds
from nodes.runtime.web.tokens import check_bearer
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


def create_app(queries: Queries, consents: Consents, receipts: ReceiptStore, token: str) -> FastAPI:
    """The ASGI application of one bank node."""

    def staff(authorization: Annotated[str | None, Header()] = None) -> None:
        check_bearer(authorization, token)

    app = FastAPI(title="Xinqiao bank node", version="1", docs_url=None, redoc_url=None, redirect_slashes=False, dependencies=[Depends(staff)])
    problems.install(app)
    app.add_middleware(Bounds)

    @app.post("/queries")
    def query(body: QueryBody) -> dict[str, Any]:
        """Score of one enterprise for one product: asked, opened, verified; its receipt is kept."""
        return queries.answer(Query(body.product, body.purpose, body.subject or "", body.uscc or "", body.wait_s))

    @app.get("/consents")
    def held() -> dict[str, Any]:
        """Consents given to this bank, the newest first."""
        return {"consents": [item.to_json() for item in consents.all()]}

    @app.get("/receipts")
    def listed() -> dict[str, Any]:
        """Receipts kept here, the newest first."""
        return {"receipts": receipts.listed()}

    @app.get("/receipts/{receipt_id}")
    def receipt(receipt_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]) -> dict[str, Any]:
        """One receipt, whole: hand it to whoever should verify it."""
        return receipts.get(receipt_id)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    return app
