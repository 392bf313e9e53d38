"""Bearer tokens: made once, private, compared whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.errors import SecretFileError, TokenError
from nodes.runtime.web.tokens import check_bearer, read_token, token_file


def test_a_token_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    token = token_file(path)
    assert (len(token) >= 43, token_file(path), read_token(path)) == (True, token, token)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    token_file(path)
    path.chmod(0o644)
    with pytest.raises(SecretFileError):
        token_file(path)


@pytest.mark.parametrize("content", [b"", b"short", b"a" * 200, b"has space " * 5, b"\xff" * 40])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "api.token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SecretFileError):
        read_token(path)


def test_the_right_token_is_accepted() -> None:
    check_bearer("Bearer " + "a" * 43, "a" * 43)
    check_bearer("bearer " + "a" * 43, "a" * 43)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic " + "a" * 43, "a" * 43, "Bearer " + "a" * 42, "Bearer " + "ä" * 43])
def test_anything_else_is_refused(header: str | None) -> None:
    with pytest.raises(TokenError):
        check_bearer(header, "a" * 43)
