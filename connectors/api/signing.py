"""How a request says who asks: a bearer token, or a signature by RFC 9421 with HMAC-SHA-256 [C8]."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.errors import MappingError
from connectors.outside import read_secret
from connectors.sources import SignatureAuth, TokenAuth

Headers = Mapping[str, str]
Credentials = Callable[[str], Headers]
"""Headers for a GET of the URI that is given."""

MIN_KEY_BYTES = 16


def no_credentials(_uri: str) -> Headers:
    """For an API that asks for none."""
    return {}


def credentials_of(auth: TokenAuth | SignatureAuth | None, base: Path) -> Credentials:
    """Credentials by what the mapping says, read now. Raises MappingError when the private file is not as it should be."""
    if auth is None:
        return no_credentials
    secret = read_secret(base / auth.file)
    if isinstance(auth, TokenAuth):
        return lambda _uri: {"Authorization": f"Bearer {secret}"}
    try:
        key = bytes.fromhex(secret)
    except ValueError as error:
        raise MappingError(f"{auth.file}: the key is written in hex 密钥须为十六进制") from error
    if len(key) < MIN_KEY_BYTES:
        raise MappingError(f"{auth.file}: a key has at least {MIN_KEY_BYTES} bytes 密钥过短")
    key_id = auth.key_id
    return lambda uri: signature_headers(uri, key, key_id, created=int(time.time()), nonce=secrets.token_urlsafe(16))


def signature_headers(uri: str, key: bytes, key_id: str, *, created: int, nonce: str) -> Headers:
    """The two headers of RFC 9421 that sign method and target URI of a GET, with time, nonce and the key's name."""
    parameters = f'("@method" "@target-uri");created={created};nonce="{nonce}";keyid="{key_id}";alg="hmac-sha256"'
    signed = f'"@method": GET\n"@target-uri": {uri}\n"@signature-params": {parameters}'
    mark = base64.b64encode(hmac.digest(key, signed.encode(), hashlib.sha256)).decode()
    return {"Signature-Input": f"sig1={parameters}", "Signature": f"sig1=:{mark}:"}
