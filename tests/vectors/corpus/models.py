"""Models with one thing wrong: in the file, or in what they disclose."""

from __future__ import annotations

from tests.vectors.corpus.zone import PACK

EDITS: dict[str, tuple[str, str]] = {
    # name: (text of the good model, what stands there instead)
    "name-repeated": ('version: "1"\n', 'version: "1"\nversion: "2"\n'),
    "name-unknown": ("valid_from:", "remark: none\nvalid_from:"),
    "alias": ("  all: {zh: 全部, en: all}", "  all: *total"),
    "weight-missing": ("weights: {S1: 3, S2: 2}", "weights: {S1: 3}"),
    "weight-not-integer": ("weights: {S1: 3, S2: 2}", "weights: {S1: 3.5, S2: 2}"),
    "bounds-too-narrow": ("bounds: [0, 10]", "bounds: [0, 9]"),
    "stages-leave-a-gap": ("on: {staff: {from: 100}}", "on: {staff: {from: 200}}"),
    "record-unknown": ("record: survey", "record: surveys"),
    "gate-unknown": ("gates: [silence]", "gates: [silences]"),
    "provenance-missing": ("    provenance: [{of: [name, rule, weights], status: illustrative}]\n  rd:", "    provenance: []\n  rd:"),
    "floor-not-rounded": ("floor: 100000,", "floor: 100500,"),
    "promise-not-kept": ("times: {S1: 1.3, S2: 1.5}", "times: {S1: 1.2, S2: 1.5}"),
}
LEAKS: dict[str, tuple[str, str, str]] = {
    # name: (rule of the linter that refuses it, text of the good model, what stands there instead)
    "leaks-a-single-indicator": ("isolated", "weights: {S1: 3, S2: 2}", "weights: {S1: 0, S2: 2}"),
    "leaks-by-weight": ("ratio", "weights: {S1: 4, S2: 2}", "weights: {S1: 40, S2: 2}"),
}
REASON, LEAK = "MODEL_INVALID", "MODEL_LEAKS"


def models() -> dict[str, tuple[str, bytes]]:
    """Name -> (reason, file) of every bad model: those that cannot be read, then those that the linter refuses."""
    good = PACK.read_text(encoding="utf-8")
    found = {}
    for name, (old, new) in EDITS.items():
        assert old in good, name
        found[name] = (REASON, good.replace(old, new, 1).encode())
    for name, (_, old, new) in LEAKS.items():
        assert old in good, name
        found[name] = (LEAK, good.replace(old, new, 1).encode())
    return found
