"""Three ways to falsify what a run left behind, each tried on a copy, each to be caught by the command that anyone may run.

One bit of a tile; one ciphertext replaced by another valid encryption of the same value, which nobody could tell apart by looking; one
opening that says a point more. What is changed are copies in a directory that lasts as long as the try.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.bignum import power
from crypto.encoding import from_fixed
from crypto.paillier import PublicKey, encode_ciphertext
from crypto.statements import parse_envelope
from nodes.errors import NodeError, NotFoundError
from nodes.evidence.archive import Archive
from scoring.statements import Column, Row, parse_statement

AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Attempt:
    """A falsified copy and the command that judges it: ``arguments`` of ``xinqiao``."""

    case: str
    arguments: tuple[str, ...]


def tamper(out: Path) -> list[dict[str, Any]]:
    """Try every case on copies of the run in ``out``: [{case, command, exit_code, reason}], as tampering.json has it (docs/specs/artifacts.md).

    Raises NotFoundError when the run left nothing of a kind to falsify, NodeError when a command fails to answer.
    """
    makers: tuple[Callable[[Path, Path], Attempt], ...] = (flip_tile_bit, substitute_ciphertext, forge_opening)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tampering") as executor:
        return list(executor.map(lambda make: _try(make, out), makers))


def flip_tile_bit(out: Path, scratch: Path) -> Attempt:
    """One bit of one hash of a tile, a full one if there is one."""
    archive = _copy_log(out, scratch)
    hashes = [address for address in archive.tiles() if address.level is not None]
    if not hashes:
        raise NotFoundError(f"{out} has no tile to falsify")
    address = max(hashes, key=lambda item: (item.width, -(item.level or 0)))
    _flip_bit(archive.log_dir / address.path(), address.width * 16)  # a bit of its middle hash
    return Attempt("tile_bit", _audit(out, scratch))


def substitute_ciphertext(out: Path, scratch: Path) -> Attempt:
    """One ciphertext of a contribution, replaced by another encryption of the same plaintext."""
    archive, key = _copy_log(out, scratch), _public_key(out)
    digest = next(_contributions(archive), None)
    if digest is None:
        raise NotFoundError(f"{out} has no ciphertexts to falsify")
    data, width = archive.blob_path(digest).read_bytes(), key.ciphertext_size
    substitute = rerandomised(key, from_fixed(data[:width], width), secrets.randbelow)
    archive.blob_path(digest).write_bytes(encode_ciphertext(key, substitute) + data[width:])
    return Attempt("ciphertext", _audit(out, scratch))


def forge_opening(out: Path, scratch: Path) -> Attempt:
    """The opening of a bank's receipt, or of an epoch record where no bank asked, with a value one hundredth of a point higher."""
    receipts, records = sorted((out / "receipts").glob("*.json")), sorted((out / "epochs").glob("**/*.json"))
    if receipts:
        forged = scratch / receipts[0].name
        _raise_value(receipts[0], forged)
        return Attempt("opening", ("verify", str(forged), "--keys", str(out / "public"), "--json"))
    if not records:
        raise NotFoundError(f"{out} has no opening to falsify")
    _copy_log(out, scratch)
    (scratch / "epochs").mkdir()
    _raise_value(records[0], scratch / "epochs" / records[0].name)
    return Attempt("opening", _audit(out, scratch))


def rerandomised(key: PublicKey, ciphertext: int, randbelow: Callable[[int], int]) -> int:
    """Another encryption of the same plaintext: c·r^n mod n² for a random r."""
    return int(ciphertext * power(randbelow(key.n - 1) + 1, key.n, key.n2) % key.n2)


def _try(make: Callable[[Path, Path], Attempt], out: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="xinqiao-tampering-") as scratch:
        return _judged(make(out, Path(scratch)))


def _judged(attempt: Attempt) -> dict[str, Any]:
    """Run the command on the falsified copy."""
    ended = subprocess.run([sys.executable, "-m", "xinqiao", *attempt.arguments], check=False, capture_output=True, text=True)
    command = " ".join(("xinqiao", *attempt.arguments))
    try:
        document = json.loads(ended.stdout)
    except ValueError as error:
        raise NodeError(f"{command} ended with {ended.returncode} and without a document: {ended.stderr[-500:]}") from error
    findings = document.get("findings") or [{}]
    reason = document.get("reason") or document.get("error") or findings[0].get("code", "")
    return {"case": attempt.case, "command": command, "exit_code": ended.returncode, "reason": reason}


def _audit(out: Path, scratch: Path) -> tuple[str, ...]:
    return ("audit", str(scratch), "--keys", str(out / "public"), "--json")


def _copy_log(out: Path, scratch: Path) -> Archive:
    shutil.copytree(out / "log", scratch / "log")
    return Archive.find(scratch)


def _public_key(out: Path) -> PublicKey:
    return PublicKey.from_json(json.loads((out / "public" / "key.json").read_bytes()))


def _contributions(archive: Archive) -> Iterator[str]:
    """Merkle roots of contributions whose ciphertexts are there, by digest of their statements."""
    for path in sorted((archive.log_dir / "envelopes").iterdir()):
        envelope = parse_envelope(path.read_bytes())
        statement = parse_statement(envelope.payload_type, envelope.payload)
        if isinstance(statement, Column | Row) and archive.blob_path(statement.header.merkle_root).is_file():
            yield statement.header.merkle_root


def _flip_bit(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def _raise_value(source: Path, target: Path) -> None:
    document = json.loads(source.read_bytes())
    opening = document["openings"][0]
    opening["m"] = str(int(opening["m"]) + 1)
    target.write_text(json.dumps(document), encoding="utf-8")
