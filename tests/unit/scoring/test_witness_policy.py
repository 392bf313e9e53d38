"""Which witness policies keep a log from showing two histories, and which are good enough for production [L5]."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.contributing.trust import ZoneTrust
from nodes.log.admission import Admission
from nodes.runtime.peers.identity import witness_name
from nodes.runtime.peers.signing import sign_statement
from nodes.runtime.replica.zone import Zone
from scoring.errors import WitnessPolicyError
from scoring.exchange.registry import MemberRegistry, check_witness_policy
from scoring.statements import Registry, WitnessPolicy
from tests.unit.log.small_zone import ZONE, SmallZone, make_key, record

WITNESSES = ("w1", "w2", "w3", "w4", "w5")


def vkey(member: str, kind: int = COSIGNATURE_V1, seed: bytes = b"") -> str:
    return NoteSigner(witness_name(ZONE, member), kind, seed or secrets.token_bytes(32)).key.to_vkey()


def registry(names: tuple[str, ...] = WITNESSES[:3], required: int = 2, **changes: Any) -> Registry:
    """A registry with members w1 … w5 that only witness, the rest of the small zone, and a policy over ``names``."""
    base = SmallZone().registry
    more = tuple(record(name, make_key(name), ("witness",)) for name in WITNESSES)
    keys = changes.pop("witnesses", tuple(vkey(name) for name in names))
    policy = WitnessPolicy(**{"witnesses": keys, "required": required, "max_age_s": 300, "outside": ("w1",), **changes})
    return base.model_copy(update={"members": (*base.members, *more), "witness_policy": policy})


@pytest.mark.parametrize(("count", "required", "faulty"), [(3, 2, 0), (3, 3, 2), (4, 3, 1), (5, 3, 0), (5, 4, 2)])
def test_quorums_that_share_an_honest_witness_are_taken(count: int, required: int, faulty: int) -> None:
    check_witness_policy(registry(WITNESSES[:count], required, faulty=faulty))


@pytest.mark.parametrize(("count", "required", "faulty"), [(3, 1, 0), (3, 2, 1), (4, 2, 0), (4, 3, 2), (5, 3, 1), (3, 4, 0), (3, 0, 0), (3, 2, -1)])
def test_quorums_that_could_witness_two_histories_are_refused(count: int, required: int, faulty: int) -> None:
    with pytest.raises(WitnessPolicyError):
        check_witness_policy(registry(WITNESSES[:count], required, faulty=faulty))
    with pytest.raises(WitnessPolicyError):
        check_witness_policy(registry(WITNESSES[:count], required, faulty=faulty, development=True))


def test_production_needs_three_witnesses_and_one_outside() -> None:
    for policy in (registry(WITNESSES[:2]), registry(WITNESSES[:1], 1), registry(outside=())):
        with pytest.raises(WitnessPolicyError, match="production needs"):
            check_witness_policy(policy)


def test_development_may_use_one() -> None:
    check_witness_policy(registry(WITNESSES[:1], 1, development=True, outside=()))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("w1", "w2", "log"), "not registered as a witness"),
        (("w1", "w2", "stranger"), "not registered as a witness"),
        (("w1", "w1", "w2"), "another member with another key"),
    ],
)
def test_who_is_no_witness_of_its_own_is_refused(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(WitnessPolicyError, match=said):
        check_witness_policy(registry(names))


@pytest.mark.parametrize("role", ["log", "coordinator"])
def test_neither_log_nor_coordinator_witnesses_itself(role: Any) -> None:
    said = registry()
    members = tuple(member.model_copy(update={"roles": ("witness", role)}) if member.id == "w3" else member for member in said.members)
    with pytest.raises(WitnessPolicyError, match="cannot witness"):
        check_witness_policy(said.model_copy(update={"members": members}))


def test_a_witness_with_a_role_in_the_zone_is_not_outside_of_it() -> None:
    names = ("w2", "w3", "auditor")
    with pytest.raises(WitnessPolicyError, match="not outside"):
        check_witness_policy(registry(names, outside=("auditor",)))
    with pytest.raises(WitnessPolicyError, match="no key in the policy"):
        check_witness_policy(registry(names, outside=("w1",)))
    check_witness_policy(registry(names, outside=("w2",)))


def test_one_key_under_two_names_and_keys_of_another_kind_or_zone_are_refused() -> None:
    seed = secrets.token_bytes(32)
    for keys in (
        (vkey("w1"), vkey("w2", seed=seed), vkey("w3", seed=seed)),
        (vkey("w1"), vkey("w2"), vkey("w3", ED25519)),
        (vkey("w1"), vkey("w2"), NoteSigner("xinqiao/other/w3", COSIGNATURE_V1, secrets.token_bytes(32)).key.to_vkey()),
        (vkey("w1"), vkey("w2"), "nonsense"),
    ):
        with pytest.raises(WitnessPolicyError):
            check_witness_policy(registry(witnesses=keys))


def test_nobody_loads_a_registry_with_such_a_policy(tmp_path: Path) -> None:
    """The log, whoever replays it, a department: each pins the registry, and each refuses to begin with it."""
    zone, bad = SmallZone(), registry(required=1)
    genesis = sign_statement(bad, zone.keys["authority"])
    public = tmp_path / "public"
    (public / "packs").mkdir(parents=True)
    (public / "registry.dsse.json").write_bytes(genesis)
    loaders: tuple[Any, ...] = (
        lambda: MemberRegistry(bad), lambda: Admission(genesis), lambda: Zone(public), lambda: ZoneTrust(public, ZONE, "auditor"),
    )  # fmt: skip
    for load in loaders:
        with pytest.raises(WitnessPolicyError):
            load()
