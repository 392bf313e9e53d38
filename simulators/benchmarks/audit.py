"""The auditor's figure of L8: a log of 100,000 small leaves judged from a directory, and how that grows.

Seven in ten leaves are refusals; the others enrol an enterprise, give its consent and revoke it, so that the replay has state to keep.
Contributions are not in it: what proofs cost is in ``simulators.benchmarks.crypto``.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from crypto.encoding import sha256
from crypto.merkle import leaf_hash
from crypto.notes import COSIGNATURE_V1, ED25519
from crypto.paillier import PublicKey
from crypto.tiles import encode_entries, tiles_of
from nodes.auditor.audit import Options, audit
from nodes.evidence.archive import Archive
from nodes.evidence.roots import AuditRoots, Roots
from nodes.evidence.tree import Hashes
from nodes.runtime.peers.identity import SigningKeyPair, load_note_signer, load_signing_key, log_name, witness_name
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.exchange.registry import MemberRegistry
from scoring.statements import Consent, Enrolment, Leaf, Refusal, Registry, Revocation, Role, SigningKey, Title
from simulators.benchmarks.rows import Figure, Growth
from simulators.zone.authority import make_zone
from simulators.zone.layout import MemberPlan, ZonePlan

ZONE = "bench"
LEAVES, QUICK_LEAVES = 100_000, 10_000
START = 1_700_000_000
LIFE_S = 1 << 30
_ROLES: dict[str, tuple[Role, ...]] = {
    "authority": ("authority",),
    "registrar": ("department", "registrar"),
    "log": ("log",),
    "service": ("enterprise-service",),
    "bank": ("bank",),
    "auditor": ("auditor", "witness"),
}
REFUSALS = 7  # for each enterprise that enrols, consents and revokes


def run(quick: bool) -> list[Figure | Growth]:
    """Measures the audit of ``LEAVES`` leaves, a tenth when ``quick``; making them takes about as long again."""
    count = QUICK_LEAVES if quick else LEAVES
    with tempfile.TemporaryDirectory(prefix="xinqiao-bench-") as directory:
        log = _SyntheticLog(Path(directory), count)
        sizes = (count // 8, count // 4, count // 2, count)
        taken = [log.audited(size) for size in sizes]
    seconds, cpu_s = zip(*taken, strict=True)
    target = "" if quick else "≤60"
    return [Figure(f"audit: {count:,} small leaves", seconds[-1], "s", target), Growth("leaves of an audited log", sizes, seconds, cpu_s)]


class _SyntheticLog:
    """A log of ``count`` small statements under ``directory``, every one of which holds."""

    def __init__(self, directory: Path, count: int) -> None:
        self._directory = directory
        members = tuple(MemberPlan(name, Title(zh=name, en=name), roles, listens="log" in roles) for name, roles in _ROLES.items())
        registry = make_zone(ZonePlan(ZONE, Title(zh="测量", en="bench"), members, ()), directory / "zone", [])
        keys = {name: load_signing_key(name, directory / "zone" / "members" / name / "sign.pem") for name in _ROLES}
        genesis = (directory / "zone" / "public" / "registry.dsse.json").read_bytes()
        self._pinned = _pinned(genesis, registry)
        self._shared = Archive(directory / "shared")
        self._leaves = [self._log(place, said) for place, said in enumerate(_statements(genesis, keys, count))]

    def audited(self, size: int) -> tuple[float, float]:
        """Wall and processor seconds of an audit of the first ``size`` leaves. Raises RuntimeError when it finds anything."""
        archive = self._written(size)
        start, start_cpu = time.perf_counter(), time.process_time()
        verdict = audit(archive, self._pinned, Options(), lambda _what, _done, _total: None)
        taken = time.perf_counter() - start, time.process_time() - start_cpu
        if not verdict.holds or verdict.checked["statements"] != size:
            raise RuntimeError(f"the synthetic log does not hold: {verdict.findings[:1]}")
        return taken

    def _log(self, place: int, said: tuple[str, str, bytes]) -> bytes:
        kind, actor, envelope = said
        digest = sha256(envelope).hex()
        self._shared.put_envelope(digest, envelope)
        return Leaf(kind=kind, actor=actor, time=START + place, digest=digest).to_bytes()

    def _written(self, size: int) -> Archive:
        archive = Archive(self._directory / f"log-{size}")
        leaves = self._leaves[:size]
        hashes = Hashes([leaf_hash(leaf) for leaf in leaves])
        for address in tiles_of(size):
            first = address.index * 256
            is_bundle = address.level is None
            data = (
                encode_entries(leaves[first : first + address.width]) if is_bundle else hashes.tile(address.level or 0, address.index, address.width)
            )
            archive.put_tile(address, data)
        (archive.log_dir / "envelopes").symlink_to(self._shared.log_dir / "envelopes")
        archive.put_checkpoint(self._note(size, hashes.root(size)))
        return archive

    def _note(self, size: int, root: bytes) -> bytes:
        members = self._directory / "zone" / "members"
        log = load_note_signer(log_name(ZONE), ED25519, members / "log" / "note.pem")
        witness = load_note_signer(witness_name(ZONE, "auditor"), COSIGNATURE_V1, members / "auditor" / "note.pem")
        note = sign_checkpoint(Checkpoint(log.name, size, root), log)
        return note + cosign(note, witness, START + size)


def _pinned(genesis: bytes, registry: Registry) -> AuditRoots:
    """Roots of a zone before its ceremony; the key stands for none, since nothing in the log is encrypted."""
    return AuditRoots(Roots(genesis, MemberRegistry(registry), PublicKey.from_modulus((1 << 2048) - 1), {}), b"")


@dataclass(frozen=True, slots=True)
class _Enterprise:
    """An invented enterprise and its keys."""

    subject: str
    signer: SigningKeyPair
    hpke: str

    @classmethod
    def invented(cls) -> _Enterprise:
        private = Ed25519PrivateKey.generate()
        signer = SigningKeyPair(f"e-{secrets.token_hex(8)}", "ed25519", private.public_key().public_bytes_raw(), private)
        return cls(secrets.token_hex(16), signer, X25519PrivateKey.generate().public_key().public_bytes_raw().hex())

    def enrolment(self) -> Enrolment:
        key = SigningKey(key_id=self.signer.key_id, algorithm=self.signer.algorithm, public=self.signer.public.hex())
        return Enrolment(zone=ZONE, nonce=fresh_nonce(), subject=self.subject, key=key, hpke=self.hpke, service="service")

    def consent(self) -> Consent:
        return Consent(
            zone=ZONE,
            nonce=fresh_nonce(),
            id=secrets.token_hex(16),
            subject=self.subject,
            audience="bank",
            purpose="loan",
            products=("base-line",),
            functionals=("total",),
            not_before=START,
            not_after=START + LIFE_S,
            service="service",
            signed_by="enterprise",
        )


def _statements(genesis: bytes, keys: dict[str, SigningKeyPair], count: int) -> Iterator[tuple[str, str, bytes]]:
    """(kind, actor, envelope) of ``count`` statements, the registry first."""
    return islice(chain([("registry", "authority", genesis)], _said(keys)), count)


def _said(keys: dict[str, SigningKeyPair]) -> Iterator[tuple[str, str, bytes]]:
    while True:
        enterprise = _Enterprise.invented()
        consent = enterprise.consent()
        revoked = Revocation(zone=ZONE, nonce=fresh_nonce(), consent=consent.id, subject=enterprise.subject, service="service")
        yield "enrolment", "registrar", sign_statement(enterprise.enrolment(), keys["registrar"])
        yield "consent", "service", sign_statement(consent, enterprise.signer)
        yield "revocation", "service", sign_statement(revoked, enterprise.signer)
        for _ in range(REFUSALS):
            refusal = Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank", reason="CONSENT_MISSING", about=secrets.token_hex(32))
            yield "refusal", "bank", sign_statement(refusal, keys["bank"])
