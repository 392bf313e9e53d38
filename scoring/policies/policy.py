"""A policy as officials enter it: its text and where that comes from, what it pays, out of what, and which model's flags judge by it [O1]."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from scoring.policies.accounts import MAX_FEN, yuan
from scoring.policies.errors import PolicyFormatError, PolicyStateError
from scoring.policies.reading.text import MAX_CHARACTERS
from scoring.policies.review import Condition, Review
from scoring.statements import Name, Record, Title

Fen = Annotated[int, Field(ge=1, lt=MAX_FEN)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Policy(Record):
    """``award_fen``: what one enterprise is paid, once. ``notice_days``: how long its name stands on public notice before. ``flags``: id of the
    model of encrypted flags for its protected conditions, empty where it has none. ``provenance``: whether amounts and standard are published
    or made up to show the software."""

    format: Literal["xinqiao/policy/v1"] = "xinqiao/policy/v1"
    id: Name
    title: Title
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CHARACTERS)]
    source: Line
    provenance: Literal["published", "illustrative"]
    award_fen: Fen
    budget_fen: Fen
    notice_days: Annotated[int, Field(ge=1, le=90)]
    valid_from: str
    valid_until: str
    flags: Name | Literal[""] = ""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if date.fromisoformat(self.valid_from) > date.fromisoformat(self.valid_until):
            raise ValueError("the policy ends before it begins")
        if self.award_fen > self.budget_fen:
            raise ValueError("one award is more than the budget")
        return self

    def in_time(self, today: date) -> bool:
        """Whether it is valid on ``today``; both of its days are."""
        return date.fromisoformat(self.valid_from) <= today <= date.fromisoformat(self.valid_until)


def policy_of(document: object) -> Policy:
    """The policy of a parsed document. Raises PolicyFormatError, naming the place and what would be right."""
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise PolicyFormatError(f"{'.'.join(map(str, fault['loc'])) or 'policy'}: {fault['msg']}") from error


def published(policy: Policy, review: Review) -> Review:
    """The review in force, when it is complete and the award is what the text says.

    Raises PolicyStateError as ``Review.publish``; where the confirmed text names awards and none of them allows the policy's; and where it has
    conditions on protected records but no flag model.
    """
    said = [condition.meaning for condition in review.meanings() if condition.meaning.kind == "award"]
    if said and not any(_allows(item.relation, int(item.values[0]), policy.award_fen) for item in said):
        raise PolicyStateError(f"an award of {yuan(policy.award_fen)} yuan is not among those that the text names")
    if not policy.flags and any(condition.meaning.protected for condition in review.meanings()):
        raise PolicyStateError("the text has conditions on what departments hold: name the flag model that judges them")
    return review.publish()


def public_conditions(review: Review) -> tuple[Condition, ...]:
    """The decided conditions that public registers tell."""
    return tuple(condition for condition in review.meanings() if condition.meaning.public)


def _allows(relation: str, named_fen: int, award_fen: int) -> bool:
    return award_fen <= named_fen if relation in {"at_most", "less_than"} else award_fen == named_fen
