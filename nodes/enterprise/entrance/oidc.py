"""OpenID Connect as a client: authorization code with PKCE, and an identity token of which everything is checked [Q2].

The provider's own addresses and keys come from its discovery document, over TLS (loopback aside).
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from crypto.encoding import sha256
from nodes.enterprise.entrance.assertion import Assertion, Attempt, who
from nodes.enterprise.settings import USCC, SignInTable
from nodes.errors import AssertionInvalidError, NotRepresentativeError, PeerUnavailableError
from nodes.runtime.clock import Clock

ALGORITHMS = ("ES256", "ES384", "PS256", "RS256", "Ed25519")  # signatures by the provider's private key; never a shared secret, never none
KEY_TYPES = frozenset({"EC", "RSA", "OKP"})
LEEWAY_S, OLDEST_S = 60, 600
KEPT_S, KEYS_AGAIN_S = 3600, 30
TIMEOUT_S, MOST_BYTES = 10.0, 65_536
LONGEST_NAME = 60


class OidcProvider:
    """The provider that ``table`` names; ``secret`` is this client's, ``redirect_uri`` where browsers come back to. Thread-safe."""

    def __init__(
        self, table: SignInTable, secret: str, redirect_uri: str, now: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:  # fmt: skip
        self._table, self._secret, self._redirect_uri, self._now = table, secret, redirect_uri, now
        verify = ssl.create_default_context(cafile=None if table.ca_file is None else str(table.ca_file))
        self._client = httpx.Client(verify=verify, trust_env=False, timeout=TIMEOUT_S, follow_redirects=False, transport=transport)
        self._lock = threading.Lock()
        self._found: tuple[int, dict[str, Any]] | None = None
        self._keys: tuple[int, KeySet] | None = None

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def begin(self, attempt: Attempt) -> str:
        challenge = base64.urlsafe_b64encode(sha256(attempt.verifier.encode())).rstrip(b"=").decode()
        query = {
            "response_type": "code", "client_id": self._table.client_id, "redirect_uri": self._redirect_uri, "scope": "openid profile",
            "state": attempt.state, "nonce": attempt.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"

    def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Assertion:
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise AssertionInvalidError("the answer belongs to another sign-in")
        if answer.get("iss", self._table.issuer) != self._table.issuer:
            raise AssertionInvalidError("the answer is another provider's")  # RFC 9207
        if "error" in answer or not answer.get("code"):
            raise AssertionInvalidError("the provider did not sign the person in")
        claims = self._claims(self._exchange(attempt, answer["code"]), attempt.nonce)
        return self._assertion(claims)

    def _assertion(self, claims: Mapping[str, Any]) -> Assertion:
        names = self._table.claims
        name, uscc, role = (claims.get(key) for key in (names.name, names.uscc, names.role))
        if role not in self._table.representatives:
            raise NotRepresentativeError("the provider does not assert that this person represents an enterprise")
        if not isinstance(uscc, str) or not re.fullmatch(USCC, uscc):
            raise NotRepresentativeError("the provider names no enterprise")
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
            raise AssertionInvalidError("the provider names nobody")
        return Assertion(who(self._table.issuer, claims["sub"]), name, uscc)

    def _exchange(self, attempt: Attempt, code: str) -> str:
        """The identity token for a code, which works once and only with the verifier."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri, "code_verifier": attempt.verifier}
        document = self._ask("POST", self._endpoint("token_endpoint"), data=form, auth=(self._table.client_id, self._secret))
        token = document.get("id_token")
        if not isinstance(token, str):
            raise AssertionInvalidError("the provider gave no identity token for this code")
        return token

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an identity token: signed by the issuer, for this client, this sign-in, now."""
        client = self._table.client_id
        rules = jwt.JWTClaimsRegistry(
            now=self._now, leeway=LEEWAY_S, iss={"essential": True, "value": self._table.issuer}, aud={"essential": True, "value": client},
            exp={"essential": True}, iat={"essential": True}, sub={"essential": True}, nonce={"essential": True, "value": nonce},
        )  # fmt: skip
        try:
            claims = self._decoded(token).claims
            rules.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:  # the others: of tokens and keys that are none
            raise AssertionInvalidError(f"the identity token does not hold: {type(error).__name__}") from error
        if claims["aud"] != client and (claims["aud"] != [client] or claims.get("azp", client) != client):
            raise AssertionInvalidError("the identity token is for others too")
        if not isinstance(claims["sub"], str) or claims["iat"] < self._now() - OLDEST_S:
            raise AssertionInvalidError("the identity token is old, or about nobody")
        return dict(claims)

    def _decoded(self, token: str) -> jwt.Token:
        """The token, its signature checked; with the keys asked for again where they may have been replaced."""
        try:
            return jwt.decode(token, self._key_set(KEPT_S), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            return jwt.decode(token, self._key_set(KEYS_AGAIN_S), algorithms=list(ALGORITHMS))

    def _key_set(self, kept_s: int) -> KeySet:
        with self._lock:
            known = self._keys
        if known is not None and self._now() - known[0] < kept_s:
            return known[1]
        document = self._ask("GET", self._endpoint("jwks_uri"))
        usable = [key for key in document["keys"] if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"]
        keys = KeySet.import_key_set({"keys": usable})
        with self._lock:
            self._keys = self._now(), keys
        return keys

    def _endpoint(self, name: str) -> str:
        """An address of the provider's discovery document. Raises AssertionInvalidError when it is another issuer's, or open to eavesdroppers."""
        with self._lock:
            known = self._found
        if known is None or self._now() - known[0] >= KEPT_S:
            document = self._ask("GET", self._table.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if document.get("issuer") != self._table.issuer:
                raise AssertionInvalidError("the discovery document is another issuer's")
            known = self._now(), document
            with self._lock:
                self._found = known
        address = known[1].get(name)
        if not isinstance(address, str) or urlsplit(address).scheme != urlsplit(self._table.issuer).scheme:
            raise AssertionInvalidError(f"the provider's {name} is missing, or not under the issuer's scheme")
        return address

    def _ask(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        """A JSON object of the provider's. Raises AssertionInvalidError when it refuses, PeerUnavailableError when it cannot be reached."""
        try:
            with self._client.stream(method, address, headers={"accept": "application/json"}, **more) as response:
                body = b"".join(_bounded(response))
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise PeerUnavailableError(f"the identity provider: {type(error).__name__}") from error
        if response.status_code >= 500:
            raise PeerUnavailableError(f"the identity provider answered {response.status_code}")
        try:
            document = json.loads(body)
        except ValueError as error:
            raise AssertionInvalidError("the provider's answer is not JSON") from error
        if response.status_code != httpx.codes.OK or not isinstance(document, dict):
            raise AssertionInvalidError("the provider refused")
        return document


def _bounded(response: httpx.Response) -> Any:
    size = 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MOST_BYTES:
            raise AssertionInvalidError("the provider's answer is too long")
        yield part
