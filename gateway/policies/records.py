"""Claims and reviews as bytes for the database, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from crypto.encoding import canonical_json
from scoring.policies.claims import Claim, Payee, Step
from scoring.policies.meaning import Meaning
from scoring.policies.reading.tagging import Tag
from scoring.policies.reading.text import Span
from scoring.policies.review import Decision, Review


def claim_to(claim: Claim) -> bytes:
    """Canonical JSON of a claim."""
    return canonical_json(asdict(claim))


def claim_from(document: bytes) -> Claim:
    """The claim that ``claim_to`` wrote."""
    found: dict[str, Any] = json.loads(document)
    payee = None if found["payee"] is None else Payee(**found["payee"])
    return Claim(**{**found, "payee": payee, "history": tuple(Step(**step) for step in found["history"])})


def review_to(review: Review) -> bytes:
    """Canonical JSON of a review."""
    tags = [{"sentence": tag.sentence, "start": tag.span.start, "end": tag.span.end, "meaning": _meaning(tag.meaning)} for tag in review.tags]
    decisions = [
        {
            "tag": item.tag, "verdict": item.verdict, "by": item.by, "at": item.at, "group": item.group,
            "meaning": None if item.meaning is None else _meaning(item.meaning),
        }
        for item in review.decisions
    ]  # fmt: skip
    return canonical_json({"tags": tags, "decisions": decisions, "in_force": review.in_force})


def review_from(document: bytes) -> Review:
    """The review that ``review_to`` wrote."""
    found: dict[str, Any] = json.loads(document)
    tags = tuple(Tag(item["sentence"], Span(item["start"], item["end"]), _read(item["meaning"])) for item in found["tags"])
    decisions = tuple(Decision(**{**item, "meaning": None if item["meaning"] is None else _read(item["meaning"])}) for item in found["decisions"])
    return Review(tags, decisions, found["in_force"])


def _meaning(meaning: Meaning) -> dict[str, Any]:
    return {"kind": meaning.kind, "relation": meaning.relation, "values": list(meaning.values)}


def _read(said: dict[str, Any]) -> Meaning:
    return Meaning.model_validate({**said, "values": tuple(said["values"])})
