"""Scores: asked for one enterprise or up to 1,000, each shown with its line and receipt."""

from __future__ import annotations

import re

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from nodes.bank.loans.counter import Counter
from nodes.bank.loans.products import Products
from nodes.bank.queries import Queries, Query
from nodes.errors import EntryError
from nodes.runtime.pages.accounts import CLERK
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site
from scoring.lending.terms import PURPOSES
from scoring.release.asking import MAX_BATCH
from scoring.statements import ProductTerms

CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_PARTS = re.compile(r"[\s,，;；、]+")


def asking_pages(site: Site, queries: Queries, counter: Counter, products: Products) -> APIRouter:
    """The pages around scores."""
    router = APIRouter()
    clerk: Session = Depends(site.signed_in(CLERK))
    sent: Form = Depends(site.form)

    @router.get("/scores")
    def scores(request: Request, session: Session = clerk) -> Response:
        site.views.seen(session.person, "/scores")
        receipts = counter.receipts.listed()[:MAX_BATCH]
        return site.page(request, "clerk/scores.html.j2", products=products.newest(), receipts=receipts, codes=queries.codes(), results=None)

    @router.post("/scores")
    def ask(request: Request, session: Session = clerk, form: Form = sent) -> Response:
        codes = _codes(form)
        terms = _terms(products, form.one("product"))
        for code in codes:
            site.views.seen(session.person, "/scores", code)
        if len(codes) == 1:
            answer = queries.answer(Query(terms.formula, PURPOSES[terms.institution_kind], uscc=codes[0]))
            return RedirectResponse(f"/scores/{answer['receipt_id']}", 303)
        results = list(queries.batch(terms.formula, PURPOSES[terms.institution_kind], codes))
        receipts = counter.receipts.listed()[:MAX_BATCH]
        return site.page(request, "clerk/scores.html.j2", products=products.newest(), receipts=receipts, codes=queries.codes(), results=results)

    @router.get("/scores/{receipt_id}")
    def receipt(request: Request, receipt_id: str, session: Session = clerk) -> Response:
        document = counter.receipts.get(receipt_id)
        site.views.seen(session.person, "/scores", document["subject"])
        return site.page(request, "clerk/receipt.html.j2", receipt=document, receipt_id=receipt_id)

    @router.get("/scores/{receipt_id}/file")
    def file(receipt_id: str, session: Session = clerk) -> Response:
        document = counter.receipts.document(receipt_id)
        site.views.seen(session.person, "/scores/file", receipt_id)
        headers = {"content-disposition": f'attachment; filename="receipt-{receipt_id}.json"'}
        return Response(document, media_type="application/json", headers=headers)

    return router


def _codes(form: Form) -> list[str]:
    codes = list(dict.fromkeys(code for code in _PARTS.split(form.one("codes").strip().upper()) if code))
    wrong = [code for code in codes if not CODE.fullmatch(code)]
    if wrong or not 1 <= len(codes) <= MAX_BATCH:
        raise EntryError(f"1 to {MAX_BATCH} codes of 18 characters are asked about at once")
    return codes


def _terms(products: Products, name: str) -> ProductTerms:
    found = {terms.product: terms for terms in products.newest()}
    if name not in found:
        raise EntryError("choose one of our products")
    return found[name]
