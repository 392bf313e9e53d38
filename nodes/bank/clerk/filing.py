"""Files that clerks hand in, and what the institution offers: repayments, the list of the dishonest, the products."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from nodes.bank.clerk.words import KINDS
from nodes.bank.loans.counter import Counter
from nodes.bank.loans.products import Products
from nodes.bank.loans.repayments import COLUMNS, book_repayments, read_repayments
from nodes.errors import RecordFileError
from nodes.runtime.pages.accounts import CLERK
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site
from nodes.runtime.pages.uploads import Upload, upload_of

STATES = {"booked": N_("已入账"), "before": N_("此前已入账"), "refused": N_("未入账")}


def filing_pages(site: Site, counter: Counter, products: Products) -> APIRouter:
    """The pages around files and products."""
    router = APIRouter()
    clerk: Session = Depends(site.signed_in(CLERK))
    sent: Upload = Depends(upload_of(site))

    @router.get("/repayments")
    def repayments(request: Request, session: Session = clerk) -> Response:
        return site.page(request, "clerk/repayments.html.j2", booked=None, columns=COLUMNS, states=STATES)

    @router.post("/repayments")
    def upload(request: Request, session: Session = clerk, file: Upload = sent) -> Response:
        site.views.seen(session.person, "/repayments")
        booked = book_repayments(counter, read_repayments(file.content))
        return site.page(request, "clerk/repayments.html.j2", booked=booked, columns=COLUMNS, states=STATES)

    @router.get("/dishonest")
    def dishonest(request: Request, session: Session = clerk) -> Response:
        return site.page(request, "clerk/dishonest.html.j2", count=counter.files.dishonest_count(), replaced=False)

    @router.post("/dishonest")
    def replace(request: Request, session: Session = clerk, file: Upload = sent) -> Response:
        try:
            codes = [line.split(",")[0].strip() for line in file.content.decode("utf-8-sig").splitlines()]
        except UnicodeDecodeError as error:
            raise RecordFileError("the list is UTF-8, one code a line") from error
        count = counter.files.replace_dishonest(code for code in codes if code)
        return site.page(request, "clerk/dishonest.html.j2", count=count, replaced=True)

    @router.get("/products")
    def own_products(request: Request, session: Session = clerk) -> Response:
        return site.page(request, "clerk/products.html.j2", products=products.newest(), kinds=KINDS)

    return router
