"""Private files: refused when others may read them, replaced whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nodes.errors import SecretFileError
from nodes.runtime.files import check_private_directory, make_private_directory, read_private, write_private, write_public


def test_a_private_file_is_read_back_and_is_0600_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_private(tmp_path / "key", b"secret")
    finally:
        os.umask(old)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert read_private(tmp_path / "key") == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_private_file_open_to_others_is_refused(mode: int, tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"secret")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(SecretFileError, match=f"{mode:04o}.*must be 0600"):
        read_private(tmp_path / "key")


def test_a_link_is_no_private_file(tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    with pytest.raises(SecretFileError):
        read_private(tmp_path / "link")


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="No such file"):
        read_private(tmp_path / "key")
    with pytest.raises(SecretFileError):
        read_private(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"secret")
    os.chown(tmp_path / "key", 65534, -1)
    with pytest.raises(SecretFileError, match="belongs to user 65534"):
        read_private(tmp_path / "key")


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    directory = make_private_directory(tmp_path / "state")
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o750)
    with pytest.raises(SecretFileError, match="0750"):
        make_private_directory(directory)
    write_private(tmp_path / "file", b"")
    with pytest.raises(SecretFileError, match="is not a directory"):
        check_private_directory(tmp_path / "file")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_public(tmp_path / "head", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_public(tmp_path / "head", b"new")
    assert (tmp_path / "head").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["head"]


def test_a_file_written_by_many_at_once_is_always_whole(tmp_path: Path) -> None:
    contents = [bytes([mark]) * 40_000 for mark in range(8)]
    with ThreadPoolExecutor(len(contents)) as pool:
        for _ in range(10):
            list(pool.map(lambda content: write_private(tmp_path / "blob", content), contents))
            assert read_private(tmp_path / "blob") in contents
    assert [path.name for path in tmp_path.iterdir()] == ["blob"]


@pytest.mark.skipif(os.geteuid() != 0, reason="credentials are root's")
def test_a_credential_of_this_service_is_private_and_nothing_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("/run/credentials").mkdir(exist_ok=True)
    with TemporaryDirectory(dir="/run/credentials") as name:
        directory, passphrase = Path(name), Path(name) / "passphrase"
        passphrase.write_bytes(b"secret")
        passphrase.chmod(0o440)  # as an access list for the service's user shows
        with pytest.raises(SecretFileError):
            read_private(passphrase)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", name)
        assert read_private(passphrase) == b"secret"
        with pytest.raises(SecretFileError):
            read_private(directory / ".." / directory.name / "passphrase")
        passphrase.chmod(0o444)
        with pytest.raises(SecretFileError):
            read_private(passphrase)
        passphrase.chmod(0o440)
        os.chown(passphrase, 65534, -1)
        with pytest.raises(SecretFileError):
            read_private(passphrase)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/")
    with pytest.raises(SecretFileError):
        read_private(Path("/etc/hostname"))
