"""The stand-in's HTTP face: pages for the person, JSON for the client."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from nodes.runtime.pages.forms import read_form
from simulators.identity.provider import IdentityProvider, RequestError, TokenError

HERE = Path(__file__).parent
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}


def create_app(provider: IdentityProvider, form_targets: tuple[str, ...]) -> FastAPI:
    """The ASGI application. ``form_targets``: origins of the client, to which a form of ours leads in the end."""
    app = FastAPI(title="Identity provider stand-in", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
    policy = f"default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {' '.join(form_targets)}"

    def page(name: str, status: int = 200, **values: Any) -> Response:
        text = templates.get_template(name).render(**values)
        return HTMLResponse(text, status, {**_HEADERS, "content-security-policy": policy})

    @app.exception_handler(RequestError)
    def refused(_request: Request, error: Exception) -> Response:
        return page("refused.html.j2", 400, reason=str(error))

    @app.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, Any]:
        return provider.discovery()

    @app.get("/jwks")
    def keys() -> dict[str, Any]:
        return provider.keys()

    @app.get("/style.css")
    def style() -> Response:
        return Response((HERE / "templates" / "style.css").read_bytes(), media_type="text/css")

    @app.get("/favicon.ico", status_code=204)
    def icon() -> Response:
        return Response(status_code=204)

    @app.get("/authorize")
    def authorize(request: Request) -> Response:
        return page("sign_in.html.j2", word=provider.ask(request.query_params), wrong=False)

    @app.post("/authorize")
    async def sign_in(request: Request) -> Response:
        form = await read_form(request)
        word = form.one("word")
        if form.one("cancel"):
            return RedirectResponse(provider.refuse(word), 303, _HEADERS)
        if uscc := form.one("uscc"):
            return RedirectResponse(provider.choose(word, uscc), 303, _HEADERS)
        enterprises = provider.sign_in(word, form.one("account"), form.one("password"))
        if enterprises is None:
            return page("sign_in.html.j2", 401, word=word, wrong=True)
        if len(enterprises) == 1:
            return RedirectResponse(provider.choose(word, enterprises[0].uscc), 303, _HEADERS)
        return page("choose.html.j2", word=word, enterprises=enterprises)

    @app.post("/token")
    async def token(request: Request, authorization: Annotated[str, Header()] = "") -> Response:
        try:
            form = {name: values[0] for name, values in (await read_form(request)).fields.items()}
            return JSONResponse(provider.token(*_basic(authorization), form), headers=_HEADERS)
        except TokenError as error:
            status = 401 if str(error) == "invalid_client" else 400
            return JSONResponse({"error": str(error)}, status, _HEADERS)

    return app


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, given = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise TokenError("invalid_client") from error
    if scheme.lower() != "basic" or not colon:
        raise TokenError("invalid_client")
    return name, secret
