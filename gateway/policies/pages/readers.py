"""Who may open which of the policies' pages, and what they are shown of enterprises there [W9, O8]."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from gateway.policies.matches import Enterprise
from gateway.policies.office import Policies
from nodes.errors import NotFoundError
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, OFFICERS, Person
from nodes.runtime.pages.language import Language, own
from nodes.runtime.pages.site import Site
from scoring.policies.claims import Claim
from scoring.statements import Title

READERS = (AUTHORITY, AUDITOR, *OFFICERS)
LIST_READERS = (AUTHORITY, *OFFICERS)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page module works with."""

    site: Site
    policies: Policies

    def named(self, person: Person, subjects: list[str]) -> list[Enterprise]:
        """The enterprises among ``subjects`` that the register names and the person may see."""
        known = self.policies.matching.enterprises()
        return [found for subject in subjects if (found := known.get(subject)) is not None and person.covers(found.division, found.trade)]

    def enterprise(self, person: Person, subject: str) -> Enterprise:
        """One enterprise that the person may see. Raises NotFoundError, for others' as for none."""
        found = self.named(person, [subject])
        if not found:
            raise NotFoundError("no such enterprise among those that you may see")
        return found[0]

    def claims(self, person: Person, policy: str) -> list[Claim]:
        """Claims under a policy, as far as the person may see their enterprises."""
        kept = [item.claim for item in self.policies.store.claims(policy=policy)]
        covered = {item.subject for item in self.named(person, [claim.subject for claim in kept])}
        return [claim for claim in kept if claim.subject in covered]

    def words(self, request: Request, title: Title) -> str:
        """A title in the reader's language."""
        tongue: Language = self.site.language(request)
        return own(title, tongue)
