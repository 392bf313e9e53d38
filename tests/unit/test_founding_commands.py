"""Several organisations found a zone by files and digests, as their people type it: each reads its own private keys alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import canonical_json
from nodes.ceremony.founding import MOST_BYTES, Entry
from nodes.commands.keys.key import recipients_of
from nodes.commands.output import ExitCode
from nodes.log.admission import Admission
from nodes.runtime.files import make_private_directory
from scoring.exchange.registry import MemberRegistry
from scoring.statements import parse_record
from tests.support.founding import PLAN, Office, offices, xinqiao


def found(root: Path, entries: list[Path], *more: object) -> int:
    outside = [word for name in PLAN.outside for word in ("--outside", name)]
    names = ["--zone", PLAN.zone, "--zh", PLAN.title.zh, "--en", PLAN.title.en, "--required", 2, *outside]
    return xinqiao(
        "zone", "found", *entries, *names, "--key", root / "authority" / "keys" / "sign.pem", "--public", root / "authority" / "public", *more
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Office]]:
    root = tmp_path_factory.mktemp("offices")
    return root, offices(root, PLAN)


@pytest.fixture
def founders(made: tuple[Path, dict[str, Office]]) -> Iterator[tuple[Path, dict[str, Office], list[Path]]]:
    """What the authority has: its own machine, and everybody's entry."""
    root, found = made
    posted = make_private_directory(root / "authority" / "posted")
    entries = [Path(shutil.copy(office.entry(), posted / f"{office.member}.json")) for office in found.values()]
    yield root, found, entries
    shutil.rmtree(root / "authority" / "public", ignore_errors=True)


def test_members_found_a_zone_and_each_finds_its_own_keys_in_it(
    founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    root, members, entries = founders
    assert not any(b"PRIVATE" in path.read_bytes() for path in entries)
    capsys.readouterr()
    assert found(root, entries, "--json") == ExitCode.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["entries"] == {path.stem: parse_record(Entry, path.read_bytes()).digest() for path in entries}
    for office in members.values():  # each gets the public directory, on its own machine
        shutil.copytree(root / "authority" / "public", office.place / "pinned")
        words = ("zone", "registry", "--public", office.place / "pinned", "--keys", office.keys, "--member", office.member, "--json")
        assert xinqiao(*words) == ExitCode.DONE
        assert json.loads(capsys.readouterr().out)["registry"] == told["registry"]
    admission = Admission((root / "authority" / "public" / "registry.dsse.json").read_bytes())  # as the log begins
    registry = admission.registry_statement
    assert {member.id: member.roles for member in registry.members} == {name: office.roles for name, office in members.items()}
    assert [recipient.member for recipient in recipients_of(registry)] == [name for name, office in members.items() if "custodian" in office.roles]
    assert MemberRegistry(registry).threshold == 3
    assert found(root, entries) == ExitCode.BAD_INPUT, "a zone is founded once"


def test_a_member_whose_key_was_replaced_in_the_registry_sees_it(
    founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    root, members, entries = founders
    tax, notary = (json.loads((root / name / "entry.json").read_text()) for name in ("tax-hangzhou", "notary-hangzhou"))
    tax["member"]["hpke"] = "09" + "00" * 31  # another's sealing key: shares and answers would be for somebody else
    (root / "authority" / "posted" / "tax-hangzhou.json").write_bytes(canonical_json(tax))
    assert notary["member"]["id"] == "notary-hangzhou"
    assert found(root, entries) == ExitCode.DONE
    for name, code in (("tax-hangzhou", ExitCode.NOT_HOLDING), ("notary-hangzhou", ExitCode.DONE)):
        words = ("zone", "registry", "--public", root / "authority" / "public", "--keys", members[name].keys, "--member", name)
        assert xinqiao(*words) == code
    assert "NOT YOURS: its sealing key is another than hpke.pem" in capsys.readouterr().out


def changed(entry: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**entry, "member": {**entry["member"], **changes}}


ENTERPRISE, FOREIGN = "e-0123456789abcdef", "bank-b~0011223344556677"
WRONG: dict[str, tuple[str, Any]] = {
    "an entry for another zone": ("is for zone suzhou-snd", lambda entry: {**entry, "zone": "suzhou-snd"}),
    "another's key": ("under another's name", lambda entry: changed(entry, keys=[{**entry["member"]["keys"][0], "key_id": FOREIGN}])),
    "a role that another has": ("exactly one member has the role log", lambda entry: changed(entry, roles=["bank", "log"])),
    "a sealing key that is none": ("sealing key", lambda entry: changed(entry, hpke="00" * 32)),
    "a name like an enterprise's key": ("under another's name", lambda entry: changed(entry, id=ENTERPRISE, uri=f"xinqiao://{PLAN.zone}/{ENTERPRISE}")),
    "a peer of a zone that is not there yet": ("become peers of one that is there", lambda entry: changed(entry, roles=["peer"])),
    "a witness without a key": ("witness", lambda entry: changed(entry, roles=["bank", "witness"])),
}  # fmt: skip


@pytest.mark.parametrize("wrong", list(WRONG))
def test_entries_that_make_no_zone_are_refused_and_nothing_is_signed(
    wrong: str, founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    root, _, entries = founders
    says, change = WRONG[wrong]
    path = root / "authority" / "posted" / "bank-a.json"
    path.write_bytes(canonical_json(change(json.loads(path.read_text()))))
    assert found(root, entries) == ExitCode.BAD_INPUT
    assert says in capsys.readouterr().err
    assert not (root / "authority" / "public").exists()


def test_two_entries_of_one_member_and_a_signer_that_is_not_the_authority_are_refused(
    founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    root, members, entries = founders
    assert found(root, [*entries, entries[-1]]) == ExitCode.BAD_INPUT
    assert "two entries" in capsys.readouterr().err
    assert found(root, entries, "--key", members["bank-a"].keys / "sign.pem", "--authority", "bank-a") == ExitCode.BAD_INPUT
    assert "the authority signs the registry" in capsys.readouterr().err
    assert found(root, entries[1:]) == ExitCode.BAD_INPUT
    assert "role authority in a zone; here nobody has it" in capsys.readouterr().err


def test_a_member_of_whom_the_registry_says_something_else_than_its_entry_sees_it(
    founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its keys are there: but another office would be the owner of its indicators, and it holds no share."""
    root, members, entries = founders
    tax = json.loads((root / "tax-hangzhou" / "entry.json").read_text())
    assert "custodian" in tax["member"]["roles"]
    (root / "authority" / "posted" / "tax-hangzhou.json").write_bytes(canonical_json(changed(tax, department="ip", roles=["department"])))
    assert found(root, entries) == ExitCode.DONE
    for name, code in (
        ("tax-hangzhou", ExitCode.NOT_HOLDING),
        ("notary-hangzhou", ExitCode.DONE),
        ("log", ExitCode.DONE),
        ("auditor", ExitCode.DONE),
    ):
        place = members[name].place
        words = (
            "zone",
            "registry",
            "--public",
            root / "authority" / "public",
            "--keys",
            place / "keys",
            "--member",
            name,
            "--entry",
            place / "entry.json",
        )
        capsys.readouterr()
        assert xinqiao(*words) == code, capsys.readouterr().out
        told = [line for line in capsys.readouterr().out.splitlines() if "NOT YOURS" in line]
        assert told == [f"NOT YOURS: its {what} in the registry is another than in its entry" for what in ("roles", "department")][: 2 * code]


def test_a_title_with_lines_and_controls_of_its_own_makes_none_where_the_digest_stands(
    founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    root, _, entries = founders
    path = root / "authority" / "posted" / "bank-a.json"
    said = f"银行\n\x1b[1Aregistry {'0' * 64}"
    path.write_bytes(canonical_json(changed(json.loads(path.read_text()), title={"zh": said, "en": said})))
    assert found(root, entries) == ExitCode.DONE
    capsys.readouterr()
    assert xinqiao("zone", "registry", "--public", root / "authority" / "public") == ExitCode.DONE
    out = capsys.readouterr().out
    assert sum(line.startswith("registry ") for line in out.splitlines()) == 1
    assert "\x1b" not in out
    assert f"银行\\x0a\\x1b[1Aregistry {'0' * 64}" in out


@pytest.mark.parametrize("what", ["hpke", "keys"])
def test_an_entry_with_anothers_key_is_refused(
    what: str, founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    """What the other one signs would be said by both."""
    root, _, entries = founders
    posted = root / "authority" / "posted"
    tax, bank = (json.loads((posted / f"{name}.json").read_text()) for name in ("tax-hangzhou", "bank-a"))
    theirs = [{**bank["member"]["keys"][0], "public": tax["member"]["keys"][0]["public"]}] if what == "keys" else tax["member"]["hpke"]
    (posted / "bank-a.json").write_bytes(canonical_json(changed(bank, **{what: theirs})))
    assert found(root, entries) == ExitCode.BAD_INPUT
    assert "have the same key in their entries" in capsys.readouterr().err
    assert not (root / "authority" / "public").exists()


def test_a_log_whose_entry_has_no_checkpoint_key_of_the_zone_is_refused(
    founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    root, _, entries = founders
    posted = root / "authority" / "posted"
    log, auditor = (json.loads((posted / f"{name}.json").read_text()) for name in ("log", "auditor"))
    for line in ("", "log.vkey", auditor["note_vkey"], f"{log['note_vkey']}\n"):
        (posted / "log.json").write_bytes(canonical_json({**log, "note_vkey": line}))
        assert found(root, entries) == ExitCode.BAD_INPUT
        assert "the entry of " in capsys.readouterr().err
        assert not (root / "authority" / "public").exists()


def test_what_is_no_entry_is_refused_with_the_name_of_its_file(
    founders: tuple[Path, dict[str, Office], list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    root, _, entries = founders
    path = root / "authority" / "posted" / "bank-a.json"
    entry = json.loads(path.read_text())
    long = changed(entry, title={"zh": "银" * MOST_BYTES, "en": "Bank"})
    for content in (b"", b"{}", b"\xff", canonical_json(long), canonical_json({**entry, "more": 1})):
        path.write_bytes(content)
        assert found(root, entries) == ExitCode.BAD_INPUT
        assert "bank-a.json" in capsys.readouterr().err
    assert not (root / "authority" / "public").exists()


def test_a_department_says_which_one_it_is_and_places_have_six_digits(
    made: tuple[Path, dict[str, Office]], capsys: pytest.CaptureFixture[str]
) -> None:
    office = made[1]["tax-hangzhou"]
    words = ("member", "entry", office.keys, "--zone", "z", "--member", "tax", "--zh", "税", "--en", "Tax", "--role", "department")
    for more, says in ((("--level", "city"), "--department and --level"), (("--division", "33O100"), "33O100")):
        assert xinqiao(*words, *more, "-o", office.place / "no.json") == ExitCode.BAD_INPUT
        assert says in capsys.readouterr().err
    assert not (office.place / "no.json").exists()
