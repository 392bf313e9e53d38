"""Bytes that a process keeps on disk for as long as it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.runtime.spool import Spool


@given(st.lists(st.binary(max_size=200), max_size=8), st.integers(0, 250), st.integers(0, 250))
def test_every_part_is_what_was_put_there(contents: list[bytes], start: int, size: int) -> None:
    spool = Spool()
    for key, content in enumerate(contents):
        spool.put(key, content)
    for key, content in enumerate(contents):
        assert spool.read(key, start, size) == content[start : start + size]
    assert spool.read(len(contents), start, size) is None


def test_what_is_there_stays() -> None:
    spool = Spool()
    spool.put(1, b"first")
    spool.put(1, b"other")
    assert spool.read(1, 0, 5) == b"first"


def test_past_the_limit_everything_is_forgotten_and_nothing_is_mixed_up() -> None:
    spool = Spool(limit_bytes=10)
    spool.put(1, b"aaaaaa")
    spool.put(2, b"bbbb")
    assert spool.read(1, 0, 6) == b"aaaaaa"
    spool.put(3, b"ccc")
    assert [spool.read(key, 0, 10) for key in (1, 2, 3)] == [None, None, b"ccc"]
    spool.put(1, b"aaaaaa")
    assert [spool.read(key, 0, 10) for key in (1, 3)] == [b"aaaaaa", b"ccc"]


def test_the_file_has_no_name(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(1, b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Spool(tmp_path / "missing")
