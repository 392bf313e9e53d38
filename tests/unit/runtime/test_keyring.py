"""Keys side by side: the new one signs once everybody must know it, what was sealed to an earlier one opens, what is missing is told [P7.1]."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from crypto.errors import SealingError
from crypto.sealing import open_sealed, seal
from nodes.runtime.files import make_private_directory
from nodes.runtime.peers.identity import Identity, SigningKeyPair, load_identity
from nodes.runtime.standing.keyring import KEY_MISSING, KEYS_REFUSED, OVERLAP_S, Held, KeyRing
from scoring.statements import Member, SigningKey, Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan
from tests.support.members import Keys

NAME = "tax"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def entry(*signers: SigningKeyPair, hpke: str = "00" * 32) -> Member:
    keys = Keys()
    keys.make(NAME)
    public = tuple(SigningKey(key_id=key.key_id, algorithm=key.algorithm, public=key.public.hex()) for key in signers)
    return keys.member(NAME).model_copy(update={"keys": public, "hpke": hpke})


@pytest.fixture
def pairs() -> list[SigningKeyPair]:
    keys = Keys()
    return [keys.make(NAME) for _ in range(3)]


def ring_of(clock: Clock, *held: SigningKeyPair) -> KeyRing[SigningKeyPair]:
    keys = Keys()
    keys.make(NAME)
    return KeyRing(lambda: Held(held, (keys.hpke[NAME],)), clock)


def test_a_new_key_signs_once_everybody_who_follows_the_log_must_have_seen_it(pairs: list[SigningKeyPair]) -> None:
    clock, (old, new, _) = Clock(), pairs
    ring = ring_of(clock, old, new)
    ring.follow(entry(old), 0)
    assert ring.signer is old
    ring.follow(entry(old, new), 1000)
    for wait, expected in ((0, old), (OVERLAP_S - 1, old), (OVERLAP_S, new)):
        clock.now = 1000.0 + wait
        assert ring.signer is expected
    ring.follow(entry(new), 2000)
    assert ring.signer is new


def test_where_the_old_key_is_given_up_at_once_the_new_one_signs_at_once(pairs: list[SigningKeyPair]) -> None:
    clock, (old, new, _) = Clock(), pairs
    ring = ring_of(clock, old, new)
    ring.follow(entry(old), 0)
    ring.follow(entry(new), 1000)
    assert ring.signer is new


def test_a_registered_key_that_is_not_at_hand_is_an_alarm_and_the_old_one_goes_on(pairs: list[SigningKeyPair]) -> None:
    clock, (old, _, strange) = Clock(), pairs
    ring = ring_of(clock, old)
    with capture_logs() as said:
        ring.follow(entry(old, strange, hpke=ring.public.hex()), 0)
    assert [(line["event"], line["keys"]) for line in said] == [(KEY_MISSING, [strange.key_id])]
    assert ring.signer is old


@pytest.fixture
def make_keys(tmp_path: Path) -> Callable[[str], Path]:
    """Fresh keys directories of members of one CA."""
    authority = CertificateAuthority.create("test zone")
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(tmp_path / f"{name}-{len(made)}")
        make_member(authority, "test-zone", MemberPlan(name, Title(zh=name, en=name), ()), made[-1])
        return made[-1]

    return make


@pytest.fixture
def keys_dir(make_keys: Callable[[str], Path]) -> Path:
    return make_keys(NAME)


def identity_in(keys_dir: Path) -> Identity:
    return load_identity("test-zone", NAME, keys_dir, keys_dir.parent / "ca.pem")


def test_keys_are_found_in_next_while_the_process_runs_and_earlier_ones_open_what_was_sealed_before(
    keys_dir: Path, make_keys: Callable[[str], Path]
) -> None:
    identity = identity_in(keys_dir)
    old, old_public = identity.signer, identity.hpke_public
    other = make_keys(NAME)
    make_private_directory(keys_dir / "next")
    for name in ("sign.pem", "hpke.pem"):
        shutil.copy2(other / name, keys_dir / "next" / name)
    new = identity_in(other)
    assert identity.signer == old
    identity.registered(entry(old, new.signer, hpke=new.hpke_public.hex()), 0)
    assert identity.signer.key_id == new.signer.key_id
    assert identity.hpke_public == new.hpke_public
    for public in (old_public, new.hpke_public):
        assert open_sealed(identity.hpke_private, b"i", b"a", *seal(public, b"i", b"a", b"message")) == b"message"
    with pytest.raises(SealingError):
        open_sealed(identity.hpke_private, b"i", b"a", *seal(identity_in(make_keys(NAME)).hpke_public, b"i", b"a", b"message"))
    make_private_directory(keys_dir / "earlier")
    (keys_dir / "hpke.pem").replace(keys_dir / "earlier" / "hpke-1.pem")
    for name in ("sign.pem", "hpke.pem"):
        (keys_dir / "next" / name).replace(keys_dir / name)
    started = identity_in(keys_dir)
    assert started.signer.key_id == new.signer.key_id
    assert open_sealed(started.hpke_private, b"i", b"a", *seal(old_public, b"i", b"a", b"message")) == b"message"


def test_files_in_next_that_cannot_be_used_are_an_alarm_and_change_nothing(keys_dir: Path) -> None:
    identity = identity_in(keys_dir)
    make_private_directory(keys_dir / "next")
    (keys_dir / "next" / "sign.pem").write_bytes(b"nothing")
    (keys_dir / "next" / "sign.pem").chmod(0o600)
    with capture_logs() as said:
        identity.registered(entry(identity.signer, hpke=identity.hpke_public.hex()), 0)
    assert [line["event"] for line in said] == [KEYS_REFUSED]
    assert identity.signer.key_id.startswith(f"{NAME}~")


def test_another_members_entry_changes_nothing(keys_dir: Path, pairs: list[SigningKeyPair]) -> None:
    identity = identity_in(keys_dir)
    before = identity.signer
    identity.registered(entry(pairs[0]).model_copy(update={"id": "notary"}), 0)
    assert identity.signer is before
