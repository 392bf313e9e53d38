"""Case 4: an enterprise that works in two zones shows its score of one in the other, which shows where it is from and scores nobody by it."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

from simulators.demo.refused import Granted
from simulators.federation.between import Federation
from simulators.federation.cases import Case


def recognise(federation: Federation, uscc: str, receipt: Path) -> None:
    """``receipt`` of the enterprise in the first zone, shown in the second: recognised there, and worth no score until it consents anew."""
    origin, other = federation.zones[0], federation.zones[1]
    body = {"receipt": base64.b64encode(receipt.read_bytes()).decode(), "zone": other.id, "send": True}
    shown = origin.service.call("POST", f"/credentials/{uscc}", body)
    said = json.loads(receipt.read_bytes())
    model = said["model"]
    reason = f"{other.id} shows total {said['result']['total']} of {origin.id} by {model['id']}@{model['version']}, leaf {shown['leaf_index']}"
    federation.record(Case("credential", "recognised", reason, shown["leaf_index"] is not None))

    unasked = Granted(uscc, other.subject(uscc), other.bank_name, other.product, secrets.token_hex(16))
    refused = other.ask(unasked)
    federation.record(Case("credential_no_score", "refused", refused, refused == "CONSENT_MISSING"))

    own = json.loads(other.score(uscc).read_bytes())
    total, by = own["result"]["total"], own["model"]
    federation.record(Case("new_consent", "scored", f"total {total} in {other.id} by {by['id']}@{by['version']}", own["zone"] == other.id))
