"""A member's identity: everything in its keys directory belongs together, or the process does not start."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from crypto.sealing import open_sealed, seal
from crypto.statements import VerifyKey, check_signature, parse_envelope, sign_envelope
from nodes.errors import IdentityError, SecretFileError
from nodes.runtime.files import write_private
from nodes.runtime.peers.identity import Identity, load_identity, member_uri
from scoring.statements import Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan

ZONE = "test-zone"


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create("test")


@pytest.fixture
def keys(authority: CertificateAuthority, tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    make_member(authority, ZONE, MemberPlan("bank-a", Title(zh="甲", en="A"), ("bank",)), tmp_path / "bank-a")
    return tmp_path / "bank-a"


def load(keys: Path) -> Identity:
    return load_identity(ZONE, "bank-a", keys, keys.parent / "ca.pem")


def pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("make", [ed25519.Ed25519PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP256R1())], ids=["ed25519", "p256"])
def test_what_an_identity_signs_verifies_under_its_public_key(make: Callable[[], PrivateKeyTypes], keys: Path) -> None:
    write_private(keys / "sign.pem", pem(make()))
    signer = load(keys).signer
    envelope = parse_envelope(sign_envelope("application/x", b"payload", signer))
    check_signature(envelope, VerifyKey(signer.key_id, signer.algorithm, signer.public))
    assert signer.key_id.startswith("bank-a~")


def test_what_is_sealed_to_an_identity_opens(keys: Path) -> None:
    identity = load(keys)
    enc, ciphertext = seal(identity.hpke_public, b"i", b"a", b"message")
    assert open_sealed(identity.hpke_private, b"i", b"a", enc, ciphertext) == b"message"


@pytest.mark.parametrize("name", ["cert.pem", "tls-key.pem", "sign.pem", "hpke.pem"])
def test_every_file_must_be_there_and_private(name: str, keys: Path) -> None:
    (keys / name).chmod(0o640)
    with pytest.raises(SecretFileError, match=rf"{name} has mode 0640"):
        load(keys)
    (keys / name).unlink()
    with pytest.raises(SecretFileError, match=f"{name}: No such file"):
        load(keys)


def test_the_keys_directory_must_be_private(keys: Path) -> None:
    keys.chmod(0o755)
    with pytest.raises(SecretFileError, match="0755"):
        load(keys)


def test_an_ed25519_tls_key_is_refused_at_start(keys: Path, authority: CertificateAuthority) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    names = [x509.UniformResourceIdentifier(member_uri(ZONE, "bank-a"))]
    write_private(keys / "tls-key.pem", pem(key))
    write_private(keys / "cert.pem", authority.issue(key.public_key(), names).public_bytes(Encoding.PEM))
    with pytest.raises(IdentityError, match="must be P-256, P-384 or RSA"):
        load(keys)


def test_a_certificate_of_another_key_is_refused(keys: Path) -> None:
    write_private(keys / "tls-key.pem", pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(IdentityError, match=r"not the certificate of tls-key\.pem"):
        load(keys)


@pytest.mark.parametrize("uris", [[], [member_uri(ZONE, "bank-b")], [member_uri(ZONE, "bank-a"), member_uri(ZONE, "bank-b")]])
def test_a_certificate_that_does_not_name_exactly_this_member_is_refused(uris: list[str], keys: Path, authority: CertificateAuthority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(keys / "tls-key.pem", pem(key))
    certificate = authority.issue(key.public_key(), [x509.UniformResourceIdentifier(uri) for uri in uris])
    write_private(keys / "cert.pem", certificate.public_bytes(Encoding.PEM))
    with pytest.raises(IdentityError, match=r"must name exactly xinqiao://test-zone/bank-a"):
        load(keys)


def test_another_members_directory_is_refused(keys: Path, authority: CertificateAuthority) -> None:
    shutil.rmtree(keys)
    make_member(authority, ZONE, MemberPlan("bank-b", Title(zh="乙", en="B"), ("bank",)), keys)
    with pytest.raises(IdentityError, match="bank-b"):
        load(keys)


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [
        ("hpke.pem", ed25519.Ed25519PrivateKey.generate(), "not an X25519 key"),
        ("sign.pem", x25519.X25519PrivateKey.generate(), "neither an Ed25519 nor a P-256 key"),
        ("sign.pem", ec.generate_private_key(ec.SECP384R1()), "neither an Ed25519 nor a P-256 key"),
    ],
)
def test_a_key_of_the_wrong_kind_is_refused(name: str, key: PrivateKeyTypes, message: str, keys: Path) -> None:
    write_private(keys / name, pem(key))
    with pytest.raises(IdentityError, match=message):
        load(keys)


def test_an_encrypted_or_mangled_key_is_refused(keys: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    write_private(keys / "sign.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    with pytest.raises(IdentityError, match="not an unencrypted PEM private key"):
        load(keys)
    write_private(keys / "sign.pem", b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(IdentityError, match="not an unencrypted PEM private key"):
        load(keys)


def test_secrets_are_in_no_representation(keys: Path) -> None:
    identity = load(keys)
    assert isinstance(identity.hpke_private, bytes)
    assert identity.hpke_private.hex() not in repr(identity)
    assert repr(identity.hpke_private) not in repr(identity)
    assert "PRIVATE KEY" not in repr(identity)


def test_a_replacement_that_was_open_to_others_is_taken_once_its_mode_is_corrected(keys: Path, authority: CertificateAuthority) -> None:
    identity = load(keys)
    first = identity.tls.now().chain
    make_member(authority, ZONE, MemberPlan("bank-a", Title(zh="甲", en="A"), ("bank",)), keys.parent / "fresh")
    for name in ("cert.pem", "tls-key.pem"):
        (keys.parent / "fresh" / name).chmod(0o644)
        (keys.parent / "fresh" / name).replace(keys / name)
    assert identity.tls.now().chain == first
    for name in ("cert.pem", "tls-key.pem"):
        (keys / name).chmod(0o600)
    assert identity.tls.now().chain == (keys / "cert.pem").read_bytes() != first
