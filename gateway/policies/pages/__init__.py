"""The policies' pages for officials, and what the public may read: policies in force and names on notice [O8]."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from gateway.policies.office import Policies
from gateway.policies.pages.lists import lists
from gateway.policies.pages.money import money
from gateway.policies.pages.readers import LIST_READERS, Desk
from gateway.policies.pages.texts import texts
from nodes.runtime.pages.accounts import AUTHORITY
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.site import Site


def pages(site: Site, policies: Policies) -> APIRouter:
    """The policies' part of the gateway's site."""
    site.use("policies", Path(__file__).parent)
    site.entry("/policies", N_("惠企政策"), public=True)
    site.entry("/notice", N_("免申即享公示"), public=True)
    site.entry("/libraries", N_("企业培育库"), *LIST_READERS)
    site.entry("/payments", N_("资金台账"), AUTHORITY)
    desk, router = Desk(site, policies), APIRouter(include_in_schema=False)
    for part in (texts, lists, money):
        router.include_router(part(desk))
    return router
