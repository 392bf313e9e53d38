"""The demonstration's small certificate authority: makes every member's keys and certificates, and the zone's public directory.

A real zone's members make their own keys and have them certified and registered; here one program holds all of them for a moment,
which is why this lives among the simulators.
"""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nodes.ceremony.countersigning import accept_model, admit_model, lint_for
from nodes.ceremony.founding import Entry, Terms, make_entry, publish_registry, registry_of
from nodes.runtime.files import make_private_directory, write_private, write_public
from nodes.runtime.peers.identity import SigningKeyPair, load_signing_key, member_uri, server_name
from scoring.disclosure.countersigning import exposures_of, owners_of
from scoring.disclosure.report import LintReport
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model, load_pack
from scoring.statements import Member, ModelAdmitted, Registry
from simulators.zone.layout import MemberPlan, ZonePlan

TlsPublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey  # the second only to show that it is refused
CA_LIFE = datetime.timedelta(days=3650)
LEAF_LIFE = datetime.timedelta(days=397)
SKEW = datetime.timedelta(minutes=5)
ROSTER_KEY_HOLDERS = frozenset({"department", "authority"})


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """An own P-256 root that certifies members' TLS keys."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, name: str) -> CertificateAuthority:
        """A fresh root, in force from a few minutes ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _builder(subject, subject, key.public_key(), CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(certifies=True), critical=True)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    def issue(self, public: TlsPublicKey, names: Sequence[x509.GeneralName]) -> x509.Certificate:
        """Certificate of a member's TLS key with exactly these alternative names, for both ends of a connection."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "xinqiao member")])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = (
            _builder(subject, self.certificate.subject, public, LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(certifies=False), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revoke(self, certificates: Sequence[x509.Certificate]) -> bytes:
        """The CA's list of revoked certificates, in PEM: what lies as ``ca.crl`` in the public directory."""
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject).last_update(now).next_update(now + LEAF_LIFE)
        for certificate in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def member_names(zone: str, member: MemberPlan) -> list[x509.GeneralName]:
    """Alternative names of a member's certificate: the one URI that is its identity; for listeners also their DNS name and this machine."""
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(member_uri(zone, member.id))]
    if member.listens:
        names += [x509.DNSName(server_name(zone, member.id)), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return names


def make_member(authority: CertificateAuthority, zone: str, member: MemberPlan, keys_dir: Path) -> Entry:
    """Write a member's keys and certificate into ``keys_dir`` (0700, files 0600); its entry for the registry."""
    make_private_directory(keys_dir)
    tls_key = ec.generate_private_key(ec.SECP256R1())
    _write_key(keys_dir / "tls-key.pem", tls_key)
    _write_key(keys_dir / "sign.pem", ed25519.Ed25519PrivateKey.generate())
    _write_key(keys_dir / "hpke.pem", x25519.X25519PrivateKey.generate())
    write_private(keys_dir / "cert.pem", authority.issue(tls_key.public_key(), member_names(zone, member)).public_bytes(Encoding.PEM))
    if {"log", "witness"} & set(member.roles):
        _write_key(keys_dir / "note.pem", ed25519.Ed25519PrivateKey.generate())
    if "custodian" in member.roles:
        write_private(keys_dir / "passphrase", secrets.token_hex(32).encode())
    said = {"id": member.id, "title": member.title, "roles": member.roles}
    place = {"division": member.division, "level": member.level, "department": member.department}
    return make_entry(zone, Member.model_validate({**said, **place, "keys": (), "hpke": "00" * 32, "uri": ""}), keys_dir)


def make_zone(plan: ZonePlan, directory: Path, packs: Sequence[bytes], progress: Callable[[str], None] = lambda _: None) -> Registry:
    """Everything that a zone consists of before its key ceremony: ``directory``/members, /public, /ca. Returns the signed registry.

    ``packs``: the exact bytes of the indicator models to admit. Raises ModelError for a malformed one, ModelLeaksError for one that the
    admission lint does not pass in this zone: nothing is made then.
    """
    reports = [linted(plan, load_pack(pack), progress) for pack in packs]
    make_private_directory(directory)
    members_dir, public_dir = make_private_directory(directory / "members"), directory / "public"
    (public_dir / "packs").mkdir(parents=True, exist_ok=True)
    progress("certificate authority")
    authority = CertificateAuthority.create(f"xinqiao {plan.zone}")
    write_public(public_dir / "ca.pem", authority.certificate.public_bytes(Encoding.PEM))
    _write_key(make_private_directory(directory / "ca") / "ca-key.pem", authority.key)
    progress("members")
    entries = tuple(make_member(authority, plan.zone, member, members_dir / member.id) for member in plan.members)
    roster_key = secrets.token_hex(32).encode()
    for member in plan.members:
        if ROSTER_KEY_HOLDERS & set(member.roles):
            write_private(members_dir / member.id / "roster.key", roster_key)
    progress("registry")
    registry = _sign_registry(plan, entries, members_dir, public_dir)
    for pack, report in zip(packs, reports, strict=True):
        admit_pack(plan, pack, report, registry, members_dir, public_dir)
    return registry


def linted(plan: ZonePlan, model: Model, progress: Callable[[str], None]) -> LintReport:
    """The admission lint of a model in the planned zone, passed; says which exposures its owners accept. Raises ModelLeaksError."""
    report = lint_for(plan.members, plan.disclosure, model)
    report.check_admissible()
    exposed = ", ".join(f"{item.indicator} → {'/'.join(item.audiences)}" for item in model.pack.exposures)
    accepted = f"; owners accept 披露例外: {exposed}" if exposed else ""
    progress(f"{model.id}@{model.version} passes the admission lint 准入检查 ({report.sha256[:16]}…){accepted}")
    return report


def admit_pack(plan: ZonePlan, pack: bytes, report: LintReport, registry: Registry, members_dir: Path, public_dir: Path) -> ModelAdmitted:
    """Put an indicator model into the public directory, linted, accepted by every owner of an indicator and signed by the authority [P7.1].

    Raises ModelError, ModelLeaksError, WrongOwnerError where the zone lacks an owner.
    """
    model = load_pack(pack)
    members = MemberRegistry(registry)
    owners = owners_of(members, model)
    exposed = exposures_of(members, model)
    accepted = [
        accept_model(model, plan.zone, name, load_signing_key(name, members_dir / name / "sign.pem"), exposed.get(name, ()), report.sha256)
        for name in owners
    ]
    return admit_model(pack, members, report, accepted, _authority_key(plan, members_dir), public_dir)


def _sign_registry(plan: ZonePlan, entries: Sequence[Entry], members_dir: Path, public_dir: Path) -> Registry:
    silent = {member.id for member in plan.with_role("witness")} - {member.id for member in plan.witness_members}
    said = [entry.model_copy(update={"note_vkey": ""}) if entry.member.id in silent else entry for entry in entries]
    terms = Terms(
        plan.zone, plan.title, plan.witnesses_required, plan.outside, plan.development, plan.disclosure, plan.validity_s, plan.checkpoint_max_age_s
    )
    registry = registry_of(terms, said)
    publish_registry(registry, _authority_key(plan, members_dir), public_dir)
    return registry


def _authority_key(plan: ZonePlan, members_dir: Path) -> SigningKeyPair:
    member = plan.with_role("authority")[0]
    return load_signing_key(member.id, members_dir / member.id / "sign.pem")


def _builder(subject: x509.Name, issuer: x509.Name, public: TlsPublicKey, life: datetime.timedelta) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: PrivateKeyTypes) -> None:
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
