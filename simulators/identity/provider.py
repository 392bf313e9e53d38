"""The stand-in as an OpenID provider, without its transport: requests checked, codes that work once, identity tokens signed (ES256).

It is strict where a real one is: registered redirect addresses only, PKCE with S256 always, state and nonce always.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import ECKey

from crypto.encoding import sha256
from simulators.identity.accounts import Account, Represented

CODE_S, TOKEN_S, PAGE_S = 60, 300, 600
MOST_TRIES = 5


class RequestError(Exception):
    """A request that a provider answers with a page or a JSON error, not by sending the browser back."""


class TokenError(Exception):
    """An error of the token endpoint; its text is the code of RFC 6749."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client."""

    id: str
    secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]


@dataclass(slots=True)
class Asked:
    """An authorization request that waits for its person, who may have shown a password and has to choose an enterprise."""

    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    until: int
    tries: int = 0
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class _Code:
    asked: Asked
    account: Account
    represented: Represented
    until: int


class IdentityProvider:
    """``issuer`` answers for ``accounts`` to ``client``. Thread-safe."""

    def __init__(self, issuer: str, client: Client, accounts: Sequence[Account], key: ECKey, now: Callable[[], int]) -> None:
        self.issuer, self._client, self._key, self._now = issuer, client, key, now
        self._accounts = {account.account: account for account in accounts}
        self._asked: dict[str, Asked] = {}
        self._codes: dict[str, _Code] = {}
        self._lock = threading.Lock()

    def discovery(self) -> dict[str, Any]:
        """The document under /.well-known/openid-configuration."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "claims_supported": ["sub", "name", "uscc", "company", "role"],
            "authorization_response_iss_parameter_supported": True,
        }

    def keys(self) -> dict[str, Any]:
        """The public keys."""
        return {"keys": [self._key.as_dict(private=False)]}

    # --- the browser's side ---

    def ask(self, query: Mapping[str, str]) -> str:
        """Take an authorization request; the word for its page. Raises RequestError: the browser is not sent anywhere unknown."""
        if query.get("client_id") != self._client.id or query.get("redirect_uri") not in self._client.redirect_uris:
            raise RequestError("unknown client, or an address that it has not registered")
        wanted = {"response_type": "code", "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in wanted.items()) or "openid" not in query.get("scope", "").split():
            raise RequestError("response_type=code, scope=openid and code_challenge_method=S256 are right")
        if not all(query.get(name) for name in ("state", "nonce", "code_challenge")):
            raise RequestError("state, nonce and code_challenge are needed")
        asked = Asked(query["redirect_uri"], query["state"], query["nonce"], query["code_challenge"], self._now() + PAGE_S)
        word = secrets.token_urlsafe(24)
        with self._lock:
            self._asked[word] = asked
        return word

    def sign_in(self, word: str, account: str, password: str) -> Sequence[Represented] | None:
        """The enterprises of an account whose password is right, to choose from; None when it is wrong. Raises RequestError for no request."""
        with self._lock:
            asked = self._waiting(word)
            asked.tries += 1
            if asked.tries > MOST_TRIES:
                self._asked.pop(word)
                raise RequestError("too many tries: begin again")
            found = self._accounts.get(account)
            if not hmac.compare_digest((found.password if found else secrets.token_urlsafe(9)).encode(), password.encode()) or found is None:
                return None
            asked.account = found
        return found.enterprises

    def choose(self, word: str, uscc: str) -> str:
        """The address that sends the browser back with a code. Raises RequestError when nobody was signed in, or not for this enterprise."""
        with self._lock:
            asked = self._waiting(word)
            chosen = [] if asked.account is None else [item for item in asked.account.enterprises if item.uscc == uscc]
            if asked.account is None or not chosen:
                raise RequestError("sign in, and choose one of your enterprises")
            self._asked.pop(word)
            code = secrets.token_urlsafe(32)
            self._codes[code] = _Code(asked, asked.account, chosen[0], self._now() + CODE_S)
        return f"{asked.redirect_uri}?{urlencode({'code': code, 'state': asked.state, 'iss': self.issuer})}"

    def refuse(self, word: str) -> str:
        """The address that sends the browser back without one. Raises RequestError."""
        with self._lock:
            asked = self._waiting(word)
            self._asked.pop(word)
        return f"{asked.redirect_uri}?{urlencode({'error': 'access_denied', 'state': asked.state, 'iss': self.issuer})}"

    # --- the client's side ---

    def token(self, client_id: str, secret: str, form: Mapping[str, str]) -> dict[str, Any]:
        """The identity token for a code. A code is used up by the first who shows it. Raises TokenError."""
        if client_id != self._client.id or not hmac.compare_digest(secret.encode(), self._client.secret.encode()):
            raise TokenError("invalid_client")
        if form.get("grant_type") != "authorization_code":
            raise TokenError("unsupported_grant_type")
        with self._lock:
            code = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode())).rstrip(b"=").decode()
        if code is None or code.until < self._now() or form.get("redirect_uri") != code.asked.redirect_uri:
            raise TokenError("invalid_grant")
        if not hmac.compare_digest(challenge.encode(), code.asked.challenge.encode()):
            raise TokenError("invalid_grant")
        return {"access_token": secrets.token_urlsafe(24), "token_type": "Bearer", "expires_in": TOKEN_S, "id_token": self._identity(code)}

    def _identity(self, code: _Code) -> str:
        now, account, represented = self._now(), code.account, code.represented
        claims = {
            "iss": self.issuer, "aud": self._client.id, "sub": account.account, "iat": now, "exp": now + TOKEN_S, "auth_time": now,
            "nonce": code.asked.nonce, "name": account.name, "uscc": represented.uscc, "company": represented.company, "role": represented.role,
        }  # fmt: skip
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)

    def _waiting(self, word: str) -> Asked:
        asked = self._asked.get(word)
        if asked is None or asked.until < self._now():
            self._asked.pop(word, None)
            raise RequestError("this page is too old: begin again where you wanted to sign in")
        return asked
