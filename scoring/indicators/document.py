"""YAML text → plain values, with the line of each: the strict subset in which indicator models and connectors' mappings are written.

Refused: duplicate keys, anchors and aliases, tags, several documents, keys that are not text. Plain scalars are null, true or
false, integers, decimals (exact, never binary floats) or text; quoted scalars are always text. Knows nothing of models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import yaml
from pydantic import ValidationError

from scoring.errors import ModelError
from scoring.wording import worded

MAX_SIZE_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_SHOWN = 10
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_WORDS: dict[str, object] = {"null": None, "~": None, "": None, "true": True, "false": False}
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq")}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: mappings are dicts, sequences tuples; ``lines`` gives the 1-based line of the value at each path.

    ``files`` names the file of each path where the document was put together from several; else it is empty.
    """

    value: object
    lines: dict[Path, int]
    files: dict[Path, str] = field(default_factory=dict)

    def located(self, location: Sequence[str | int], message: str) -> str:
        """``message`` with file (where there are several), line and dotted path of a validator's location.

        Union tags in a location are not part of the document and are passed over. A last component that the document lacks (a missing
        field) stays in the path; its line is that of the mapping.
        """
        path: Path = ()
        value = self.value
        lacking: list[str] = []
        for part in location:
            inside: Mapping[object, object] = dict(enumerate(value)) if isinstance(value, tuple) else value if isinstance(value, dict) else {}
            if part in inside:
                value = inside[part]
                path, lacking = (*path, part), []
            else:
                lacking = [str(part)]
        shown = ", ".join(part for part in (self.where(path), dotted((*path, *lacking))) if part)
        return f"{shown}: {message}{self.belonging((*path, *lacking)) if lacking else ''}"

    def belonging(self, _path: Path) -> str:
        """Where a part that is not there would stand, as an addition to what is said of it; empty where its path says so."""
        return ""

    def where(self, path: Path) -> str:
        """The place of a path as errors call it. Requires a path of the document."""
        name = self.files.get(path)
        return f"{f'{name}, ' if name else ''}line {self.lines[path]}"

    def report(self, found: Sequence[tuple[Sequence[str | int], str]]) -> str:
        """Problems, each with its location, as lines that name file, line, path and what would be right; at most ten are shown."""
        lines = [self.located(location, message) for location, message in found[:MAX_SHOWN]]
        if len(found) > MAX_SHOWN:
            lines.append(f"and {len(found) - MAX_SHOWN} more 另有 {len(found) - MAX_SHOWN} 处")
        return "\n".join(lines)

    def report_invalid(self, error: ValidationError) -> str:
        """``report`` of what a pydantic model found in the document. Of one place, the first is told; where a part may be of either of two forms
        and is wrong as both, what is wrong inside it."""
        found: dict[Path, tuple[str, str]] = {}
        for item in error.errors(include_url=False, include_input=False):
            location = tuple(item["loc"]) if item["type"] == "missing" else self._within(item["loc"])
            found.setdefault(location, (item["type"], worded(item["type"], item.get("ctx", {}), item["msg"])))
        holders = {location[:length] for location in found for length in range(len(location))}
        return self.report([(place, message) for place, (kind, message) in found.items() if not (kind.endswith("_type") and place in holders)])

    def _within(self, location: Sequence[str | int]) -> Path:
        """A location without the parts that the document lacks: the tag of a union may stand last."""
        path: Path = ()
        for part in location:
            path = (*path, part) if (*path, part) in self.lines else path
        return path


def dotted(path: Path) -> str:
    """A path as its reader writes it.

    >>> dotted(("indicators", "rd", "rule", "tiers", 0))
    'indicators.rd.rule.tiers[0]'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def parse_document(data: bytes, what: str = "pack") -> Document:
    """The one document in ``data`` (UTF-8). Raises ModelError with line and path for anything outside the subset, or over 1 MiB.

    ``what`` names the document in what is said of it.
    """
    if len(data) > MAX_SIZE_BYTES:
        raise ModelError(f"a {what} has at most {MAX_SIZE_BYTES} bytes, this has {len(data)} 文件过大")
    try:
        node = yaml.compose(data.decode(), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise ModelError(f"a {what} is UTF-8; byte {error.start} is not 须为 UTF-8 编码") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ModelError(f"line {1 if mark is None else mark.line + 1}: not YAML: {error.problem} 不是合规的 YAML") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ModelError(f"not YAML: {type(error).__name__} 不是合规的 YAML") from error
    if node is None:
        raise ModelError(f"the {what} is empty 文件为空")
    lines: dict[Path, int] = {}
    return Document(_value(node, (), lines), lines)


class _Loader(yaml.BaseLoader):
    """Composer of the subset. BaseLoader resolves no plain scalar, so a tag other than the default was written by hand."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise ModelError(f"line {line}: aliases are not used: write the value again 不使用别名，请把值再写一遍")
        return super().compose_node(parent, index)


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> object:
    line = node.start_mark.line + 1
    lines[path] = line
    if node.tag not in _TAGS:
        raise ModelError(f"line {line}, {dotted(path)}: tag {node.tag!r} is not used 不使用标签")
    if len(path) > MAX_DEPTH:
        raise ModelError(f"line {line}: nested deeper than {MAX_DEPTH} levels 嵌套过深")
    if isinstance(node, yaml.SequenceNode):
        return tuple(_value(item, (*path, position), lines) for position, item in enumerate(node.value))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, item in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ModelError(f"line {line}: a key is text 键须为文本")
        name: str = key.value
        if name in found:
            raise ModelError(f"line {line}, {dotted((*path, name))}: given twice 重复")
        found[name] = _value(item, (*path, name), lines)
    return found


def _scalar(node: yaml.Node) -> object:
    assert isinstance(node, yaml.ScalarNode)
    text: str = node.value
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return text
