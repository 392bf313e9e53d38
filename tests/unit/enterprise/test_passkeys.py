"""Passkeys by an authenticator of software: made and used once and rightly; everything else, and whoever represents nobody, stays outside [Q3]."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

from crypto.encoding import sha256
from nodes.enterprise.entrance.assertion import Assertion
from nodes.enterprise.entrance.passkeys import CHOOSING_S, Passkeys
from nodes.enterprise.entrance.representatives import DAY_S, Representatives
from nodes.errors import AssertionInvalidError, NotFoundError, SignInError
from tests.support.databases import ON_BOTH, database_in
from tests.support.identity import ORIGIN, USCC_A, USCC_B
from tests.support.site import Clock

pytestmark = ON_BOTH

ZHAO, SUN, QIAN = Assertion("person-zhao", "赵一", USCC_A), Assertion("person-sun", "孙三", USCC_A), Assertion("person-qian", "钱二", USCC_B)
PRESENT_AND_VERIFIED, WITH_KEY = 0x05, 0x40


@dataclass
class Authenticator:
    """A device with one key. ``count`` grows with each use; ``flags``: user present and verified."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = b"i" * 16
    count: int = 0
    origin: str = ORIGIN
    host: str = ORIGIN.removeprefix("https://")
    flags: int = PRESENT_AND_VERIFIED

    def _data(self, more: bytes = b"", flags: int = 0) -> bytes:
        self.count += 1
        return sha256(self.host.encode()) + bytes([self.flags | flags]) + struct.pack(">I", self.count) + more

    def _client(self, kind: str, options: str) -> bytes:
        return json.dumps({"type": kind, "challenge": json.loads(options)["challenge"], "origin": self.origin}).encode()

    def make(self, options: str) -> str:
        """A new credential, as a browser's script sends it."""
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        data = self._data(b"\0" * 16 + struct.pack(">H", len(self.id)) + self.id + cose, WITH_KEY)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._sent({"clientDataJSON": self._client("webauthn.create", options), "attestationObject": attestation})

    def sign(self, options: str) -> str:
        """The answer to a challenge."""
        data, client = self._data(), self._client("webauthn.get", options)
        signature = self.key.sign(data + sha256(client), ec.ECDSA(hashes.SHA256()))
        return self._sent({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _sent(self, response: dict[str, bytes]) -> str:
        parts = {name: bytes_to_base64url(value) for name, value in response.items()}
        name = bytes_to_base64url(self.id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": parts, "clientExtensionResults": {}})


@dataclass
class Place:
    """The desk of passkeys, and whom it knows."""

    people: Representatives
    passkeys: Passkeys
    clock: Clock

    def made(self, device: Authenticator, whose: Assertion = ZHAO) -> None:
        person = self.people.asserted(whose)
        asked = self.passkeys.begin_making(person)
        self.passkeys.finish_making(person, asked.word, device.make(asked.options), "我的手机\n")

    def enter(self, device: Authenticator) -> str:
        asked = self.passkeys.begin_entering()
        return self.passkeys.enter(asked.word, device.sign(asked.options)).about


@pytest.fixture
def place(tmp_path: Path) -> Place:
    clock = Clock()
    people = Representatives(database_in(tmp_path, "enterprise"), clock, 90)
    return Place(people, Passkeys(people, ORIGIN, "企业码", clock), clock)


def test_a_passkey_lets_its_person_in_to_its_enterprise(place: Place) -> None:
    device, other = Authenticator(), Authenticator(id=b"j" * 16)
    place.made(device)
    place.made(other, QIAN)
    assert (place.enter(device), place.enter(other)) == (USCC_A, USCC_B)
    assert [key.label for key in place.people.passkeys(ZHAO.person())] == ["我的手机"]


def test_an_answer_counts_once_in_its_own_browser_and_soon(place: Place) -> None:
    device = Authenticator()
    place.made(device)
    asked = place.passkeys.begin_entering()
    answer = device.sign(asked.options)
    other = place.passkeys.begin_entering()
    with pytest.raises(AssertionInvalidError):
        place.passkeys.enter(other.word, answer)
    place.passkeys.enter(asked.word, answer)
    with pytest.raises(AssertionInvalidError):
        place.passkeys.enter(asked.word, answer)
    late = place.passkeys.begin_entering()
    answer = device.sign(late.options)
    place.clock.now += CHOOSING_S + 1
    with pytest.raises(AssertionInvalidError):
        place.passkeys.enter(late.word, answer)


@pytest.mark.parametrize(
    "change",
    [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"flags": 0x01}, {"count": -1}, {"key": ec.generate_private_key(ec.SECP256R1())}],
    ids=["origin", "site", "user not verified", "counter that does not grow", "another key"],
)
def test_what_does_not_hold_is_refused(place: Place, change: dict[str, object]) -> None:
    device = Authenticator()
    place.made(device)
    place.enter(device)
    for name, value in change.items():
        setattr(device, name, value)
    with pytest.raises(AssertionInvalidError):
        place.enter(device)


def test_a_passkey_ends_with_another_representative_with_time_and_when_it_is_removed(place: Place) -> None:
    device = Authenticator()
    place.made(device)
    place.clock.now += 90 * DAY_S + 1
    with pytest.raises(SignInError, match="too long ago"):
        place.enter(device)
    place.people.asserted(ZHAO)
    assert place.enter(device) == USCC_A
    with pytest.raises(NotFoundError):
        place.people.remove(QIAN.person(), bytes_to_base64url(device.id))
    place.people.asserted(SUN)
    with pytest.raises(SignInError):
        place.enter(device)
    place.people.asserted(ZHAO)
    with pytest.raises(SignInError):
        place.enter(device)  # it does not come back with its person


def test_a_passkey_is_made_for_who_asked_and_known_once(place: Place) -> None:
    zhao, qian = place.people.asserted(ZHAO), place.people.asserted(QIAN)
    device = Authenticator()
    asked = place.passkeys.begin_making(zhao)
    with pytest.raises(AssertionInvalidError, match="another person"):
        place.passkeys.finish_making(qian, asked.word, device.make(asked.options), "x")
    place.made(device)
    with pytest.raises(AssertionInvalidError, match="known already"):
        place.made(device, QIAN)
    asked = place.passkeys.begin_making(zhao)
    with pytest.raises(AssertionInvalidError, match="not to sign in"):
        place.passkeys.enter(asked.word, device.sign(asked.options))


@pytest.mark.parametrize("garbage", ["", "{}", "[]", "null", '{"id":1}', '{"id":"aa","rawId":"aa","type":"public-key","response":{}}', "\ud800"])
def test_garbage_is_no_credential(place: Place, garbage: str) -> None:
    person = place.people.asserted(ZHAO)
    with pytest.raises((AssertionInvalidError, SignInError)):
        place.passkeys.enter(place.passkeys.begin_entering().word, garbage)
    with pytest.raises(AssertionInvalidError):
        place.passkeys.finish_making(person, place.passkeys.begin_making(person).word, garbage, "x")
