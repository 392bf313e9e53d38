"""Bearer tokens of a process's own people: one secret in a private file, compared in constant time."""

from __future__ import annotations

import hmac
import re
import secrets
from pathlib import Path

from nodes.errors import SecretFileError, TokenError
from nodes.runtime.files import read_private, write_private

_FORM = re.compile(r"[A-Za-z0-9_-]{32,128}\Z")


def token_file(path: Path) -> str:
    """The token in ``path``, made with 256 random bits where there is no such file.

    Raises SecretFileError when others may read the file or it holds no token of 32 to 128 base64url characters.
    """
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return read_token(path)


def read_token(path: Path) -> str:
    """The token in ``path``. Raises SecretFileError as ``token_file``, and when the file is missing."""
    token = read_private(path).decode(errors="replace").strip()
    if not _FORM.match(token):
        raise SecretFileError(f"{path} holds no token of 32 to 128 base64url characters")
    return token


def check_bearer(authorization: str | None, token: str) -> None:
    """Returns when an Authorization header carries ``token``. Raises TokenError."""
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise TokenError("send the header Authorization: Bearer <token of this process's token file>")
