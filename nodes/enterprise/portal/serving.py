"""The pages put together from the service's desks and its settings."""

from __future__ import annotations

import time

from fastapi import FastAPI
from sqlalchemy import Engine

from nodes.enterprise.credentials.pages import add_credentials
from nodes.enterprise.desks import Desks
from nodes.enterprise.disclosures import DisclosureDesk
from nodes.enterprise.entrance.assertion import Provider
from nodes.enterprise.entrance.oidc import OidcProvider
from nodes.enterprise.entrance.pages import RETURN, Doors
from nodes.enterprise.entrance.passkeys import Passkeys
from nodes.enterprise.entrance.representatives import Representatives
from nodes.enterprise.market.pages import add_market
from nodes.enterprise.policies.pages import add_own_policies
from nodes.enterprise.portal.app import create_pages
from nodes.enterprise.portal.context import Portal
from nodes.enterprise.portal.jobs import Jobs
from nodes.enterprise.publications.pages import add_own_publications
from nodes.enterprise.settings import PagesTable
from nodes.enterprise.values import periods_of
from nodes.runtime.clock import Clock
from nodes.runtime.files import read_private
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.process import Process
from nodes.runtime.web.server import WebServer


def pages_of(member: str, table: PagesTable, desks: Desks, engine: Engine, pages: Engine, provider: Provider, now: Clock) -> FastAPI:
    """The application of ``member``'s pages. ``engine``: the service's own database; ``pages``: that of sessions and views."""
    people = Representatives(engine, now, table.sign_in.passkey_days)
    title = desks.registry.member(member).title
    site = Site(member, title, pages, now, present=people.present)
    portal = Portal(
        site=site, store=desks.store, registry=desks.registry, packs=desks.packs, enrolments=desks.enrolments, consents=desks.consents,
        portraits=desks.portraits, values=desks.values, straight=desks.straight, customs=desks.customs,
        disclosures=DisclosureDesk(desks.registry, desks.keyring, desks.gateway), periods=lambda: periods_of(desks.gateway), jobs=Jobs(now), now=now,
    )  # fmt: skip
    passkeys = Passkeys(people, table.origin, title.zh, now)
    doors = Doors(site, provider, table.sign_in.title, people, passkeys, now)

    def add_applications(app: FastAPI) -> None:
        add_market(app, portal, desks.market)
        add_own_policies(app, portal, desks.policies)
        add_credentials(app, portal, desks.credentials)
        add_own_publications(app, portal, desks.publications)

    limit = RateLimit(table.requests_per_minute_per_address, time.monotonic)
    return create_pages(portal, doors, table.origin, limit, add_applications)


def serve_pages(process: Process, member: str, table: PagesTable, desks: Desks, engine: Engine, pages: Engine, now: Clock) -> int:
    """Serve the pages in a worker of ``process`` until it stops; their port. Raises SettingsError as ``WebServer``, SecretFileError."""
    secret = read_private(table.sign_in.client_secret_file).decode().strip()
    provider = OidcProvider(table.sign_in, secret, table.origin + RETURN, now)
    process.on_stop(provider.close)
    server = WebServer(pages_of(member, table, desks, engine, pages, provider, now), table.listen, table.certificate, table.key)
    process.on_stop(server.stop)
    process.worker("pages", server.run)
    return server.port
