"""A bank's receipts sealed into a directory that anybody may keep for it: a stream of the bank's own, in the form in which peers hand chunks back
[F20]. What was sealed last stands in the directory's list, so that the next time goes on behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from crypto.encoding import sha256
from nodes.coordinator.keeping.outbox import BACKUP
from nodes.errors import SettingsError
from nodes.evidence.receipt import parse_receipt, verify_receipt
from nodes.evidence.roots import Roots
from nodes.recovery.handing import LIST, Listed, chunks_in, listed_in, read_chunk, write_list
from nodes.runtime.files import make_private_directory, write_private
from scoring.errors import ReceiptError
from scoring.federation.backup import Part, Place, Reader, read_head, seal_part
from scoring.federation.errors import BackupError


def seal_receipts(receipts: Iterable[tuple[str, bytes]], directory: Path, recovery_key: bytes, zone: str, bank: str) -> int:
    """Seal those of ``receipts`` (id, document) that ``directory`` has not yet; how many these were. The list is written last: chunks of a command
    that was stopped are in none, and are written over.

    Raises SettingsError where the directory holds what is no stream of ``bank``, sealed to this key.
    """
    make_private_directory(directory)
    listed = list(listed_in(directory)) if (directory / LIST).exists() else []
    place = _last(directory, listed, recovery_key, zone, bank)
    for path in directory.glob("*.chunk"):
        if path.stem > f"{place.number:012}":
            path.unlink()
    known, before = {item.name.rpartition("/")[2] for item in listed}, len(listed)
    for name, document in receipts:
        if name in known:
            continue
        for at, chunk in seal_part(Part("receipt", name, document), recovery_key, zone, bank, place):
            write_private(directory / f"{at.number:012}.chunk", chunk)
            listed.append(Listed(kind=BACKUP, sequence=at.number, name=f"{bank}/{at.number:012}/{name}", digest=at.digest))
        place = Place(listed[-1].sequence, listed[-1].digest)
    write_list(listed, directory)
    return len({item.name.rpartition("/")[2] for item in listed[before:]})


def open_receipts(directory: Path, private: bytes, roots: Roots) -> Iterator[tuple[str, bytes]]:
    """(id, document) of every receipt that was sealed, each verified as by a stranger.

    Raises SettingsError for what is no such directory, BackupError for a chunk that is missing, changed, or sealed by or to another one, and for a
    receipt that does not hold, or is sealed under another name than its own.
    """
    readers = dict[str, Reader]()
    for path in chunks_in(directory):
        chunk = read_chunk(path)
        stream = read_head(chunk).stream
        part = readers.setdefault(stream, Reader(private, roots.zone, stream)).take(chunk)
        if part is None:
            continue
        if part.kind != "receipt":
            raise BackupError(f"{path} holds {part.kind}: open the zone's own backup with xinqiao backup open")
        try:
            verify_receipt(part.content, roots)
            name = parse_receipt(part.content).id
        except ReceiptError as error:
            raise BackupError(f"the receipt that ends with {path.name} does not hold: {error.reason}") from error
        if part.name != name:  # files are called so: whoever has the public half can seal under any name, one that leads elsewhere too
            raise BackupError(f"the receipt that ends with {path.name} is not called {name}, as a bank calls it")
        yield name, part.content


def _last(directory: Path, listed: list[Listed], recovery_key: bytes, zone: str, bank: str) -> Place:
    if not listed:
        return Place()
    last = listed[-1]
    head = read_head(read_chunk(directory / f"{last.sequence:012}.chunk"))
    if (head.zone, head.stream, head.number) != (zone, bank, last.sequence) or head.key != sha256(recovery_key).hex():
        raise SettingsError(f"{directory} holds receipts of {head.stream} in {head.zone}, or sealed to another key: name a directory of its own")
    return Place(last.sequence, last.digest)
