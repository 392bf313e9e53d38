"""What persons of a department sign when they settle a dispute or examine a filing, and what it takes for it to count [A6].

Pure: what was signed and the keys of the persons in force come in, nothing is stored here. An auditor judges with the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from crypto.encoding import canonical_json, digest
from crypto.statements import VerifyKey
from nodes.contributing.four_eyes.words import Word, valid_words
from nodes.errors import SecondPersonMissingError
from nodes.runtime.replica.relay import Uscc
from nodes.runtime.replica.value_messages import FieldName, Period, Text
from scoring.statements import Hex16, Index, Time

MatterKind = Literal["dispute", "filing"]
Outcome = Literal["uphold", "approve", "reject"]
OUTCOMES: Mapping[MatterKind, tuple[Outcome, ...]] = {"dispute": ("uphold",), "filing": ("approve", "reject")}


class Settlement(Word):
    """One person's word on one dispute or filing. ``version`` is that of the value in question, ``since`` when the enterprise spoke,
    ``filing`` the filing's number (0 for a dispute). ``reason`` is what the enterprise is told. An enterprise is named in it too.
    """

    noun = "settlement"
    payload_type = "application/vnd.xinqiao.settlement.v1+json"

    kind: MatterKind
    uscc: Uscc
    period: Period
    field: FieldName
    version: Hex16
    since: Time
    filing: Index
    outcome: Outcome
    reason: Text

    @property
    def matter(self) -> str:
        """What is settled, by its name."""
        return matter_of(self.kind, self.uscc, self.period, self.field, self.version, self.since, self.filing)

    @property
    def said(self) -> bytes:
        """What two persons have to say alike: all but who says it, and when."""
        return canonical_json(self.model_dump(mode="json", exclude={"person", "time"}))


def matter_of(kind: MatterKind, uscc: str, period: str, field: str, version: str, since: int, filing: int) -> str:
    """The name of a dispute or filing: 64 hex digits, others when the same value is disputed anew."""
    return digest("value-matter", canonical_json([kind, uscc, period, field, version, since, filing])).hex()


def valid_settlements(matter: str, envelopes: Iterable[bytes], people: Mapping[str, VerifyKey]) -> list[Settlement]:
    """Those of ``envelopes`` that ``people`` signed about ``matter``, in order."""
    return valid_words(Settlement, envelopes, people, lambda word: word.matter == matter)


def check_settled(settlement: Settlement, envelopes: Iterable[bytes], people: Mapping[str, VerifyKey], persons: int) -> None:
    """Returns when ``persons`` different ones of ``people`` signed the very outcome and reason of ``settlement`` [A6].

    Raises SecondPersonMissingError otherwise.
    """
    alike = {word.person for word in valid_settlements(settlement.matter, envelopes, people) if word.said == settlement.said}
    if len(alike) < persons:
        raise SecondPersonMissingError("the outcome takes another person who signs it with the same reason")
