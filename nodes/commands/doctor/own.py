"""What lies on the process's own machine: private files, certificate, keys, disk, what another zone sent."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nodes.commands.doctor.findings import Case, Finding, files_below, soon, well, wrong
from nodes.custodian.shares.holding import read_holding
from nodes.errors import IdentityError, NodeError, SecretFileError, SettingsError
from nodes.peering.mirrored import MirroredLog
from nodes.peering.settings import GB
from nodes.runtime.files import check_private_directory, check_writable, read_private
from nodes.runtime.peers.identity import certificate_uris, is_anchored, load_private_key, load_signing_key, member_uri, server_name
from nodes.runtime.peers.revoked import LIST_NAME, revoked_by

DAY_S = 86_400
NEARLY = 0.8  # of a bound
RENEW_DAYS = 30
SHARE = "custodian/share.json"
LEAST_BYTES, LOW_BYTES = 500 << 20, 5 << 30


def check_files(case: Case) -> Iterator[Finding]:
    """Keys and state belong to this user alone, and what the process writes can be written."""
    for directory in (case.settings.keys_dir, case.settings.state_dir):
        try:
            check_private_directory(directory)
        except SecretFileError as error:
            yield wrong(
                "files",
                directory,
                str(error),
                f"chown it to the user that runs the process, chmod 0700 {directory}; copy no key that others could read: make new ones",
            )
            continue
        open_to_others = [path for path in files_below(directory) if _is_open(path)] if directory == case.settings.keys_dir else []
        for path in open_to_others:
            yield wrong(
                "files",
                path,
                "others than its owner may use it",
                f"chmod 0600 {path}; treat the key as known to others: make a new one and have it registered",
            )
        if not open_to_others:
            yield well("files", directory, "for its owner alone")
    for key, path in case.settings.written.items():
        try:
            check_writable(key, path)
        except SettingsError as error:
            yield wrong("files", path, str(error), f"name a place in {key} that the process's user may write, or open this one to it")


def check_certificate(case: Case) -> Iterator[Finding]:
    """The certificate is the member's, the CA's, its key's, and in force for a while."""
    file = case.settings.keys_dir / "cert.pem"
    renew = "have the zone's CA issue one to this member, replace cert.pem and tls-key.pem; no restart (operator guide, Rotation)"
    try:
        chain = x509.load_pem_x509_certificates(read_private(file))
        ca = (case.settings.public_dir / "ca.pem").read_bytes()
        faults = list(_faults(case, chain, ca))
    except (ValueError, OSError, NodeError) as error:
        yield wrong("certificate", file, f"it or ca.pem cannot be read: {error}", renew)
        return
    leaf = chain[0]
    left_days = (leaf.not_valid_after_utc.timestamp() - case.now) / DAY_S
    if leaf.not_valid_before_utc.timestamp() > case.now:
        faults.append(f"it begins only on {leaf.not_valid_before_utc:%Y-%m-%d}: or this machine's clock is wrong")
    if left_days <= 0:
        faults.append(f"it ended on {leaf.not_valid_after_utc:%Y-%m-%d}")
    for fault in faults:
        yield wrong("certificate", file, fault, renew)
    if not faults and left_days < RENEW_DAYS:
        yield soon("certificate", file, f"it ends in {left_days:.0f} days", renew)
    elif not faults:
        yield well("certificate", file, f"{certificate_uris(leaf)[0]}, {left_days:.0f} days left")


def check_keys(case: Case) -> Iterator[Finding]:
    """The keys are those that the pinned registry names for this member. A key registered later is told apart by the log, not here."""
    if case.registry is None:
        return
    entry = next((member for member in case.registry.members if member.id == case.settings.member), None)
    if entry is None:
        yield soon(
            "keys",
            case.settings.member,
            "the pinned registry does not name this member",
            "right if it joined later; else member or zone is misspelt in the configuration",
        )
        return
    register = "if the key was renewed, all is well once the log shows the change; else put the registered key back"
    try:
        mine = load_signing_key(entry.id, case.settings.keys_dir / "sign.pem").key_id
    except (NodeError, IdentityError) as error:
        yield wrong(
            "keys", "sign.pem", str(error), "restore it from its offline copy, or register a new one (operator guide, Changing members and keys)"
        )
        return
    if mine in {key.key_id for key in entry.keys}:
        yield well("keys", "sign.pem", f"registered as {mine}")
    else:
        yield soon("keys", "sign.pem", f"{mine} is not the key that the pinned registry names", register)
    if case.identity is not None and case.identity.hpke_public.hex() != entry.hpke:
        yield soon("keys", "hpke.pem", "it is not the key that the pinned registry names: what is sealed to that one cannot be opened", register)


def check_share(case: Case) -> Iterator[Finding]:
    """A custodian's share opens with the passphrase that is configured."""
    table = getattr(case.settings, "custodian", None)
    if table is None:
        return
    file = case.settings.state_dir / SHARE
    try:
        passphrase = read_private(table.passphrase_file).strip()
        held = file.exists()
        if held:
            read_holding(file, passphrase)
    except SecretFileError as error:
        yield wrong(
            "share",
            table.passphrase_file,
            str(error),
            "put the passphrase back that this custodian had; if it or the share is lost, have the others deal a new one: xinqiao key reshare",
        )
        return
    if held:
        yield well("share", file, "opens with the passphrase")
    else:
        yield soon(
            "share", file, "there is none yet", "right before the first start after the ceremony; else: xinqiao key status, xinqiao key reshare"
        )


def check_disk(case: Case) -> Iterator[Finding]:
    """There is room to write."""
    try:
        free = shutil.disk_usage(case.settings.state_dir).free
    except OSError as error:
        yield wrong("disk", case.settings.state_dir, error.strerror or str(error), "make the directory, or correct state_dir")
        return
    says = f"{free / (1 << 30):.1f} GiB free"
    if free < LEAST_BYTES:
        yield wrong("disk", case.settings.state_dir, says, "make room now: a process that cannot write refuses everything")
    elif free < LOW_BYTES:
        yield soon("disk", case.settings.state_dir, says, "make room, or move state_dir to a larger disk while the process is stopped")
    else:
        yield well("disk", case.settings.state_dir, says)


def check_quota(case: Case) -> Iterator[Finding]:
    """There is room for what another zone may still send, and it has not sent more."""
    table = getattr(case.settings, "peering", None)
    if table is None:
        return
    status, most = MirroredLog(table.mirror_dir).status(), table.most_bytes
    kept = {part: int(status.get("kept_bytes", {}).get(part, 0)) for part in most}
    for part, bound in most.items():
        says = f"{kept[part] / GB:.1f} of {bound / GB:.1f} GB of the zone's {part} kept"
        if part in status.get("full", ()):
            yield wrong("quota", part, f"{says}: it has sent more, of which nothing is taken", f"ask its people why; raise {part}_gb and restart")
        elif kept[part] > NEARLY * bound:
            yield soon("quota", part, says, f"ask its people whether that is right; raise {part}_gb, and restart, before it is full")
        else:
            yield well("quota", part, says)
    with suppress(OSError):  # the check of the disk says so
        free, may_come = shutil.disk_usage(case.settings.state_dir).free, sum(most.values()) - sum(kept.values())
        if free < may_come:
            yield soon(
                "quota", case.settings.state_dir, f"{free / GB:.0f} GB are free, {may_come / GB:.0f} may still be sent", "lower …_gb or add room"
            )


def _is_open(path: Path) -> bool:
    info = path.lstat()
    return not stat.S_ISREG(info.st_mode) or bool(stat.S_IMODE(info.st_mode) & 0o077)


def _faults(case: Case, chain: list[x509.Certificate], ca: bytes) -> Iterator[str]:
    leaf, wanted = chain[0], member_uri(case.settings.zone, case.settings.member)
    if certificate_uris(leaf) != [wanted]:
        yield f"it names {certificate_uris(leaf) or 'no URI'}; it must name exactly {wanted}"
    names = _dns_names(leaf)
    if case.listens and server_name(case.settings.zone, case.settings.member) not in names:
        yield f"other members connect to this process, but it does not name {server_name(case.settings.zone, case.settings.member)}"
    if not is_anchored(leaf, chain[1:], ca):
        yield "the zone's CA (ca.pem) did not issue it"
    try:
        key = load_private_key(case.settings.keys_dir / "tls-key.pem")
    except NodeError as error:
        yield str(error)
    else:
        forms = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if key.public_key().public_bytes(*forms) != leaf.public_key().public_bytes(*forms):
            yield "it is not the certificate of tls-key.pem"
    revoked = case.settings.public_dir / LIST_NAME
    if revoked.exists() and (leaf.issuer.public_bytes(), leaf.serial_number) in revoked_by(revoked.read_bytes(), ca):
        yield "the CA's list of revoked certificates names it"


def _dns_names(leaf: x509.Certificate) -> list[str]:
    try:
        return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return []
