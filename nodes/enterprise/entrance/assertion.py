"""What an identity provider asserts of a person, and the port through which any provider is asked [Q2]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from crypto.encoding import digest
from nodes.runtime.pages.accounts import ENTERPRISE, Person


@dataclass(frozen=True, slots=True)
class Assertion:
    """The provider's word: ``name`` is the legal representative of the enterprise ``uscc``. ``who``: the same for the same person, always."""

    who: str
    name: str
    uscc: str

    def person(self) -> Person:
        """The person as this service's pages know one: of one enterprise, and no other."""
        return Person(self.who, self.name, frozenset({ENTERPRISE}), about=self.uscc)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in that a browser was sent away for: ``state`` comes back with it, ``nonce`` in the assertion, ``verifier`` stays here."""

    state: str
    nonce: str
    verifier: str
    begun: int


class Provider(Protocol):
    """An identity provider. Another protocol than OpenID Connect is another class with these two methods."""

    def begin(self, attempt: Attempt) -> str:
        """The address to which the browser is sent. Raises PeerUnavailableError when the provider cannot be asked for it."""
        ...

    def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Assertion:
        """What the provider asserts, once its ``answer`` came back through the browser.

        Raises AssertionInvalidError for whatever does not hold, NotRepresentativeError for a person who speaks for no enterprise,
        PeerUnavailableError.
        """
        ...


def who(issuer: str, subject: str) -> str:
    """One word for a provider's person, from which neither the provider's number nor a name can be read."""
    return f"person-{digest('enterprise-person', issuer.encode(), subject.encode()).hex()[:24]}"
