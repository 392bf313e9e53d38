"""Who a process is: its member id, TLS certificate, statement signing key and HPKE key, loaded from its keys directory.

``keys_dir`` holds ``cert.pem`` (certificate chain, leaf first), ``tls-key.pem``, ``sign.pem`` (Ed25519 or P-256), ``hpke.pem``
(X25519) and, for the log and witnesses, ``note.pem`` (Ed25519): unencrypted PKCS#8 in 0600 files. ``next/`` in it may hold the
``sign.pem`` and ``hpke.pem`` that come after these, ``earlier/`` sealing keys from before. ``public_dir`` holds ``ca.pem``. Everything
is checked to belong together here, so that a misplaced file is an error at start and not at the first call.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from crypto.notes import NoteSigner
from crypto.sealing import Private
from nodes.errors import IdentityError
from nodes.runtime.files import check_private_directory, read_private
from nodes.runtime.peers.revoked import LIST_NAME
from nodes.runtime.settings import NodeSettings
from nodes.runtime.standing.keyring import Held, KeyRing
from nodes.runtime.standing.watched import Watched
from scoring.statements import Member

NEXT, EARLIER = "next", "earlier"
CERTIFICATE_TAKEN, CERTIFICATE_REFUSED = "certificate.taken", "certificate.refused"
Algorithm = Literal["ed25519", "ecdsa-p256-sha256"]


@dataclass(frozen=True, slots=True)
class SigningKeyPair:
    """A private signing key under its registered id. ``public``: Ed25519 32 raw bytes, P-256 the 65 bytes of the point."""

    key_id: str
    algorithm: Algorithm
    public: bytes
    private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Signature over ``data``: Ed25519 64 bytes, ECDSA with SHA-256 in DER."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM bytes for mutual TLS: the zone's CA or CAs, this member's chain and private key. ``crl``: where the list of revoked ones would lie.

    ``source``: the files that they were read from, whose replacement is taken while the process runs; without it they are fixed.
    """

    ca: bytes
    chain: bytes
    key: bytes = field(repr=False)
    crl: Path | None = None
    source: Watched[TlsFiles] | None = field(default=None, repr=False, compare=False)

    def now(self) -> TlsFiles:
        """As the files are now, if they can be taken, else as they were before: for every new connection and every call."""
        return self if self.source is None else self.source.now()


class Identity:
    """One member as its own process knows it. Keys and certificate are those of the moment: they are replaced while the process runs.

    ``ring``: where several keys stand side by side; without it ``signer`` and ``hpke_private`` (32 raw bytes, X25519) are the only ones.
    """

    def __init__(
        self, zone: str, member: str, signer: SigningKeyPair, hpke_private: bytes, hpke_public: bytes, tls: TlsFiles,
        ring: KeyRing[SigningKeyPair] | None = None,
    ) -> None:  # fmt: skip
        self.zone, self.member, self.tls = zone, member, tls
        self._fixed = (signer, hpke_private, hpke_public)
        self._ring = ring

    @property
    def signer(self) -> SigningKeyPair:
        """The key that signs what the member says now."""
        return self._fixed[0] if self._ring is None else self._ring.signer

    @property
    def hpke_private(self) -> Private:
        """What opens what is sealed to the member: the registered key first, then those before and after it."""
        return self._fixed[1] if self._ring is None else self._ring.private

    @property
    def hpke_registered(self) -> bytes:
        """The first of ``hpke_private``."""
        private = self.hpke_private
        return private if isinstance(private, bytes) else private[0]

    @property
    def hpke_public(self) -> bytes:
        """The registered sealing key, where we hold it."""
        return self._fixed[2] if self._ring is None else self._ring.public

    @property
    def uri(self) -> str:
        return member_uri(self.zone, self.member)

    def registered(self, entry: Member, time: int) -> None:
        """The log has this entry of a member from Unix ``time`` on; that of another one changes nothing."""
        if self._ring is not None and entry.id == self.member:
            self._ring.follow(entry, time)

    def but(self, *, signer: SigningKeyPair | None = None, tls: TlsFiles | None = None) -> Identity:
        """The same member with another key, or other TLS files, and nothing that follows the registry."""
        return Identity(self.zone, self.member, signer or self._fixed[0], self._fixed[1], self._fixed[2], tls or self.tls)

    @classmethod
    def load(cls, settings: NodeSettings) -> Identity:
        """Identity of ``settings.member`` from its keys directory.

        Raises SecretFileError when a private file is missing or open to others, IdentityError when a key or certificate is
        malformed, of the wrong kind, another member's, or does not belong to its key.
        """
        return load_identity(settings.zone, settings.member, settings.keys_dir, settings.public_dir / "ca.pem")


def load_identity(zone: str, member: str, keys_dir: Path, ca_file: Path) -> Identity:
    """As ``Identity.load``, from explicit places."""
    check_private_directory(keys_dir)
    ring = KeyRing(lambda: _held(member, keys_dir))
    private = ring.private
    first = private if isinstance(private, bytes) else private[0]
    return Identity(zone, member, ring.signer, first, ring.public, _watch_tls(zone, member, keys_dir, ca_file), ring)


def _held(member: str, keys_dir: Path) -> Held[SigningKeyPair]:
    """The keys of a keys directory, of ``next/`` in it, and the sealing keys in ``earlier/``. Raises as ``load_identity``."""
    signers, sealing = [load_signing_key(member, keys_dir / "sign.pem")], [_load_sealing(keys_dir / "hpke.pem")]
    for directory in (keys_dir / NEXT, keys_dir / EARLIER):
        if directory.is_dir():
            check_private_directory(directory)
    if (keys_dir / NEXT / "sign.pem").exists():
        signers.append(load_signing_key(member, keys_dir / NEXT / "sign.pem"))
    more = [keys_dir / NEXT / "hpke.pem"] if (keys_dir / NEXT / "hpke.pem").exists() else []
    sealing += [_load_sealing(path) for path in [*more, *sorted((keys_dir / EARLIER).glob("*.pem"))]]
    return Held(tuple(signers), tuple(dict.fromkeys(sealing)))


def _load_sealing(path: Path) -> bytes:
    key = load_private_key(path)
    if not isinstance(key, x25519.X25519PrivateKey):
        raise IdentityError(f"{path} is not an X25519 key")
    return key.private_bytes_raw()


def member_uri(zone: str, member: str) -> str:
    """The one URI SAN of a member's certificate: its identity on every connection."""
    return f"xinqiao://{zone}/{member}"


def server_name(zone: str, member: str) -> str:
    """The DNS SAN of a listening member's certificate; callers demand it whatever address they dial."""
    return f"{member}.{zone}.xinqiao"


def key_id(owner: str, public: bytes) -> str:
    """Registered id of a signing key: its owner and the first 8 bytes of the SHA-256 of its public bytes, in hex."""
    return f"{owner}~{hashlib.sha256(public).hexdigest()[:16]}"


def load_private_key(path: Path) -> PrivateKeyTypes:
    """Unencrypted PKCS#8 PEM key of a private file. Raises SecretFileError, or IdentityError when it is no such key."""
    try:
        return load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IdentityError(f"{path} is not an unencrypted PEM private key") from error


def load_signing_key(owner: str, path: Path) -> SigningKeyPair:
    """Ed25519 or P-256 signing key of a private file, under the id ``key_id(owner, public)``. Raises as ``load_private_key``."""
    private = load_private_key(path)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        public = private.public_key().public_bytes_raw()
        return SigningKeyPair(key_id(owner, public), "ed25519", public, private)
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return SigningKeyPair(key_id(owner, public), "ecdsa-p256-sha256", public, private)
    raise IdentityError(f"{path} is neither an Ed25519 nor a P-256 key")


def load_note_signer(name: str, kind: int, path: Path) -> NoteSigner:
    """Ed25519 key of a private file that signs checkpoints under ``name``: the log's (kind 0x01) or a witness's (kind 0x04)."""
    private = load_private_key(path)
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise IdentityError(f"{path} is not an Ed25519 key")
    return NoteSigner(name, kind, private.private_bytes_raw())


def log_name(zone: str) -> str:
    """Name of the log's checkpoint key, which is the log's origin [L1]. Its key is ``note.pem`` of the log's keys directory."""
    return f"xinqiao/{zone}"


def witness_name(zone: str, member: str) -> str:
    """Name of a witness's cosignature key. Its key is ``note.pem`` of the witness's keys directory."""
    return f"xinqiao/{zone}/{member}"


def _watch_tls(zone: str, member: str, keys_dir: Path, ca_file: Path) -> TlsFiles:
    """The member's TLS files as they are, and followed from then on. A replacement must be in force and come from a CA of ``ca_file``; what
    a process begins with need not, since its clock may be wrong."""
    first = _load_tls(zone, member, keys_dir, ca_file)
    begun = False

    def load() -> TlsFiles:
        nonlocal begun
        files = _load_tls(zone, member, keys_dir, ca_file)
        if begun:
            _check_replacement(files, keys_dir)
        begun = True
        return files

    source = Watched([keys_dir / "cert.pem", keys_dir / "tls-key.pem", ca_file], load, CERTIFICATE_TAKEN, CERTIFICATE_REFUSED)
    return replace(first, source=source)


def _check_replacement(files: TlsFiles, keys_dir: Path) -> None:
    leaf, *chain = x509.load_pem_x509_certificates(files.chain)
    if not leaf.not_valid_before_utc.timestamp() <= time.time() <= leaf.not_valid_after_utc.timestamp():
        raise IdentityError(f"{keys_dir / 'cert.pem'} is not in force")
    if not is_anchored(leaf, chain, files.ca):
        raise IdentityError(f"{keys_dir / 'cert.pem'} does not come from a CA of ca.pem: nobody would let it in")


def is_anchored(leaf: x509.Certificate, chain: Sequence[x509.Certificate], ca: bytes) -> bool:
    """Whether ``leaf`` comes from one of the CAs whose PEM is ``ca``, directly or by certificates of ``chain``, leaf first.

    Says nothing of dates and uses: the handshake has checked those. It is asked again on every call, since a CA may be removed meanwhile.
    """
    anchors = x509.load_pem_x509_certificates(ca)
    for certificate, above in zip([leaf, *chain], [*chain, None], strict=True):
        if any(_comes_from(certificate, anchor) for anchor in anchors):
            return True
        if above is None or not _comes_from(certificate, above):
            return False
    return False


def _comes_from(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _load_tls(zone: str, member: str, keys_dir: Path, ca_file: Path) -> TlsFiles:
    chain = read_private(keys_dir / "cert.pem")
    key = load_private_key(keys_dir / "tls-key.pem")
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise IdentityError(f"{keys_dir / 'tls-key.pem'}: a TLS key must be P-256, P-384 or RSA (gRPC's handshake fails with Ed25519)")
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        ca = ca_file.read_bytes()
        x509.load_pem_x509_certificates(ca)
    except (ValueError, OSError) as error:
        raise IdentityError(f"{keys_dir / 'cert.pem'} or {ca_file} is not a PEM certificate: {error}") from error
    if _spki(leaf.public_key()) != _spki(key.public_key()):
        raise IdentityError(f"{keys_dir / 'cert.pem'} is not the certificate of tls-key.pem")
    uris = certificate_uris(leaf)
    if uris != [member_uri(zone, member)]:
        raise IdentityError(f"{keys_dir / 'cert.pem'} names {uris or 'no URI'}; it must name exactly {member_uri(zone, member)}")
    return TlsFiles(ca, chain, read_private(keys_dir / "tls-key.pem"), ca_file.with_name(LIST_NAME))


def certificate_uris(certificate: x509.Certificate) -> list[str]:
    """All URI subject alternative names of a certificate, in order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
