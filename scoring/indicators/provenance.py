"""Where each number of a model comes from: published, with its source, or illustrative. Nothing is left unsaid [M1]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field as Declared
from pydantic import model_validator

from scoring.rules.values import Part
from scoring.statements import StageId

Aspect = Literal["name", "rule", "weights", "bands", "line", "floor", "cap", "promise", "terms", "criterion"]


class Provenance(Part):
    """One note: these aspects, in these stages (all when empty), are ``published`` in ``source`` or ``illustrative``."""

    of: Annotated[tuple[Aspect, ...], Declared(min_length=1)]
    status: Literal["published", "illustrative"]
    source: str = ""
    note: str = ""
    stages: tuple[StageId, ...] = ()

    @model_validator(mode="after")
    def _source(self) -> Provenance:
        if (self.status == "published") != bool(self.source):
            raise ValueError("published needs its source; illustrative has none (explain in note) 已公布的要注明出处，示例性的不注出处")
        return self


Notes = tuple[Provenance, ...]


def uncovered(notes: Notes, aspects: Iterable[Aspect], stages: Iterable[str]) -> str | None:
    """First aspect (with its stage) of which the notes say nothing, or of which they say two things; None when all is said once."""
    for aspect in aspects:
        for stage in stages:
            found = [note for note in notes if aspect in note.of and (not note.stages or stage in note.stages)]
            if len(found) != 1:
                return f"provenance of {aspect} in stage {stage} is given {len(found)} times: say once, published or illustrative 出处应说明一次"
    return None


_PARTS: dict[str, tuple[str, ...]] = {"name": ("title",), "rule": ("rule", "rule_by_stage"), "weights": ("weights",)}


def stale_claims(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(indicator, aspect, source) of what ``after`` says is published in the same source as ``before`` did, though it is another value.

    Both are packs as plain documents, resolved.
    """
    for name, spec in after.get("indicators", {}).items():
        old = before.get("indicators", {}).get(name)
        if old is None:
            continue
        for aspect, parts in _PARTS.items():
            sources = _published(old, aspect) & _published(spec, aspect)
            if sources and any(old.get(part) != spec.get(part) for part in parts):
                yield name, aspect, min(sources)


def _published(spec: Mapping[str, Any], aspect: str) -> set[str]:
    return {str(note["source"]) for note in spec.get("provenance", ()) if aspect in note["of"] and note["status"] == "published"}
