"""One extension over one base: values merged part by part, each path remembering the file and line that it comes from.

The semantics are those of docs/specs/models.md, M5. Shape is not judged here: what is no mapping where one belongs is taken as it stands,
and the loader refuses the result at that place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scoring.errors import ModelError
from scoring.indicators.document import Document, Path
from scoring.indicators.extending.reference import Extends

OWN = ("format", "id", "version", "title", "zone", "valid_from", "valid_until", "exposures")
BY_NAME = ("records", "dimensions", "indicators", "functionals", "products", "product_provenance", "rankings")
WHOLE = {"staging": "staging_provenance", "qualification": None}  # a part that is replaced, and what has to come with it
ORDER = (
    *OWN[:-1], "records", "dimensions", "staging", "staging_provenance", "indicators", "functionals", "products", "product_provenance", "exposures",
    "qualification", "rankings",
)  # fmt: skip


@dataclass(frozen=True)
class Merged:
    """What has been put together so far. ``places`` gives file and line of each path; ``made_of`` the packs, as ``resolved_from`` tells it."""

    value: dict[str, Any]
    places: dict[Path, tuple[str, int]]
    made_of: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, name: str, document: Document, sha256: str) -> Merged:
        """The first base, by itself. Raises ModelError when it is no mapping."""
        value = _mapping_of(name, document)
        places = {path: (name, line) for path, line in document.lines.items()}
        return cls(value, places, ({"id": value.get("id"), "version": value.get("version"), "sha256": sha256},))

    def document(self) -> Document:
        """The whole, for the loader's checks: every path located in the file that it comes from."""
        lines = {path: line for path, (_, line) in self.places.items()}
        return Document(self.value, lines, {path: name for path, (name, _) in self.places.items()})

    def resolved(self) -> dict[str, object]:
        """The resolved pack's value: sections in the order of the format, then what it was made of."""
        ordered = {name: self.value[name] for name in ORDER if name in self.value}
        return {**ordered, "resolved_from": self.made_of}


def merge(base: Merged, name: str, document: Document, sha256: str, extends: Extends) -> Merged:
    """``document`` over ``base``. Raises ModelError, located in ``document``, for what cannot be overridden or removed, or lacks provenance."""
    return _Merge(base, name, document, _mapping_of(name, document)).done(sha256, extends)


@dataclass
class _Merge:
    base: Merged
    name: str
    document: Document
    given: dict[str, Any]
    value: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, tuple[str, int]] = field(default_factory=dict)
    log: dict[str, list[str]] = field(default_factory=lambda: {"adds": [], "changes": [], "removes": []})

    def done(self, sha256: str, extends: Extends) -> Merged:
        if "resolved_from" in self.given:
            raise self._fault(("resolved_from",), "only a resolved pack says what it was made of 只有合成后的包才写明由来")
        self.places[()] = self.name, self.document.lines[()]
        kept = self._without(extends)
        for section in dict.fromkeys((*kept, *self.given)):
            self._section(section, kept)
        made = {"id": self.given.get("id"), "version": self.given.get("version"), "sha256": sha256}
        made |= {what: tuple(names) for what, names in self.log.items() if names}
        return Merged(self.value, self.places, (*self.base.made_of, made))

    def _without(self, extends: Extends) -> dict[str, Any]:
        """The base's sections that are inherited, less what is removed."""
        kept = {name: dict(part) if isinstance(part, dict) else part for name, part in self.base.value.items() if name not in {*OWN, "extends"}}
        for section, names in extends.remove.items():
            for place, removed in enumerate(names):
                where = self._holder(kept, section, removed)
                if where is None:
                    raise self._fault(("extends", "remove", section, place), f"the base has no {removed} among its {section} 所继承的包中没有这一项")
                del where[removed]
                if section == "products":
                    _mapping(kept.get("product_provenance")).pop(removed, None)
                self.log["removes"].append(f"{section}.{removed}")
        return kept

    def _holder(self, kept: dict[str, Any], section: str, name: str) -> dict[str, Any] | None:
        """The mapping, a copy of the base's, that a removed name is taken out of; None where there is no such name."""
        if section != "fields":
            part = _mapping(kept.get(section))
            return part if name in part else None
        records = _mapping(kept.get("records"))
        for record, spec in records.items():
            fields = dict(_mapping(_mapping(spec).get("fields")))
            if name in fields:
                records[record] = {**spec, "fields": fields}
                return fields
        return None

    def _section(self, section: str, kept: Mapping[str, Any]) -> None:
        if section == "extends":
            return
        if section not in self.given:
            self._take_base((section,), kept[section])
        elif section in BY_NAME and isinstance(self.given[section], dict) and isinstance(kept.get(section), dict):
            self._by_name(section, kept[section])
        else:
            self._take((section,), self.given[section])
            if section in kept:
                self._restated(section)
                self.log["changes"].append(section)

    def _restated(self, section: str) -> None:
        beside = WHOLE.get(section)
        if beside is not None and beside not in self.given:
            raise self._fault((section,), f"replaced without {beside}: say where the new numbers come from 请注明新数字的出处")

    def _by_name(self, section: str, kept: Mapping[str, Any]) -> None:
        given = self.given[section]
        self._put((section,), {})
        for name in dict.fromkeys((*kept, *given)):
            path: Path = (section, name)
            if name not in given:
                self._take_base(path, kept[name])
            elif name not in kept:
                self._take(path, given[name])
                self.log["adds"].append(f"{section}.{name}")
            else:
                self._override(path, kept[name], given[name])
                self.log["changes"].append(f"{section}.{name}")

    def _override(self, path: Path, kept: Any, given: Any) -> None:
        """A part of both: what the extension gives replaces the base's, name by name; a record's fields once more by name."""
        section, name = path[0], str(path[1])
        if section in {"indicators", "rankings"} and isinstance(given, dict) and "provenance" not in given:
            raise self._fault(path, "overridden without provenance: say where what is changed comes from 请注明所改内容的出处")
        if section == "products" and name not in _mapping(self.given.get("product_provenance")):
            raise self._fault(path, f"overridden without product_provenance.{name}: say where what is changed comes from 请注明所改内容的出处")
        if (
            not isinstance(kept, dict)
            or not isinstance(given, dict)
            or section not in {"records", "indicators", "functionals", "products", "rankings"}
        ):
            self._take(path, given)
            return
        self._put(path, {})
        for key in dict.fromkeys((*kept, *given)):
            if key not in given:
                self._take_base((*path, key), kept[key])
            elif (section, key) == ("records", "fields") and isinstance(kept.get(key), dict) and isinstance(given[key], dict):
                self._put((*path, key), {})
                for field_name in dict.fromkeys((*kept[key], *given[key])):
                    take = self._take if field_name in given[key] else self._take_base
                    take((*path, key, field_name), given[key].get(field_name, kept[key].get(field_name)))
            else:
                self._take((*path, key), given[key])

    # --- values and where they come from ---

    def _put(self, path: Path, value: Any) -> None:
        """``value`` at ``path``, its line that of the extension where the extension has the path."""
        line = self.document.lines.get(path)
        self.places[path] = self.base.places[path] if line is None else (self.name, line)
        holder: Any = self.value
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = value

    def _take(self, path: Path, value: Any) -> None:
        self._put(path, value)
        self.places |= {place: (self.name, line) for place, line in self.document.lines.items() if place[: len(path)] == path}

    def _take_base(self, path: Path, value: Any) -> None:
        self._put(path, value)
        self.places |= {place: said for place, said in self.base.places.items() if place[: len(path)] == path}

    def _fault(self, path: Path, message: str) -> ModelError:
        return ModelError(replace(self.document, files=dict.fromkeys(self.document.lines, self.name)).located(path, message))


def _mapping(value: Any) -> dict[str, Any]:
    """``value`` where it is a mapping, else one without names: what is wrong about its shape is the loader's to say."""
    return value if isinstance(value, dict) else {}


def _mapping_of(name: str, document: Document) -> dict[str, Any]:
    if not isinstance(document.value, dict):
        raise ModelError(f"{name}, line {document.lines[()]}: a pack is a mapping of its parts 应逐项写明各部分")
    return document.value
