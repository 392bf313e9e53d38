"""The parts of a workbook (XLSX, ECMA-376) that a reader needs: its sheets by name, shared strings, which styles are dates.

Bombs are refused: parts and their ratio of packing are bounded before and while they are unpacked. Nothing outside the file is ever opened.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from connectors.archives import ZIP_FAULTS, plainly_packed
from connectors.errors import DeliveryError
from connectors.files.xml_parser import Parser

MAX_ENTRIES = 2000
MAX_PART_BYTES = 1 << 30
MAX_SMALL_PART_BYTES = 16 << 20
MAX_STRINGS_BYTES = 128 << 20
MAX_RATIO = 250
_SMALL = 1 << 20
_CHUNK = 1 << 16
_OLD_FORM = b"\xd0\xcf\x11\xe0"
_DATES = {*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)}  # built-in formats, with those of Chinese editions
_NO_DATE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: the name that people know, the part that holds it, whether it is hidden."""

    name: str
    part: str
    hidden: bool


class Workbook:
    """An opened workbook. ``from_1904``: its days are counted from 1904; ``dates``: of each style, whether it shows a date.

    Raises DeliveryError when ``file`` is none, is encrypted, or is larger unpacked than what is read here. ``most_bytes``: of each of its parts.
    """

    def __init__(self, file: BinaryIO, most_bytes: int = MAX_PART_BYTES) -> None:
        self._most_bytes = most_bytes
        if file.read(4) == _OLD_FORM:
            raise DeliveryError("an old .xls or an encrypted workbook: save it as .xlsx without a password 旧版或加密文件，请去掉密码另存为 .xlsx")
        try:
            self._zip = zipfile.ZipFile(file)
        except ZIP_FAULTS as error:
            raise DeliveryError("not a workbook: not a zip archive 不是 .xlsx 工作簿") from error
        self._names = self._checked()
        book = self._book()
        links = self._links(book)
        seen = _Book()
        self._read(book, seen, MAX_SMALL_PART_BYTES)
        self.from_1904 = seen.from_1904
        self.sheets = [Sheet(name, links.get(link, ""), hidden) for name, link, hidden in seen.sheets]
        folder = posixpath.dirname(book)
        styles, strings = _Styles(), _Strings()
        for parser, name, limit in ((styles, "styles.xml", MAX_SMALL_PART_BYTES), (strings, "sharedStrings.xml", MAX_STRINGS_BYTES)):
            if (part := posixpath.join(folder, name)) in self._names:
                self._read(part, parser, limit)
        self.dates = styles.dates
        self.strings = strings.found

    def sheet(self, name: str | None) -> Sheet:
        """The sheet called ``name``, or the only one that is not hidden. Raises DeliveryError when there is none or more than one."""
        fit = [sheet for sheet in self.sheets if (sheet.name == name if name is not None else not sheet.hidden)]
        if len(fit) != 1:
            only = "one sheet that is not hidden is expected 应只有一张未隐藏的工作表"
            wanted = only if name is None else f"a sheet {name!r} is expected 没有此工作表"
            there = ", ".join(sheet.name for sheet in self.sheets) or "none"
            raise DeliveryError(f"{wanted}; there are {there}")
        return fit[0]

    def chunks(self, part: str, limit: int = MAX_PART_BYTES) -> Iterator[bytes]:
        """The unpacked bytes of a part. Raises DeliveryError when it is not there, damaged or larger than ``limit``."""
        if part not in self._names:
            raise DeliveryError("not a workbook: a part of it is missing 工作簿不完整")
        size = 0
        try:
            with self._zip.open(part) as stream:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > min(limit, self._most_bytes):
                        raise DeliveryError(f"a part of the workbook has more than {min(limit, self._most_bytes)} bytes unpacked 解压后过大")
                    yield chunk
        except ZIP_FAULTS as error:
            raise DeliveryError("the workbook is damaged 工作簿已损坏") from error

    def _checked(self) -> set[str]:
        entries = self._zip.infolist()
        if len(entries) > MAX_ENTRIES or len({entry.filename for entry in entries}) != len(entries):
            raise DeliveryError("not a workbook: too many parts, or two of one name 不是正常的工作簿")
        for entry in entries:
            if not plainly_packed(entry):
                raise DeliveryError("an encrypted workbook, or one packed in a way that workbooks are not 已加密，或压缩方式不符")
            if entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
                raise DeliveryError(f"a part is packed more than {MAX_RATIO} to 1: no workbook is 压缩比过高")
        return {entry.filename for entry in entries}

    def _book(self) -> str:
        for kind, target in self._relations("").values():
            if kind.endswith("/officeDocument"):
                return target
        raise DeliveryError("not a workbook: it names no main part 工作簿不完整")

    def _links(self, book: str) -> dict[str, str]:
        return {name: target for name, (kind, target) in self._relations(book).items() if kind.endswith("/worksheet")}

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        folder, name = posixpath.split(part)
        seen = _Relations(folder)
        self._read(posixpath.join(folder, "_rels", f"{name}.rels"), seen, MAX_SMALL_PART_BYTES)
        return seen.found

    def _read(self, part: str, parser: Parser, limit: int) -> None:
        for chunk in self.chunks(part, limit):
            parser.feed(chunk, False)
        parser.feed(b"", True)


class _Relations(Parser):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self.found: dict[str, tuple[str, str]] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", self._folder, attributes.get("Target", "")))
            self.found[attributes.get("Id", "")] = (attributes.get("Type", ""), target.lstrip("/"))


class _Book(Parser):
    def __init__(self) -> None:
        super().__init__()
        self.from_1904 = False
        self.sheets: list[tuple[str, str, bool]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "workbookPr":
            self.from_1904 = attributes.get("date1904") in {"1", "true"}
        elif name == "sheet":
            link = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            self.sheets.append((attributes.get("name", ""), link, attributes.get("state", "visible") != "visible"))


class _Styles(Parser):
    """``dates``: of each cell style, by its number, whether it shows a date."""

    def __init__(self) -> None:
        super().__init__()
        self.dates: list[bool] = []
        self._codes: dict[str, bool] = {}
        self._inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            code = _NO_DATE.sub("", attributes.get("formatCode", ""))
            self._codes[attributes.get("numFmtId", "")] = (
                re.search(r"[ymdhs年月日]", code, re.IGNORECASE) is not None and "general" not in code.lower()
            )
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            number = attributes.get("numFmtId", "0")
            self.dates.append(self._codes.get(number, number.isdecimal() and len(number) < 4 and int(number) in _DATES))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._inside = False


class _Strings(Parser):
    """Shared strings: the runs of each, without how they are to be spoken."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._spoken = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "rPh":
            self._spoken = True
        elif name == "t":
            self.keep = not self._spoken

    def end(self, name: str) -> None:
        if name == "t":
            self.keep = False
        elif name == "rPh":
            self._spoken = False
        elif name == "si":
            self.found.append(self.taken())
