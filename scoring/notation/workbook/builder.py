"""A pack's value put together from cells, part by part; each part remembers the cell that it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scoring.errors import ModelError
from scoring.indicators.document import Document, Path, dotted
from scoring.notation.workbook.places import belongs


@dataclass(frozen=True, slots=True)
class CellDocument(Document):
    """A document whose places are cells: errors call them by sheet and cell. ``cells`` gives the cell of some paths, others are in theirs."""

    cells: dict[Path, str] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        for length in range(len(path), -1, -1):
            if path[:length] in self.cells:
                return self.cells[path[:length]]
        return "the workbook"

    def belonging(self, path: Path) -> str:
        return f": {belongs(path)}"


class _Parts(dict[str | int, Any]):
    """A mapping or a sequence in the making: names, or places."""


@dataclass
class Builder:
    """Takes values by path. ``cells`` are in the order of their reading."""

    _root: _Parts = field(default_factory=_Parts)
    cells: dict[Path, str] = field(default_factory=dict)

    def put(self, path: Path, value: object, cell: str) -> None:
        """Place ``value``. Raises ModelError, naming the cell, where something else stands or belongs there already."""
        holder = self.open(path[:-1], cell)
        last = path[-1]
        if last in holder and not (isinstance(value, dict) and not value and isinstance(holder[last], _Parts)):
            raise ModelError(f"{cell}: {dotted(path)} is given already, in {self.where(path)} 已在别处填写")
        self._fitting(holder, last, path, cell)
        holder.setdefault(last, value)
        self.cells.setdefault(path, cell)

    def open(self, path: Path, cell: str) -> _Parts:
        """The mapping or sequence at ``path``, made where there is none yet. Raises ModelError, naming the cell, where a value stands there."""
        holder = self._root
        for length, part in enumerate(path, start=1):
            self._fitting(holder, part, path[:length], cell)
            found = holder.setdefault(part, _Parts())
            if isinstance(found, dict) and not found and not isinstance(found, _Parts):
                found = holder[part] = _Parts()
            if not isinstance(found, _Parts):
                raise ModelError(f"{cell}: {dotted(path[:length])} is given already as one value, in {self.where(path[:length])} 已作为一个值填写")
            self.cells.setdefault(path[:length], cell)
            holder = found
        return holder

    def where(self, path: Path) -> str:
        """The cell of a path, or of what it stands in."""
        return CellDocument(None, {}, cells=self.cells).where(path)

    def done(self) -> CellDocument:
        """The whole. Raises ModelError, naming the cell, for a sequence with a gap."""
        return CellDocument(self._plain(self._root, ()), dict.fromkeys(self.cells, 0), cells=dict(self.cells))

    def _fitting(self, holder: _Parts, part: str | int, path: Path, cell: str) -> None:
        if holder and isinstance(next(iter(holder)), int) != isinstance(part, int):
            raise ModelError(f"{cell}: {dotted(path[:-1])} has names or places, not both 名称与序号不可并用")

    def _plain(self, value: Any, path: Path) -> Any:
        if not isinstance(value, _Parts):
            return value
        if value and isinstance(next(iter(value)), int):
            if sorted(value) != list(range(len(value))):
                raise ModelError(f"{self.where(path)}: places of {dotted(path)} are numbered from 0 without a gap 序号应从 0 起、不间断")
            return tuple(self._plain(value[place], (*path, place)) for place in range(len(value)))
        return {name: self._plain(item, (*path, name)) for name, item in value.items()}
