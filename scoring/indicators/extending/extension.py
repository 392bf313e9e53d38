"""Packs that extend another pack: base and extension put together into one resolved pack (docs/specs/models.md, M5).

A resolved pack is an ordinary pack. Its bytes follow from those of the packs that it was made of, and they alone are signed, admitted,
hashed and shown. Where packs lie is the caller's business: a base comes through a function. An error names the file, and the line and path
in it, where the fault lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from crypto.encoding import sha256
from scoring.errors import ModelError
from scoring.indicators.document import Document, parse_document
from scoring.indicators.extending.merge import Merged, merge
from scoring.indicators.extending.reference import Extends
from scoring.indicators.extending.text import yaml_text
from scoring.indicators.model import checked

MAX_BASES = 4


@dataclass(frozen=True, slots=True)
class Source:
    """A pack's exact bytes under the name by which errors call it."""

    name: str
    data: bytes


Bases = Callable[[str, str], Source | None]
"""The pack of an id and a version, resolved or not; None when there is none."""


def resolve(source: Source, bases: Bases) -> bytes:
    """The bytes of the resolved pack; ``source``'s own where it extends nothing, unchecked.

    Raises ModelError, whose every line names file, line and path, for a base that is missing or is not the one pinned, for more than
    four bases in a row, for an override or a removal of what there is not or without its provenance, and for whatever ``load_pack``
    would refuse in the result.
    """
    chain = _chain(source, bases)
    if len(chain) == 1:
        return source.data
    base, *rest = chain
    found = Merged.of(base.source.name, base.document, base.digest)
    for link in rest:
        assert link.extends is not None
        found = merge(found, link.source.name, link.document, link.digest, link.extends)
    checked(found.document())
    return yaml_text(found.resolved()).encode()


@dataclass(frozen=True, slots=True)
class _Link:
    """One pack of a chain; the first one extends nothing."""

    source: Source
    document: Document
    digest: str
    extends: Extends | None


def _chain(source: Source, bases: Bases) -> list[_Link]:
    """The pack and its bases, the first base first."""
    found = [_link(source)]
    while (wanted := found[0].extends) is not None:
        here = found[0]
        if len(found) > MAX_BASES:
            raise _fault(here, (), f"at most {MAX_BASES} packs in a row extend one another 继承层数过多")
        source_of_base = bases(wanted.id, wanted.version)
        if source_of_base is None:
            raise _fault(here, (), f"there is no pack {wanted.id}@{wanted.version} beside this one, nor among those shipped 找不到所继承的指标包")
        base = _link(source_of_base)
        if base.digest != wanted.sha256:
            raise _fault(
                here, ("sha256",), f"{base.source.name} has sha256 {base.digest}: it is another pack than the one named here 与此处写明的不是同一个包"
            )
        value = base.document.value
        said = (value.get("id"), value.get("version")) if isinstance(value, dict) else ()
        if said != (wanted.id, wanted.version):
            raise _fault(here, ("id",), f"{base.source.name} calls itself otherwise: it is not {wanted.id}@{wanted.version} 名称或版本不符")
        found.insert(0, base)
    return found


def _link(source: Source) -> _Link:
    try:
        document = parse_document(source.data)
    except ModelError as error:
        raise ModelError(f"{source.name}, {error}") from error
    document = Document(document.value, document.lines, dict.fromkeys(document.lines, source.name))
    said = document.value.get("extends") if isinstance(document.value, dict) else None
    if said is None:
        return _Link(source, document, sha256(source.data).hex(), None)
    try:
        extends = Extends.model_validate(said)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ModelError(document.located(("extends", *fault["loc"]), fault["msg"])) from error
    return _Link(source, document, sha256(source.data).hex(), extends)


def _fault(link: _Link, path: tuple[str, ...], message: str) -> ModelError:
    return ModelError(link.document.located(("extends", *path), message))
