"""Both verifiers give every artifact of the corpus its diagnosis: ours, and the second one that shares nothing with it."""

from __future__ import annotations

import copy
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nodes.auditor.audit import Options, audit
from nodes.evidence.archive import Archive
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import AuditRoots, Roots
from protos.errors import refusal_of
from scoring.disclosure.lint import lint
from scoring.errors import ModelError, ModelLeaksError, ReceiptError
from scoring.indicators.model import load_pack
from tests.support import independent
from tests.support.artifacts import put, records_of, write_public, write_zone
from tests.support.mutations import changed_scalar, leaves
from tests.vectors.corpus.edits import edited
from tests.vectors.corpus.forgeries import Forger, forged
from tests.vectors.corpus.logs import epoch, files_of, logs, members, refusal, young
from tests.vectors.corpus.models import LEAKS, models
from tests.vectors.corpus.zone import Made, make_zone

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "tests" / "vectors" / "artifacts"
PUBLIC = ARTIFACTS / "public"
INDEX: list[dict[str, Any]] = json.loads((ARTIFACTS / "index.json").read_text(encoding="utf-8"))
MOST_BYTES = 2_400_000
verifier = independent.load()


def of_kind(kind: str, *, slow_bad: bool = False) -> list[Any]:
    marks = {False: (pytest.mark.slow,) if slow_bad else (), True: ()}
    return [pytest.param(entry, id=entry["file"], marks=marks[entry["valid"]]) for entry in INDEX if entry["kind"] == kind]


def ours_of_receipt(data: bytes, public: Path) -> str | None:
    """The reason that our verifier gives."""
    try:
        verify_receipt(data, Roots.load(public))
    except ReceiptError as error:
        return error.reason
    return None


def theirs(target: Path, public: Path) -> set[str]:
    """Every reason that the second verifier gives."""
    return {item["reason"] for item in verifier.verify(target, verifier.Roots(public))["reasons"]}


def ours_of_log(directory: Path, public: Path) -> set[str]:
    verdict = audit(Archive.find(directory), AuditRoots.load(public), Options(workers=1), lambda _what, _done, _total: None)
    return {finding.code for finding in verdict.findings}


def expected(reason: str | None) -> set[str]:
    return set() if reason is None else {reason}


# --- the corpus as it is shipped ---


def test_index_lists_everything_once_and_nothing_else() -> None:
    listed = [entry["file"] for entry in INDEX]
    there = [path.relative_to(ARTIFACTS).as_posix() for part in ("receipts", "logs", "models") for path in (ARTIFACTS / part).iterdir()]
    assert sorted(listed) == sorted(there)
    assert all(set(entry) == {"file", "kind", "valid", "reason"} and entry["valid"] == (entry["reason"] is None) for entry in INDEX)


def test_there_are_good_and_bad_ones_of_each_kind_and_they_are_small() -> None:
    for kind in ("receipt", "log", "model"):
        assert {entry["valid"] for entry in INDEX if entry["kind"] == kind} == {True, False}
    assert sum(path.stat().st_size for path in ARTIFACTS.rglob("*") if path.is_file()) < MOST_BYTES


def test_every_reason_that_a_receipt_can_get_has_an_artifact() -> None:
    text = (ROOT / "docs" / "specs" / "receipt.md").read_text(encoding="utf-8")
    table = text.partition("| part | reasons |")[2].partition("\n\n")[0]
    named = {word.strip("` ") for row in table.splitlines()[2:] for word in row.split("|")[2].split(",")}
    assert named == {entry["reason"] for entry in INDEX if entry["kind"] == "receipt"} - {None}


@pytest.mark.parametrize("entry", of_kind("receipt"))
def test_our_verifier_gives_a_receipt_its_reason(entry: dict[str, Any]) -> None:
    assert ours_of_receipt((ARTIFACTS / entry["file"]).read_bytes(), PUBLIC) == entry["reason"]


@pytest.mark.parametrize("entry", of_kind("log"))
def test_our_audit_gives_a_log_its_finding(entry: dict[str, Any]) -> None:
    assert ours_of_log(ARTIFACTS / entry["file"], PUBLIC) == expected(entry["reason"])


@pytest.mark.parametrize("entry", of_kind("model"))
def test_our_linter_takes_the_good_model_and_refuses_the_bad(entry: dict[str, Any]) -> None:
    data = (ARTIFACTS / entry["file"]).read_bytes()
    if entry["reason"] == "MODEL_INVALID":
        with pytest.raises(ModelError) as error:
            load_pack(data)
        assert refusal_of(error.value).reason == entry["reason"]
        return
    report = lint(load_pack(data))
    assert report.admissible == entry["valid"]
    if not entry["valid"]:
        rule, _, _ = LEAKS[Path(entry["file"]).stem]
        assert rule in {finding.rule for finding in report.findings if finding.outcome == "refused"}
        assert refusal_of(ModelLeaksError("")).reason == entry["reason"]


@pytest.mark.parametrize("entry", [*of_kind("receipt", slow_bad=True), *of_kind("log")])
def test_the_second_verifier_gives_every_artifact_its_reason(entry: dict[str, Any]) -> None:
    assert theirs(ARTIFACTS / entry["file"], PUBLIC) == expected(entry["reason"])


def test_both_find_the_same_in_a_log_whatever_bit_is_flipped(tmp_path: Path) -> None:
    draw = random.Random("bits")
    for number in range(24):
        log = shutil.copytree(ARTIFACTS / "logs" / "young", tmp_path / str(number))
        path = draw.choice(sorted(path for path in log.rglob("*") if path.is_file()))
        data = bytearray(path.read_bytes())
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        found = theirs(log, PUBLIC)
        assert found == ours_of_log(log, PUBLIC) != set(), path


@pytest.mark.parametrize(("name", "code"), [("plain", 0), ("total", 1)])
def test_both_commands_end_alike(name: str, code: int) -> None:
    receipt, public = str(ARTIFACTS / "receipts" / f"{name}.json"), str(PUBLIC)
    reason = next(entry["reason"] for entry in INDEX if entry["file"] == f"receipts/{name}.json")
    second = subprocess.run(
        [sys.executable, "-I", "-S", str(independent.PATH), receipt, public, "--json"], capture_output=True, text=True, check=False
    )
    first = subprocess.run(
        [sys.executable, "-m", "xinqiao", "verify", receipt, "--keys", public, "--json"], capture_output=True, text=True, check=False
    )
    assert (first.returncode, second.returncode) == (code, code)
    assert json.loads(first.stdout).get("reason") == reason
    assert [item["reason"] for item in json.loads(second.stdout)["reasons"]] == ([] if reason is None else [reason])


# --- the corpus as it is made, with what was left out of it ---


@pytest.fixture(scope="module")
def made() -> Made:
    """A corpus zone made now."""
    return make_zone()


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_corpus_made_anew_gets_the_same_diagnoses(made: Made, tmp_path: Path) -> None:
    """The statements' formats of today: what is changed and what must be said of it are the same."""
    public = tmp_path / "public"
    write_public(made.zone, public)
    wrong: list[tuple[str, str | None, object, object]] = []
    good: dict[str, tuple[str | None, bytes]] = {name: (None, json.dumps(document).encode()) for name, document in made.receipts.items()}
    for name, (reason, data) in {**good, **edited(made), **forged(made)}.items():
        put(tmp_path / f"{name}.json", data)
        found = (ours_of_receipt(data, public), theirs(tmp_path / f"{name}.json", public))
        if found != (reason, expected(reason)):
            wrong.append((name, reason, *found))
    sound: dict[str, tuple[str | None, dict[str, bytes]]] = {
        name: (None, files_of(zone))
        for name, zone in (("young", young(made)), ("members", members(made)), ("epoch", epoch(made)), ("released", made.zone))
    }
    for name, (reason, files) in {**sound, **logs(made)}.items():
        for path, data in files.items():
            put(tmp_path / name / path, data)
        both = (ours_of_log(tmp_path / name, public), theirs(tmp_path / name, public))
        if both != (expected(reason), expected(reason)):
            wrong.append((name, reason, *both))
    assert wrong == []
    assert {reason for reason, _ in models().values()} == {"MODEL_INVALID", "MODEL_LEAKS"}


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_both_name_one_reason_whatever_is_changed() -> None:
    """Every scalar of a receipt, changed to another one of its form, and left empty."""
    document = json.loads((ARTIFACTS / "receipts" / "plain.json").read_bytes())
    roots, pinned, differ = verifier.Roots(PUBLIC), Roots.load(PUBLIC), []
    for path in leaves(document):
        for other in (changed_scalar(at(document, path)), ""):
            changed = copy.deepcopy(document)
            at(changed, path[:-1])[path[-1]] = other
            data = json.dumps(changed).encode()
            reasons = (
                reason_of(ReceiptError, partial(verify_receipt, data, pinned)),
                reason_of(verifier.Fault, partial(lambda data: verifier.ReceiptCheck(data, roots).check(), data)),
            )
            if None in reasons or len(set(reasons)) != 1:
                differ.append((path, other, reasons))
    assert differ == []


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """What lies at ``path``."""
    for key in path:
        document = document[key]
    return document


def reason_of(kind: type[Exception], check: Callable[[], object]) -> str | None:
    """The reason of the refusal of this kind that ``check`` raises; None when it holds."""
    try:
        check()
    except kind as error:
        reason: str = error.reason  # type: ignore[attr-defined]
        return reason
    return None


def change_record(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the epoch record of the larger batch."""
    path = max((run / "epochs").glob("**/*.json"), key=lambda item: item.stat().st_size)
    record = json.loads(path.read_bytes())
    change(record)
    path.write_bytes(json.dumps(record).encode())


def raise_value(record: dict[str, Any]) -> None:
    record["openings"][0]["m"] = str(int(record["openings"][0]["m"]) + 100)


def write_m_plus_n(record: dict[str, Any]) -> None:
    record["openings"][0]["m"] = str(int(record["openings"][0]["m"]) + int(record["public_key"]["n"]))


RECORDS_BY_DAY = {"untouched", "value-plus-n", "subjects-swapped"}
RECORDS: dict[str, tuple[str | None, Callable[[dict[str, Any]], object]]] = {
    "untouched": (None, lambda _: None),
    "value": ("OPENING_INVALID", raise_value),
    "value-plus-n": ("OPENING_INVALID", write_m_plus_n),
    "subjects-swapped": ("EPOCH_RECORD_TICKET", lambda record: record["subjects"].reverse()),
    "batch": ("EPOCH_RECORD_TICKET", lambda record: record.update(batch="7")),
    "aggregate": ("AGGREGATE_MISMATCH", lambda record: record["openings"][0].update(aggregate="12345")),
    "ticket-gone": ("EPOCH_RECORD_FORMAT", lambda record: record.pop("ticket")),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name if name in RECORDS_BY_DAY else pytest.param(name, marks=pytest.mark.nightly) for name in RECORDS])
def test_both_judge_the_epoch_records_of_a_run(name: str, made: Made, tmp_path: Path) -> None:
    reason, change = RECORDS[name]
    run = write_zone(made.zone, tmp_path / "run", records=records_of(made.zone))
    change_record(run, change)
    assert (ours_of_log(run, run / "public"), theirs(run, run / "public")) == (expected(reason), expected(reason))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_both_tell_a_receipt_of_another_history_from_one_of_a_later_log(made: Made, tmp_path: Path) -> None:
    shown, here = Forger(made), made.zone.fork()
    shown.zone.say(refusal(), "bank-a")
    receipt = json.loads(shown.written())
    later = write_zone(made.zone, tmp_path / "later", receipts=[receipt])
    for _ in range(2):
        here.say(refusal(), "bank-a")
    fork = write_zone(here, tmp_path / "fork", receipts=[receipt])
    for run, reason in ((later, "RECEIPT_BEYOND_LOG"), (fork, "RECEIPT_FORK")):
        assert (ours_of_log(run, run / "public"), theirs(run, run / "public")) == ({reason}, {reason})
