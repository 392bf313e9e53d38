"""Several organisations found a zone by files and digests, as their people type it: each reads its own private keys alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import canonical_json
from nodes.ceremony.founding import Entry
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
