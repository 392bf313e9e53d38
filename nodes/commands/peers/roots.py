"""A zone's roots of trust as one file for other zones, and such a file pinned: given out of band, compared by its registry's digest [F2]."""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from pathlib import Path

from crypto.encoding import sha256
from crypto.statements import parse_envelope
from nodes.errors import SettingsError
from nodes.evidence.roots import Roots
from nodes.runtime.files import write_public
from nodes.runtime.replica.zone import read_public
from scoring.errors import StatementFormatError
from scoring.statements import Registry, parse_statement

REGISTRY = "registry.dsse.json"
NEEDED = (REGISTRY, "log.vkey", "witnesses.vkey", "witness-policy.json", "key.json", "ceremony.dsse.json", "ca.pem")
LARGEST_FILE, LARGEST, MOST_FILES = 8 << 20, 64 << 20, 256
_PACK = re.compile(r"packs/[A-Za-z0-9][A-Za-z0-9@._-]{0,120}", re.ASCII)
_DIR = 0o755


def export_roots(public_dir: Path) -> tuple[str, str, bytes]:
    """(zone, digest of its registry, tar) of what another zone pins. The same files give the same tar. Raises SettingsError for a missing one."""
    content = io.BytesIO()
    packs = sorted(path.relative_to(public_dir).as_posix() for path in (public_dir / "packs").glob("*") if path.is_file())
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in (*NEEDED, *packs):
            data = read_public(public_dir / name)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    zone, digest, _ = registry_in(public_dir)
    return zone, digest, content.getvalue()


def pin_roots(content: bytes, digest: str, public_dir: Path) -> tuple[str, Path]:
    """(zone, directory) of roots that were unpacked to ``public_dir``/peers/<zone>/public. ``digest``: as the other zone's people read it out.

    Raises SettingsError when the file is none of ``export_roots``, its registry has another digest, is this zone's own, or another one is
    pinned for that zone already; KeyFormatError and ModelError when what it holds does not fit together. Nothing is written then.
    """
    files = _unpacked(content)
    if sha256(files[REGISTRY]).hex() != digest:
        raise SettingsError(f"the file's registry has the digest {sha256(files[REGISTRY]).hex()}, not {digest}: it is not what the other zone gave")
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), files)
        zone = Roots.load(Path(name)).zone
    if zone == registry_in(public_dir)[0]:
        raise SettingsError(f"{zone} is this zone itself")
    target = public_dir / "peers" / zone / "public"
    if (target / REGISTRY).exists() and (target / REGISTRY).read_bytes() != files[REGISTRY]:
        raise SettingsError(f"{target} pins another registry of {zone}: remove it first, if that is what both zones agreed")
    _write(target, files)
    return zone, target


def registry_in(public_dir: Path) -> tuple[str, str, Registry]:
    """(zone, digest, registry) of a public directory. Raises SettingsError, StatementFormatError."""
    raw = read_public(public_dir / REGISTRY)
    envelope = parse_envelope(raw)
    registry = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(registry, Registry):
        raise StatementFormatError(f"{public_dir / REGISTRY} is a {registry.kind}")
    return registry.zone, sha256(raw).hex(), registry


def _unpacked(content: bytes) -> dict[str, bytes]:
    """Files by name: only names that a public directory has, regular ones, of bounded size, each and together."""
    files: dict[str, bytes] = {}
    left = LARGEST
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for entry in tar:
                known = entry.name in NEEDED or _PACK.fullmatch(entry.name) is not None
                if not known or not entry.isfile() or entry.size > min(LARGEST_FILE, left) or entry.name in files or len(files) >= MOST_FILES:
                    raise SettingsError(f"{entry.name!r} has no place in a zone's roots of trust")
                reader = tar.extractfile(entry)
                assert reader is not None  # it is a file
                files[entry.name] = reader.read()
                left -= entry.size
    except (tarfile.TarError, EOFError) as error:
        raise SettingsError(f"this is no file of a zone's roots: {error}") from error
    if missing := [name for name in NEEDED if name not in files]:
        raise SettingsError(f"the file lacks {', '.join(missing)}")
    return files


def _write(directory: Path, files: dict[str, bytes]) -> None:
    (directory / "packs").mkdir(mode=_DIR, parents=True, exist_ok=True)
    for name in (*(name for name in files if name != REGISTRY), REGISTRY):  # last: where it is, the others are
        write_public(directory / name, files[name])
