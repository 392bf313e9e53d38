"""The order of an epoch's roster alone: subject ids and the batches that they fall into. It is all that a contributing bank is given [M7].

Divisions and stages stay out of it. EpochOpen names it beside the ordered roster, and whoever has that checks that the two agree: an
order of somebody's own making, another one for each bank, would let a sum hold one bank's value alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from crypto.encoding import canonical_json, sha256
from scoring.errors import RosterError
from scoring.exchange.documents.form import MAX_DOCUMENT_BYTES, MAX_SUBJECTS
from scoring.exchange.roster import Batch, Stages, batches
from scoring.statements import EpochOpen

ORDER_FORMAT = "xinqiao/order/v1"
_NAMES = ("zone", "epoch", "period")
_SUBJECT = re.compile(r"[0-9a-f]{32}")
_COUNT = re.compile(r"[1-9][0-9]{0,6}")


@dataclass(frozen=True, slots=True)
class Order:
    """Subject ids in the roster's order, no id twice, and the number of subjects of each batch."""

    zone: str
    epoch: str
    period: str
    subjects: tuple[str, ...]
    counts: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """The document whose SHA-256 ``EpochOpen.order`` is."""
        head = {name: getattr(self, name) for name in _NAMES}
        return canonical_json({"format": ORDER_FORMAT, **head, "subjects": self.subjects, "batches": [str(count) for count in self.counts]})

    def batches(self, stage: str) -> tuple[Batch, ...]:
        """The batches, all said to be of ``stage``: which one each is of is not told."""
        found, first = [], 0
        for index, count in enumerate(self.counts):
            found.append(Batch(index, stage, first, count))
            first += count
        return tuple(found)


def order_of(stages: Stages, slots: int) -> Order:
    """The order of the roster ``stages`` in batches of ``slots``. Requires slots >= 1."""
    counts = tuple(batch.count for batch in batches(stages.counts(), slots))
    return Order(stages.zone, stages.epoch, stages.period, tuple(subject for subject, _, _ in stages.subjects), counts)


def check_order(opened: EpochOpen, stages: Stages) -> None:
    """The order that the epoch names is that of its roster; an epoch that names none has none. Raises RosterError."""
    if opened.order and sha256(order_of(stages, opened.slots).to_bytes()).hex() != opened.order:
        raise RosterError("the order that the epoch gives to banks is not that of its roster")


def parse_order(data: bytes) -> Order:
    """The document in ``data``, which must be canonical. Raises RosterError."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise RosterError(f"{len(data)} bytes, at most {MAX_DOCUMENT_BYTES} are allowed")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RosterError("the order is not JSON") from error
    if not isinstance(document, dict) or document.keys() != {"format", *_NAMES, "subjects", "batches"} or document["format"] != ORDER_FORMAT:
        raise RosterError(f"the document is not of format {ORDER_FORMAT}")
    subjects, counts = _strings(document["subjects"], _SUBJECT), _strings(document["batches"], _COUNT)
    if not all(isinstance(document[name], str) for name in _NAMES):
        raise RosterError("zone, epoch and period are text")
    order = Order(document["zone"], document["epoch"], document["period"], subjects, tuple(map(int, counts)))
    if not 1 <= len(subjects) <= MAX_SUBJECTS or len(set(subjects)) != len(subjects) or sum(order.counts) != len(subjects):
        raise RosterError("an order has each subject once, and its batches hold all of them")
    if order.to_bytes() != data:
        raise RosterError("the order is not canonical JSON")
    return order


def _strings(value: object, form: re.Pattern[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and form.fullmatch(item) for item in value):
        raise RosterError(f"a list of strings of the form {form.pattern} is expected")
    return tuple(value)
