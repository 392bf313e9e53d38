"""What an enterprise is shown of the values that a department holds of it, and what it answers: sealed and signed messages, never logged [V1–V4].

The enterprise service speaks for an enterprise by the county's signed binding of code, subject id and service, which it was given when
the enterprise was enrolled.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nodes.runtime.replica.relay import Uscc
from scoring.lifecycle import FilingState, State
from scoring.statements import Hex16, HexBytes, Index, Record, Time

MAX_FIELDS = 200
Period = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]


class ValuesRequest(Record):
    """The service asks for all that the department holds of the enterprise in a period. ``serial`` tells one asking from the next."""

    binding: HexBytes
    period: Period
    serial: Index


class ShownValue(Record):
    """One held value, as ``scoring.lifecycle.HeldValue``."""

    field: FieldName
    value: str
    version: Hex16
    state: State
    since: Time
    due: Time
    note: Text


class ShownFiling(Record):
    """One filing, as ``scoring.lifecycle.Filing``."""

    field: FieldName
    value: Text
    state: FilingState
    since: Time
    note: Text


class Values(Record):
    """The department shows what it holds; ``self_filed``: fields that the enterprise may file itself. ``refused``: field -> why its answer
    was not taken.

    ``reason``, of the catalogue, where nothing is shown. ``serial`` is that of the request or the answers that this is about.
    """

    uscc: Uscc
    period: Period
    serial: Index
    values: Annotated[tuple[ShownValue, ...], Field(max_length=MAX_FIELDS)] = ()
    filings: Annotated[tuple[ShownFiling, ...], Field(max_length=MAX_FIELDS)] = ()
    self_filed: Annotated[tuple[FieldName, ...], Field(max_length=MAX_FIELDS)] = ()
    refused: dict[FieldName, Text] = Field(default_factory=dict)
    reason: str = ""


class GivenAnswer(Record):
    """The enterprise confirms one version of a value, or disputes it with a reason."""

    field: FieldName
    version: Hex16
    confirmed: bool
    note: Text = ""


class FiledValue(Record):
    """A value that the enterprise files itself, with what it rests on."""

    field: FieldName
    value: Text
    note: Text = ""


class ValueAnswers(Record):
    """The enterprise's answers and filings about one period."""

    binding: HexBytes
    period: Period
    serial: Index
    answers: Annotated[tuple[GivenAnswer, ...], Field(max_length=MAX_FIELDS)] = ()
    filings: Annotated[tuple[FiledValue, ...], Field(max_length=MAX_FIELDS)] = ()
