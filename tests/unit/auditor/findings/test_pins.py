"""What an auditor finds where key, ceremony or model are not those that he pinned; and pins that are none."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey, generate_private_key
from crypto.paillier import PublicKey
from nodes.auditor import audit as audits
from nodes.errors import SettingsError
from nodes.evidence.archive import Archive
from nodes.evidence.roots import AuditRoots, Roots
from nodes.runtime.peers.signing import fresh_nonce
from scoring.exchange.registry import MemberRegistry
from scoring.statements import Ceremony, ModelAdmitted, Refusal
from tests.support.artifacts import put, write_log
from tests.support.findings import Judge, Relogged, places
from tests.support.ledger import SMALL_BITS
from tests.support.members import ZONE
from tests.support.zone import MemoryZone


def repinned(run: Path, tmp_path: Path) -> Path:
    """A copy of the pinned directory, to be changed."""
    return shutil.copytree(run / "public", tmp_path / "pinned")


def test_key_and_ceremony_other_than_the_pinned_are_found(run: Path, tmp_path: Path, judge: Judge, zone: MemoryZone) -> None:
    keys = repinned(run, tmp_path)
    other = PublicKey.from_modulus(generate_private_key(SMALL_BITS, secrets.randbits).n, min_bits=SMALL_BITS)
    put(keys / "key.json", json.dumps(other.to_json()).encode())
    put(keys / "ceremony.dsse.json", b"another transcript")
    ceremony = zone.view.ceremony
    assert ceremony is not None
    verdict = judge(run, keys)
    assert places(verdict)[:2] == [("CEREMONY_NOT_PINNED", ceremony.index), ("KEY_NOT_PINNED", ceremony.index)]


def test_ceremony_whose_proof_fails_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    honest: Ceremony = MemoryZone(small_private_key).hold_ceremony().statement
    zone = MemoryZone(small_private_key)
    logged = zone.say(honest.model_copy(update={"key_proof": honest.key_proof[1:]}), "authority")
    assert places(relogged(zone)) == [("CEREMONY_INVALID", logged.index)]


def test_model_without_a_pinned_pack_is_found(zone: MemoryZone, relogged: Relogged) -> None:
    logged = zone.say(ModelAdmitted(zone=ZONE, nonce=fresh_nonce(), id="other", version="1", sha256="cd" * 32), "authority")
    assert places(relogged(zone)) == [("PACK_MISSING", logged.index)]


@pytest.mark.parametrize("name", ["log.vkey", "witnesses.vkey", "witness-policy.json", "key.json", "registry.dsse.json", "ceremony.dsse.json"])
def test_pins_that_are_missing_or_disagree_are_refused(run: Path, tmp_path: Path, name: str, zone: MemoryZone) -> None:
    keys = repinned(run, tmp_path)
    (keys / name).unlink()
    with pytest.raises(SettingsError):
        AuditRoots.load(keys, SMALL_BITS)
    if name in {"log.vkey", "witnesses.vkey"}:
        put(keys / name, f"{zone.log_signer.key.to_vkey()[:-4]}AAA=\n".encode())
    elif name == "witness-policy.json":
        put(keys / name, b'{"witnesses":[],"required":0,"max_age_s":1}')
    else:
        return
    with pytest.raises(SettingsError):
        AuditRoots.load(keys, SMALL_BITS)


def test_log_before_its_ceremony_is_audited(small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone = MemoryZone(small_private_key)
    zone.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-a", reason="NOT_READY"), "bank-a")
    write_log(zone, tmp_path / "log")
    pinned = AuditRoots(Roots(zone.view.genesis, MemberRegistry(zone.view.registry.genesis), zone.public_key, {}), b"")
    verdict = audits.audit(Archive.find(tmp_path), pinned, audits.Options(min_bits=SMALL_BITS), lambda _what, _done, _total: None)
    assert (verdict.holds, verdict.checked["statements"]) == (True, 2)
