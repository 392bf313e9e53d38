"""What the pages use, and the one way in which a page learns whose it is: from the session, with the view written down [Q4]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.customs import CustomsDesk
from nodes.enterprise.disclosures import DisclosureDesk
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.portal.jobs import Jobs
from nodes.enterprise.portal.picture import Picture
from nodes.enterprise.portraits import PortraitDesk
from nodes.enterprise.store import Enterprise, Store
from nodes.enterprise.straight import StraightDesk
from nodes.enterprise.values import ValuesDesk
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.clock import Clock
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site
from scoring.errors import SubjectUnknownError
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model
from scoring.statements import Member, Title

START = "/start"


class NotServedYet(Exception):
    """Somebody is signed in whose enterprise is not enrolled with this service: no error, the person is led to where that is done."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and the only enterprise that the answer may be about."""

    session: Session
    enterprise: Enterprise

    @property
    def uscc(self) -> str:
        return self.enterprise.uscc


@dataclass(frozen=True)
class Portal:
    """The service's desks, as the pages use them. ``packs``: the zone's models by sha256; ``periods()``: the data period of each epoch."""

    site: Site
    store: Store
    registry: MemberRegistry
    packs: Mapping[str, Model]
    enrolments: Enrolments
    consents: ConsentDesk
    portraits: PortraitDesk
    values: ValuesDesk
    straight: StraightDesk
    customs: CustomsDesk
    disclosures: DisclosureDesk
    periods: Callable[[], Mapping[str, str]]
    jobs: Jobs
    now: Clock

    def visitor(self, page: str) -> Callable[..., Visitor]:
        """A dependency: who asks for ``page``, once the view is written down. Raises SignInError, RoleMissingError, NotServedYet."""
        session_of: Session = Depends(self.site.signed_in(ENTERPRISE))

        def found(session: Session = session_of) -> Visitor:
            try:
                enterprise = self.enrolments.enrolled(session.person.about)
            except SubjectUnknownError as error:
                raise NotServedYet from error
            self.site.views.seen(session.person, page, session.person.about)
            return Visitor(session, enterprise)

        return found

    def lead_to_start(self, app: FastAPI) -> None:
        """Lead people of enterprises that are not enrolled to the page where that is done."""

        @app.exception_handler(NotServedYet)
        def handle(_request: Request, _error: Exception) -> Response:
            return RedirectResponse(START, 303)

    def title_of(self, member: str) -> Title:
        """What people call a member; its id where it has left the zone."""
        found = self.registry.members.get(member)
        return Title(zh=member, en=member) if found is None else found.title

    def departments(self) -> list[Member]:
        """The departments of the zone, by id."""
        found = [member for member in self.registry.members.values() if "department" in member.roles]
        return sorted(found, key=lambda member: member.id)

    def banks(self) -> list[Member]:
        """The institutions that may be consented to, by id."""
        return sorted((member for member in self.registry.members.values() if "bank" in member.roles), key=lambda member: member.id)

    def pictures(self, uscc: str) -> list[Picture]:
        """Portraits of an enterprise under the models that banks lend on, the newest first; under any, in a zone where none has products."""
        lending = {sha: model for sha, model in self.packs.items() if model.products} or self.packs
        kept = self.store.portraits(uscc)
        return [Picture(portrait, lending[sha]) for portrait in kept if (sha := portrait["model"]["sha256"]) in lending]

    def known_record(self, uscc: str, picture: Picture) -> dict[str, str]:
        """What departments have shown of the enterprise for the period of a portrait: fields that they hold, and empty those that they do not."""
        try:
            period = self.periods().get(picture.portrait["epoch"], "")
        except (PeerUnavailableError, RpcRefusal):
            return {}
        found: dict[str, str] = {}
        for member, document in self.values.shown(uscc, period).items():
            owner = self.registry.members.get(member)
            if owner is not None and not document["reason"]:
                fields = [
                    name
                    for name, field in picture.model.fields.items()
                    if getattr(picture.model.pack.records[field.record].owner, "department", None) == owner.department
                    and getattr(picture.model.pack.records[field.record].owner, "level", None) == owner.level
                ]
                found |= dict.fromkeys(fields, "") | {value["field"]: value["value"] for value in document["values"] if value["field"] in fields}
        return found
