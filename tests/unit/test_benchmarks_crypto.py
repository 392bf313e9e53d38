"""The benchmark runs and reports what it says, on a 512-bit key and without judging speed."""

from __future__ import annotations

import sys

import pytest

from simulators.benchmarks.crypto import Row, run

NEEDS_PHE = {"encrypt one value", "encrypt packed values, 8 a ciphertext", "partial opening, against decryption with p and q"}


def test_rows_without_phe_have_no_peer_and_the_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phe", None)
    rows = {row.name: row for row in run(512, quick=True)}
    assert rows.keys() >= NEEDS_PHE
    assert all(row.ours_s > 0 for row in rows.values())
    assert all(rows[name].peer_s is rows[name].ratio is rows[name].met is None for name in NEEDS_PHE)
    assert sum(row.peer_s is not None for row in rows.values()) == 3


@pytest.mark.interop
def test_every_row_with_a_peer_has_the_ratio_to_it() -> None:
    pytest.importorskip("phe")
    rows = run(512, quick=True)
    assert len({row.name for row in rows}) == len(rows) == 8
    assert [row.name.split()[0] for row in rows if row.peer_s is None] == ["combine", "check"]
    for row in rows:
        assert row.target == ""
        if row.peer_s is None:
            assert row.ratio is None
        else:
            assert row.ratio in (row.peer_s / row.ours_s, row.ours_s / row.peer_s)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.interop
def test_targets_stand_at_the_length_they_are_stated_for() -> None:
    pytest.importorskip("phe")
    rows = run(3072, quick=True)
    assert [row.target for row in rows] == ["≥20", "≥800", "≥2.5", "≤2", "", "", "≤0.05", "≤0.35"]
    assert all((row.met is None) == (row.target == "") for row in rows)


def test_targets_bound_the_ratio_from_the_side_they_name() -> None:
    for target, ratio, met in (
        ("≥20", 20.0, True),
        ("≥20", 19.9, False),
        ("≤0.05", 0.05, True),
        ("≤0.05", 0.051, False),
        ("", 3.0, None),
        ("≥20", None, None),
    ):
        assert Row("work", 1.0, None, ratio, target, "unit").met is met
