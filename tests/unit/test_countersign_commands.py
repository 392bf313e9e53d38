"""``xinqiao model sign|admit`` and ``xinqiao member``: what a person types, what is refused, what lies in the public directory then."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from gateway.evaluation.founding import founding_files, log_founding
from nodes.ceremony.countersigning import read_members, statement_in
from nodes.commands.output import ExitCode, run
from nodes.errors import RpcRefusal
from nodes.packs import shipped_pack
from nodes.runtime.peers.identity import key_id
from scoring.disclosure.audiences import registered
from scoring.disclosure.countersigning import check_acceptances
from scoring.disclosure.lint import lint
from scoring.indicators.model import load_pack
from scoring.statements import ChangeApproval, MemberChange, ModelAdmitted, RegistryExtension, RegistryRenewal, SigningKey, parse_record
from simulators.zone.authority import make_zone
from simulators.zone.layout import demo_plan
from xinqiao import app

OWNERS = {"tax-hangzhou": "rd-expense", "science-binjiang": "rd-staff", "ip-zhejiang": "ip"}
APPROVERS = ("tax-hangzhou", "notary-hangzhou", "archive-zhejiang")


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """A founded zone without a model."""
    make_zone(demo_plan(), tmp_path, [])
    return tmp_path


def call(zone: Path, *words: str) -> int:
    return run(app, [*words, "--public", str(zone / "public")])


def key(zone: Path, member: str) -> tuple[str, str]:
    return "--key", str(zone / "members" / member / "sign.pem")


def sign(zone: Path, member: str, *more: str) -> int:
    return call(zone, "model", "sign", "sme-tech", *key(zone, member), "--member", member, "-o", str(zone / f"{member}.json"), *more)


def admit(zone: Path, *members: str, signer: str = "authority") -> int:
    files = [word for name in members for word in ("--acceptance", str(zone / f"{name}.json"))]
    return call(zone, "model", "admit", "sme-tech", *key(zone, signer), *files)


def test_a_model_that_every_owner_signed_is_admitted(zone: Path) -> None:
    for member, indicator in OWNERS.items():
        assert sign(zone, member, "--accept", indicator) == ExitCode.DONE
    *some, last = OWNERS
    assert admit(zone, *some) == ExitCode.BAD_INPUT
    assert founding_files(zone / "public") == []
    assert admit(zone, *some, last) == ExitCode.DONE
    (path,) = founding_files(zone / "public")
    pack = shipped_pack("sme-tech")
    assert (zone / "public" / "packs" / "sme-tech@1.yaml").read_bytes() == pack
    statement = statement_in(path.read_bytes(), ModelAdmitted)
    found = check_acceptances(read_members(zone / "public"), load_pack(pack), statement)
    assert {name: said.exposures for name, said in found.items()} == {name: (indicator,) for name, indicator in OWNERS.items()}
    assert {said.report for said in found.values()} == {report_of(zone)}


def report_of(zone: Path) -> str:
    """The lint report of the model in this zone, by its SHA-256."""
    registry, model = read_members(zone / "public"), load_pack(shipped_pack("sme-tech"))
    return lint(model, policy=registry.genesis.disclosure, audiences=registered(tuple(registry.members.values()), [model])).sha256


def test_an_owner_that_read_another_report_than_the_zones_does_not_sign(zone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign(zone, "ip-zhejiang", "--accept", "ip", "--report", "ab" * 32) == ExitCode.BAD_INPUT
    assert f"for this zone it is {report_of(zone)}" in capsys.readouterr().err
    assert sign(zone, "ip-zhejiang", "--accept", "ip", "--report", report_of(zone)) == ExitCode.DONE


def test_a_model_that_leaks_is_neither_signed_nor_admitted(zone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same pack with weights in digits of base 100: its total shows all three indicators."""
    pack = tmp_path / "radix.yaml"
    digits = iter((1, 100, 10000))
    pack.write_text(re.sub("weights: 1", lambda _: f"weights: {next(digits)}", shipped_pack("sme-tech").decode()), encoding="utf-8")
    words = ("model", "sign", str(pack), *key(zone, "ip-zhejiang"), "--member", "ip-zhejiang", "--accept", "ip", "-o", str(zone / "radix.json"))
    assert call(zone, *words) == ExitCode.NOT_HOLDING
    assert "NOT ADMISSIBLE" in capsys.readouterr().out
    assert not (zone / "radix.json").exists()
    assert sign(zone, "ip-zhejiang", "--accept", "ip") == ExitCode.DONE
    accepted = str(zone / "ip-zhejiang.json")
    assert call(zone, "model", "admit", str(pack), *key(zone, "authority"), "--acceptance", accepted) == ExitCode.NOT_HOLDING
    assert founding_files(zone / "public") == []


def test_what_would_count_for_nothing_is_not_signed(zone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign(zone, "credit-binjiang") == ExitCode.BAD_INPUT  # owns nothing of it
    assert "owns no indicator" in capsys.readouterr().err
    assert sign(zone, "tax-hangzhou") == ExitCode.BAD_INPUT  # an exposure is passed over in silence
    assert "--accept" in capsys.readouterr().err
    assert sign(zone, "tax-hangzhou", "--accept", "ip") == ExitCode.BAD_INPUT  # another owner's
    stranger = call(zone, "model", "sign", "sme-tech", *key(zone, "ip-zhejiang"), "--member", "tax-hangzhou", "-o", str(zone / "x.json"))
    assert stranger == ExitCode.BAD_INPUT  # a key that is not registered under this name
    assert not list(zone.glob("*.json"))


def test_an_acceptance_of_another_version_does_not_admit(zone: Path) -> None:
    for member, indicator in OWNERS.items():
        assert sign(zone, member, "--accept", indicator) == ExitCode.DONE
    changed = zone / "changed.yaml"
    changed.write_bytes(shipped_pack("sme-tech") + b"\n# a word more\n")
    files = [word for name in OWNERS for word in ("--acceptance", str(zone / f"{name}.json"))]
    assert call(zone, "model", "admit", str(changed), *key(zone, "authority"), *files) == ExitCode.BAD_INPUT
    assert founding_files(zone / "public") == []


def entry(zone: Path, *, keys: bool) -> SigningKey:
    """Write bank-a.json, with a fresh key or with none."""
    new = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    made = SigningKey(key_id=key_id("bank-a", new), algorithm="ed25519", public=new.hex())
    member = read_members(zone / "public").member("bank-a").model_copy(update={"keys": (made,) if keys else ()})
    (zone / "bank-a.json").write_text(member.model_dump_json())
    return made


def propose(zone: Path) -> None:
    assert call(zone, "member", "propose", str(zone / "bank-a.json"), "--action", "rekey", "-o", str(zone / "change.json")) == ExitCode.DONE


def approve(zone: Path, member: str) -> int:
    return call(zone, "member", "approve", str(zone / "change.json"), *key(zone, member), "--member", member, "-o", str(zone / f"{member}.json"))


def enact(zone: Path, *members: str) -> int:
    files = [word for name in members for word in ("--approval", str(zone / f"{name}.json"))]
    return call(zone, "member", "enact", str(zone / "change.json"), *key(zone, "authority"), *files)


def test_a_new_key_needs_custodians_and_taking_one_away_does_not(zone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = entry(zone, keys=True)
    propose(zone)
    for member in APPROVERS:
        assert approve(zone, member) == ExitCode.DONE
    assert "changes keys; 3 custodians" in capsys.readouterr().out
    assert approve(zone, "bank-b") == ExitCode.BAD_INPUT
    assert enact(zone, *APPROVERS[:2]) == ExitCode.BAD_INPUT
    assert enact(zone, *APPROVERS) == ExitCode.DONE
    assert read_members(zone / "public").member("bank-a").keys == (made,)
    assert enact(zone, *APPROVERS) == ExitCode.BAD_INPUT  # approvals serve once

    entry(zone, keys=False)
    propose(zone)
    assert enact(zone) == ExitCode.DONE
    assert read_members(zone / "public").member("bank-a").keys == ()
    assert [statement_in(path.read_bytes(), MemberChange).action for path in founding_files(zone / "public")] == ["rekey", "rekey"]


def test_the_gateway_logs_what_lies_in_the_public_directory_and_reports_what_is_refused(zone: Path) -> None:
    for made in (entry(zone, keys=False), entry(zone, keys=False)):
        assert made
        propose(zone)
        assert enact(zone) == ExitCode.DONE
    seen: list[bytes] = []
    stopping, files = threading.Event(), founding_files(zone / "public")

    def append(envelope: bytes) -> int:
        seen.append(envelope)
        if len(seen) == len(files):
            stopping.set()
        if len(seen) == 1:
            raise RpcRefusal("CHANGE_NOT_APPROVED", "too few", "PERMISSION_DENIED")
        return len(seen)

    log_founding(zone / "public", append, stopping)
    assert seen == [path.read_bytes() for path in files]
    assert len(seen) == 2
    assert json.loads((zone / "change.json").read_bytes())["approvals"] == []


def test_a_custodian_approves_a_renewal_or_an_extension_after_reading_until_when(zone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds: tuple[tuple[str, type[RegistryRenewal | RegistryExtension]], ...] = (("renew", RegistryRenewal), ("extend", RegistryExtension))
    for action, kind in kinds:
        asked = zone / f"{action}.json"
        assert call(zone, "zone", action, "--days", "20", "-o", str(asked)) == ExitCode.DONE
        statement = parse_record(kind, asked.read_bytes())
        capsys.readouterr()
        signed = zone / f"{action}-approval.json"
        assert call(zone, "member", "approve", str(asked), *key(zone, "notary-hangzhou"), "--member", "notary-hangzhou", "-o", str(signed)) == 0
        day = datetime.fromtimestamp(statement.until, UTC).strftime("%Y-%m-%d")
        assert f"{kind.kind} until {day}" in capsys.readouterr().out
        approval = statement_in(signed.read_bytes(), ChangeApproval)
        assert (approval.custodian, approval.change) == ("notary-hangzhou", statement.digest())
    assert call(zone, "zone", "renew") == ExitCode.BAD_INPUT  # nowhere to write it
    (zone / "odd.json").write_text("[]")
    words = ("member", "approve", str(zone / "odd.json"), *key(zone, "notary-hangzhou"), "--member", "notary-hangzhou", "-o", str(zone / "x"))
    assert call(zone, *words) == ExitCode.BAD_INPUT
