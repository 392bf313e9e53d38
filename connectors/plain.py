"""The simplest way in: a folder of CSV files that use our own column names, so that no mapping is needed.

A file has a header row that begins with uscc, period; every further column is a record field (docs/records.md), a column ``valid_from``
the date since when the line holds. An empty cell states that there is nothing: for most fields that the value is missing. Files stay
where they are; one is taken again when its content changes. This module judges no values and stores nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.outside import opened, shown_name
from connectors.records import Malformed, Origin, Outcome, Record
from crypto.errors import SubjectError
from crypto.subjects import examine_uscc

MAX_FILE_BYTES = 1 << 30
MAX_FIELDS = 200
PLAIN = "records"  # the folder's name among a node's connectors
MAX_CELL = 4000
MAX_LINE = 1 << 20
VALID_FROM = "valid_from"
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PERIOD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}")
_DATE = re.compile(r"(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HASHED_AT_ONCE = 1 << 20
Look = tuple[int, int, int]


@dataclass
class PlainFolder:
    """Every ``*.csv`` of ``folder``, by name. ``id`` is the connector's name on its node."""

    folder: Path
    id: str = PLAIN
    reading: str = ""
    _taken: dict[Path, Look] = field(default_factory=dict)

    def deliveries(self, cursor: str) -> Iterator[PlainFile]:
        """Files whose look (inode, time, size) is not the one last settled; ``cursor`` stays empty."""
        if not self.folder.is_dir():
            raise SourceUnavailableError(f"there is no folder {self.folder} 文件夹不存在")
        for path in sorted(self.folder.glob("*.csv")):
            try:
                state = path.lstat()
            except FileNotFoundError:
                continue  # taken away since it was listed
            if self._taken.get(path) != _look(state) and not stat.S_ISDIR(state.st_mode):
                yield from self._one(path, _look(state))

    def settled(self, path: Path, look: Look) -> None:
        """Leave ``path`` alone while it looks like this."""
        self._taken[path] = look

    def _one(self, path: Path, look: Look) -> Iterator[PlainFile]:
        """The file at ``path``; of a link, a pipe or what cannot be opened one that cannot be read, since nothing is waited for or followed."""
        try:
            with opened(path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as stream:
                state = os.fstat(descriptor)
                if _look(state) != look:
                    return  # changed since it was listed: the next look finds it
                fault = "" if stat.S_ISREG(state.st_mode) else "not a regular file 不是普通文件"
                yield PlainFile(self, path, look, stream, _digest(io.BytesIO() if fault else stream), fault=fault)
        except DeliveryError as error:
            if path.is_symlink() or path.exists():
                yield PlainFile(self, path, look, io.BytesIO(), _digest(io.BytesIO()), fault=str(error))


@dataclass(frozen=True, slots=True)
class PlainFile:
    """One file, open for as long as its turn lasts."""

    source: PlainFolder
    path: Path
    look: Look
    stream: BinaryIO
    digest: str
    cursor: str = ""
    fault: str = ""

    @property
    def name(self) -> str:
        """The file's name as it can be shown."""
        return shown_name(self.path.name)

    def items(self) -> Iterator[Record | Malformed]:
        """Its lines. Raises DeliveryError as ``read_plain`` and for what is no file, SourceUnavailableError when it is still being written."""
        if self.fault:
            raise DeliveryError(self.fault)
        self.stream.seek(0)
        yield from read_plain(self.stream, self.source.id, self.name)
        if _look(os.fstat(self.stream.fileno())) != self.look:
            raise SourceUnavailableError(f"{self.name} is still being written 文件尚在写入")

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """Leave the file where it is, and alone until it changes."""
        self.source.settled(self.path, self.look)


def read_plain(stream: BinaryIO, connector: str, delivery: str) -> Iterator[Record | Malformed]:
    """Records and malformed lines of one file, in order. UTF-8, with or without BOM.

    Raises DeliveryError when the file as a whole cannot be read: too large, not UTF-8, or no usable header. A second line for the same
    (uscc, period) is malformed: which of the two is true cannot be known.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size > MAX_FILE_BYTES:
        raise DeliveryError(f"{size} bytes; a file may have at most {MAX_FILE_BYTES} 文件过大")
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield from _lines(text, connector, delivery)
    except UnicodeDecodeError as error:
        raise DeliveryError(f"not UTF-8: {error.reason} 须为 UTF-8 编码") from error
    finally:
        text.detach()


def read_plain_again(kept: Malformed, content: str) -> Iterator[Record | Malformed]:
    """The corrected line ``content`` of what was malformed, under the same header. Raises DeliveryError for a file that was refused as a whole."""
    if not kept.header:
        raise DeliveryError("this cannot be corrected by itself: drop the file again 不能单独更正，请重新投放文件")
    for item in read_plain(io.BytesIO(f"{kept.header}\n{content}".encode()), kept.origin.connector, kept.origin.delivery):
        yield replace(item, origin=kept.origin)


def _lines(text: io.TextIOWrapper, connector: str, delivery: str) -> Iterator[Record | Malformed]:
    reader = csv.reader(_bounded(text), strict=True)
    fields = _header(reader)
    header = ",".join(("uscc", "period", *fields))
    seen: set[int] = set()  # of hashes: a million keys in a tenth of the space
    while True:
        line = reader.line_num + 1
        origin = Origin(connector, delivery, f"line {line}")
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Malformed(origin, "", f"not CSV 不是合规的 CSV: {error}", "", header)
            continue
        if not cells:
            continue
        at, reason = _fault(cells, fields, seen)
        if reason:
            yield Malformed(origin, at, reason, _row(cells)[:MAX_CELL], header)
            continue
        seen.add(hash((cells[0], cells[1])))
        values = {name: cell.strip() for name, cell in zip(fields, cells[2:], strict=True)}
        yield Record(cells[0], cells[1], values, origin, values.pop(VALID_FROM, ""))


def _bounded(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise DeliveryError(f"line {number}: more than {MAX_LINE} characters 该行过长")
        yield line


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise DeliveryError(f"the header is not CSV 表头不是合规的 CSV: {error}") from error
    if header[:2] != ["uscc", "period"]:
        raise DeliveryError("the header must begin with uscc,period 表头须以这两列开头")
    fields = header[2:]
    if len(fields) > MAX_FIELDS or len(set(fields)) != len(fields) or not all(_FIELD.fullmatch(name) for name in fields):
        raise DeliveryError(f"the header must name at most {MAX_FIELDS} different fields in lower case 表头字段须小写、不重复、不超数")
    return fields


def _fault(cells: list[str], fields: list[str], seen: set[int]) -> tuple[str, str]:
    """(column, what is wrong with it) of a line; empty where nothing is. The column is empty for the line as a whole."""
    if len(cells) != len(fields) + 2:
        return "", f"{len(cells)} cells where the header has {len(fields) + 2} 单元格数与表头不符"
    for name, cell in zip(("uscc", "period", *fields), cells, strict=True):
        if len(cell) > MAX_CELL or _CONTROL.search(cell):
            return name, f"a cell holds control characters or more than {MAX_CELL} characters 单元格含控制字符或内容过长"
        if name == VALID_FROM and not _DATE.fullmatch(cell.strip()):
            return name, "valid_from is not a date like 2024-01-31 应为日期"
    reason = _uscc_fault(cells[0])
    if reason:
        return "uscc", reason
    if not _PERIOD.fullmatch(cells[1]):
        return "period", "period is not like 1995 or 2023-12 所属期格式不符"
    return "", "a second line for this uscc and period 同一企业同一所属期重复" if hash((cells[0], cells[1])) in seen else ""


def _uscc_fault(code: str) -> str:
    try:
        examine_uscc(code)
    except SubjectError as error:
        return f"uscc: {error}"
    return ""


def _row(cells: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _digest(stream: BinaryIO) -> str:
    hashed = hashlib.sha256()
    while part := stream.read(_HASHED_AT_ONCE):
        hashed.update(part)
    return hashed.hexdigest()


def _look(state: os.stat_result) -> Look:
    return state.st_ino, state.st_mtime_ns, state.st_size
