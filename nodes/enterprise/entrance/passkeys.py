"""Passkeys (WebAuthn) as a second way in for a representative who was signed in by the identity provider before [Q3]."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from crypto.encoding import digest
from nodes.enterprise.entrance.attempts import Awaited
from nodes.enterprise.entrance.representatives import Passkey, Representatives
from nodes.errors import AssertionInvalidError
from nodes.runtime.clock import Clock
from nodes.runtime.pages.accounts import Person

MOST_PASSKEYS = 10
CHOOSING_S = 300
_SELECTION = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser was asked to sign, and for whom it makes a passkey; nobody when it signs in."""

    value: bytes
    who: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """``options`` for the browser's script, as JSON; ``word`` for a cookie."""

    options: str
    word: str


class Passkeys:
    """Makes and checks passkeys for pages under ``origin``; its host name is the relying party, so a passkey works on no other site."""

    def __init__(self, people: Representatives, origin: str, title: str, now: Clock) -> None:
        host = urlsplit(origin).hostname
        assert host is not None
        self._people, self._origin, self._host, self._title, self._now = people, origin, host, title, now
        self._awaited: Awaited[Challenge] = Awaited(now, CHOOSING_S)

    def begin_making(self, person: Person) -> Asked:
        """Ask the browser of a signed-in person for a new passkey. Raises AssertionInvalidError when there are enough."""
        known = self._people.passkeys(person)
        if len(known) >= MOST_PASSKEYS:
            raise AssertionInvalidError(f"{MOST_PASSKEYS} passkeys are enough: remove one first")
        user = digest("passkey-user", person.name.encode(), person.about.encode())
        options = webauthn.generate_registration_options(
            rp_id=self._host, rp_name=self._title, user_name=person.title, user_id=user,
            authenticator_selection=_SELECTION, exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(key.id)) for key in known],
        )  # fmt: skip
        return Asked(webauthn.options_to_json(options), self._awaited.begin(Challenge(options.challenge, person.name)))

    def finish_making(self, person: Person, word: str, credential: str, label: str) -> Passkey:
        """Keep the passkey that the browser made. Raises AssertionInvalidError when it was made for somebody or something else."""
        challenge = self._awaited.end(word)
        if challenge.who != person.name:
            raise AssertionInvalidError("this passkey was asked for by another person")
        try:
            made = webauthn.verify_registration_response(
                credential=credential, expected_challenge=challenge.value, expected_rp_id=self._host, expected_origin=self._origin,
                require_user_verification=True,
            )  # fmt: skip
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:  # the last three: of what is no credential at all
            raise AssertionInvalidError(f"the passkey does not hold: {type(error).__name__}") from error
        name = "".join(sign for sign in label if sign.isprintable()).strip()[:60] or "passkey"
        found = Passkey(
            bytes_to_base64url(made.credential_id), person.about, person.name, made.credential_public_key, made.sign_count, name, self._now()
        )  # fmt: skip
        self._people.add(found)
        return found

    def begin_entering(self) -> Asked:
        """Ask a stranger's browser to sign with any passkey that it has for this site."""
        options = webauthn.generate_authentication_options(rp_id=self._host, user_verification=UserVerificationRequirement.REQUIRED)
        return Asked(webauthn.options_to_json(options), self._awaited.begin(Challenge(options.challenge)))

    def enter(self, word: str, credential: str) -> Person:
        """The person whose passkey signed. Raises AssertionInvalidError, and SignInError as ``Representatives.usable``."""
        challenge = self._awaited.end(word)
        if challenge.who:
            raise AssertionInvalidError("this was begun to make a passkey, not to sign in")
        try:
            parsed = parse_authentication_credential_json(json.loads(credential))
            passkey, person = self._people.usable(bytes_to_base64url(parsed.raw_id))
            signed = webauthn.verify_authentication_response(
                credential=parsed, expected_challenge=challenge.value, expected_rp_id=self._host, expected_origin=self._origin,
                credential_public_key=passkey.public_key, credential_current_sign_count=passkey.sign_count, require_user_verification=True,
            )  # fmt: skip
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:  # the last three: of what is no credential at all
            raise AssertionInvalidError(f"the passkey does not hold: {type(error).__name__}") from error
        self._people.used(passkey, signed.new_sign_count)
        return person
