"""What a witness must never forget: the head that it cosigned last, in two places, and the notes of a log that forked [L5].

The head is in the state directory, its size and root also in a pin outside of it. A witness that finds one without the other, or an
older head than its pin, has lost what it promised to remember: it is retired, since it might cosign a second history.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from crypto.encoding import canonical_json, sha256
from crypto.merkle import EMPTY_ROOT
from nodes.errors import RollbackError
from nodes.runtime.files import make_private_directory, read_private, write_private

EVIDENCE_KEPT = 256


@dataclass(frozen=True, slots=True)
class WitnessHead:
    """The newest cosigned tree head; ``note`` is the log's signed note of it, empty at size 0."""

    size: int
    root: bytes
    note: bytes


FIRST = WitnessHead(0, EMPTY_ROOT, b"")


class WitnessState:
    """The head of one witness in ``directory``, pinned in the file ``pin``.

    Making it reads the head. Raises RollbackError when state or pin is lost, unreadable, or the state is older than the pin.
    """

    def __init__(self, directory: Path, pin: Path) -> None:
        self._directory, self._pin = make_private_directory(directory), pin
        self._file = directory / "head.json"
        self.head = self._load()

    def store(self, head: WitnessHead) -> None:
        """Make ``head`` the newest one; on disk in both places when this returns."""
        document = {"size": head.size, "root": head.root.hex(), "note": head.note.decode()}
        write_private(self._file, canonical_json(document))
        write_private(self._pin, canonical_json({"size": head.size, "root": head.root.hex()}))
        self.head = head

    def keep_evidence(self, *notes: bytes) -> bool:
        """Keep the notes of a conflict. False, and nothing kept, once EVIDENCE_KEPT notes are: a liar must not fill the disk."""
        evidence = make_private_directory(self._directory / "evidence")
        if sum(1 for _ in evidence.iterdir()) >= EVIDENCE_KEPT:
            return False
        for note in notes:
            write_private(evidence / f"{sha256(note).hex()[:32]}.note", note)
        return True

    def _load(self) -> WitnessHead:
        if not self._file.exists() and not self._pin.exists():
            self.store(FIRST)
            return FIRST
        if not self._file.exists():
            raise RollbackError(f"this witness lost its state ({self._file}, pinned in {self._pin}): retire its key, it must not witness again")
        head = self._read()
        pinned = self._read_pin(head)
        if head.size < pinned[0] or (head.size == pinned[0] and head.root != pinned[1]):
            raise RollbackError(f"this witness cosigned {pinned[0]} leaves, its state knows {head.size}: it is an old copy; retire its key")
        self.store(head)  # the pin may be one behind, if the process ended between the two
        return head

    def _read(self) -> WitnessHead:
        try:
            document = json.loads(read_private(self._file))
            return WitnessHead(int(document["size"]), bytes.fromhex(document["root"]), document["note"].encode())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RollbackError(f"{self._file} cannot be read: retire this witness's key") from error

    def _read_pin(self, head: WitnessHead) -> tuple[int, bytes]:
        if not self._pin.exists():
            if head.size:
                raise RollbackError(f"{self._pin} is missing, though this witness cosigned {head.size} leaves: retire its key")
            return 0, EMPTY_ROOT
        try:
            pinned = json.loads(read_private(self._pin))
            return int(pinned["size"]), bytes.fromhex(pinned["root"])
        except (ValueError, KeyError, TypeError) as error:
            raise RollbackError(f"{self._pin} cannot be read: retire this witness's key") from error
