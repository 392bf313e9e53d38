"""``python -m tests.vectors.corpus``: write tests/vectors anew: the artifacts, all of them but their README, and the proofs.

Keys, nonces and times are fresh in every run; names, changes and expected reasons are not.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from crypto.encoding import canonical_json
from tests.support.artifacts import put, write_public
from tests.vectors.corpus.edits import edited
from tests.vectors.corpus.forgeries import forged
from tests.vectors.corpus.logs import Files, epoch, files_of, logs, members, young
from tests.vectors.corpus.models import models
from tests.vectors.corpus.proofs import vectors
from tests.vectors.corpus.zone import PACK, make_zone

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
KNOWLEDGE = ARTIFACTS.parent / "knowledge.json"
PARTS = ("public", "receipts", "logs", "models")

# The tests make and judge these too; in the corpus others of the same place and reason stand for them, so that it stays small.
LEFT_OUT = {
    "cosignature-time",
    "checkpoint-root", "checkpoint-with-extension-line", "consent-for-another-bank", "consent-not-yet-in-force", "consent-without-the-functional",
    "consent-without-the-product", "cosignature-of-a-stranger", "enrolment-by-a-department", "enrolment-of-another-enterprise", "field-added",
    "field-missing", "functional-constant", "functional-term-missing", "gated-denied", "inclusion-proof-short", "input-missing",
    "line-in-spite-of-veto", "members-by-a-bank", "members-moved", "members-without-the-stages-owner",
    "model-hash", "number-with-leading-zero", "opening-doubled", "opening-m", "opening-r", "percentile-without-table",
    "product-consented-but-not-asked", "product-not-consented", "purpose", "quantile-table-by-a-bank", "quantile-table-is-a-stage-column",
    "quantile-table-of-another-epoch", "request-for-another-consent", "request-lives-too-long", "request-nonce", "request-target",
    "request-too-late", "row-ciphertexts-swapped", "row-inclusion-proof-bit", "row-of-another-member", "stage", "stage-proof-path",
    "stages-by-another-department", "stages-of-another-epoch", "ticket-aggregate", "ticket-functional", "ticket-input", "ticket-of-another-zone",
}  # fmt: skip


def main() -> int:
    """Write the corpus; its index and how large it is."""
    made = make_zone()
    for part in PARTS:
        shutil.rmtree(ARTIFACTS / part, ignore_errors=True)
    write_public(made.zone, ARTIFACTS / "public")
    index: list[dict[str, Any]] = []

    def note(kind: str, file: str, reason: str | None) -> Path:
        index.append({"file": file, "kind": kind, "valid": reason is None, "reason": reason})
        return ARTIFACTS / file

    good = {name: (None, canonical_json(document)) for name, document in made.receipts.items()}
    for name, (reason, data) in {**good, **edited(made), **forged(made)}.items():
        if name not in LEFT_OUT:
            put(note("receipt", f"receipts/{name}.json", reason), data)
    sound: dict[str, tuple[None, Files]] = {
        "young": (None, files_of(young(made))),
        "members": (None, files_of(members(made))),
        "epoch": (None, files_of(epoch(made))),
    }
    for name, (reason, files) in {**sound, **logs(made)}.items():
        directory = note("log", f"logs/{name}", reason)
        for path, content in files.items():
            put(directory / path, content)
    for name, (reason, data) in {PACK.stem: (None, PACK.read_bytes()), **models()}.items():
        put(note("model", f"models/{name}.yaml", reason), data)
    KNOWLEDGE.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
    (ARTIFACTS / "index.json").write_text("[\n" + ",\n".join(json.dumps(entry) for entry in index) + "\n]\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in ARTIFACTS.rglob("*") if path.is_file())
    print(f"{len(index)} artifacts, {size:,} bytes, in {ARTIFACTS}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
