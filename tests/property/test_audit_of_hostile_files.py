"""Whatever lies in the directory under audit, the audit ends with a verdict: nothing in it is believed, and nothing stops the auditor."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.checkpoint import cosign
from crypto.keygen import PrivateKey
from crypto.notes import sign_note
from nodes.auditor.audit import Options, Verdict, audit
from nodes.auditor.report import document_of, page, text_of
from nodes.evidence.archive import Archive
from nodes.evidence.roots import AuditRoots
from tests.support.artifacts import receipt_of, records_of, write_zone
from tests.support.ledger import SMALL_BITS
from tests.support.zone import MemoryZone, released_zone

TREES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["0", "-1", "9" * 4000, "9" * 5000, "00", "A" * 64, "AAAA", "../../etc/passwd", "\ud800", "1e9"]),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture(scope="module")
def finished(zone: MemoryZone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = zone.asked(zone.consent(zone.subjects[0]))
    receipt = receipt_of(zone, asked, zone.say(asked.ticket, "coordinator"))
    return write_zone(zone, tmp_path_factory.mktemp("finished"), receipts=[receipt], records=records_of(zone)[:1])


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def judged(run: Path, finished: Path) -> Verdict:
    """The verdict; it must be presentable in every form."""
    pinned = AuditRoots.load(finished / "public", SMALL_BITS)
    verdict = audit(Archive.find(run), pinned, Options(workers=1, min_bits=SMALL_BITS), lambda _what, _done, _total: None)
    assert text_of(verdict)
    json.dumps(document_of(verdict))
    assert page(document_of(verdict), 1, "xinqiao audit COPY")
    return verdict


def places_in(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a JSON document."""
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [(*path, key) for key, _ in items] + [found for key, value in items for found in places_in(value, (*path, key))]


def put_at(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@TREES
@given(data=st.data())
@pytest.mark.parametrize("kind", ["receipts", "epochs"])
def test_any_value_anywhere_in_a_handed_in_document(run: Path, finished: Path, kind: str, data: st.DataObject) -> None:
    (path,) = (run / kind).glob("**/*.json")
    original = next((finished / kind).glob("**/*.json")).read_bytes()
    document = json.loads(original)
    place = data.draw(st.sampled_from(places_in(document)))
    put_at(document, place, data.draw(values))
    path.write_text(json.dumps(document), encoding="utf-8")
    judged(run, finished)
    path.write_bytes(original)


@TREES
@given(data=st.data())
def test_any_bytes_in_any_file_of_the_log(run: Path, finished: Path, data: st.DataObject) -> None:
    files = sorted(path.relative_to(finished / "log") for path in (finished / "log").rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    original = (finished / "log" / path).read_bytes()
    content = data.draw(st.one_of(st.binary(max_size=40), st.binary(max_size=8).map(lambda more: original + more), st.just(original[:-1])))
    (run / "log" / path).write_bytes(content)
    verdict = judged(run, finished)
    assert verdict.holds == (content == original), path
    (run / "log" / path).write_bytes(original)


@pytest.mark.parametrize("said", ["0", str(1 << 61), str(1 << 62), "18446744073709551616", "-1"])
def test_any_size_in_a_checkpoint_that_log_and_witness_signed(run: Path, finished: Path, zone: MemoryZone, said: str) -> None:
    note = sign_note(f"{zone.log_signer.name}\n{said}\n{'A' * 43}=\n".encode(), zone.log_signer)
    (run / "log" / "checkpoint").write_bytes(note + cosign(note, zone.witness_signer, 1))
    assert not judged(run, finished).holds
