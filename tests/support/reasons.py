"""Reasons that our programs can give, as their sources have them."""

from __future__ import annotations

import re
from pathlib import Path

EVIDENCE = Path(__file__).parents[2] / "nodes" / "evidence"


def receipt_reasons() -> set[str]:
    """Those of the verifier of receipts."""
    sources = [EVIDENCE / "receipt.py", *(EVIDENCE / "receipts").glob("*.py")]
    return {reason for source in sources for reason in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', source.read_text(encoding="utf-8"))}
