"""XML from outside as a bounded tree of local names [K2]. It says what is written, not what it means.

expat does the work, with every way to expansion or to other files closed: a document type, and with it every entity, is refused at its first
character, before anything of it is expanded. defusedxml refuses the same, but builds its tree in Python, three times as slowly, and bounds neither
depth nor number of elements. Namespaces are not told apart: the same message comes with a default, a prefixed or no namespace.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn
from xml.parsers import expat

from connectors.errors import DeliveryError

MAX_BYTES = 8 << 20
MAX_DEPTH = 16
MAX_ELEMENTS = 100_000
CODECS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030"}
"""Encodings that a message may declare. GB18030 reads all that its forerunners GB2312 and GBK can write."""
Values = Mapping[str, str]
"""Name -> text of plain fields."""
_NONE: Values = MappingProxyType({})
_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([^"'>]{1,40})["']""")


class Element:
    """One element: local name, its own text without outer white space, attributes by local name, children in order."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name, self.text, self.attributes = name, "", attributes
        self.children: Sequence[Element] = ()  # most have none: no list is made for them

    def find(self, name: str) -> Element | None:
        """The only child of this name, None where there is none. Raises DeliveryError when there are several."""
        found = [child for child in self.children if child.name == name]
        if len(found) > 1:
            raise DeliveryError(f"{self.name}: {name} stands {len(found)} times, once is right 只应出现一次")
        return found[0] if found else None

    def append(self, child: Element) -> None:
        """Put ``child`` after the others; for the reader of XML."""
        if isinstance(self.children, list):
            self.children.append(child)
        else:
            self.children = [child]

    def leaves(self) -> dict[str, str]:
        """Name -> text of the children that have no children. Raises DeliveryError when a name stands twice: which is meant cannot be known."""
        found: dict[str, str] = {}
        for child in self.children:
            if not child.children:
                if child.name in found:
                    raise DeliveryError(f"{self.name}: {child.name} stands twice, once is right 只应出现一次")
                found[child.name] = child.text
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """An element with what it holds: ``values`` of its plain fields, and further ``parts`` in their order; or nothing but ``text``."""

    name: str
    values: Values = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    text: str = ""


def part_of(element: Element) -> Part:
    """``element`` as a value, nothing but attributes left out. Raises DeliveryError as ``Element.leaves``."""
    return Part(element.name, element.leaves(), tuple(part_of(child) for child in element.children if child.children), element.text)


def read_xml(data: bytes) -> Element:
    """The root element of ``data``.

    Raises DeliveryError, with the line and never the content, when it is too large, too deep or has too many elements, declares a
    document type, an encoding that is not its own or none that we read, has text between elements, or is not well-formed.
    """
    if len(data) > MAX_BYTES:
        raise DeliveryError(f"{len(data)} bytes; a message has at most {MAX_BYTES} 报文过大")
    return _Tree().parse(_text(data))


def _text(data: bytes) -> str:
    """``data`` decoded: by its byte order mark, else as it declares, else as UTF-8, else, where that cannot be, as GB18030 like old receipts."""
    try:
        for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
            if data.startswith(mark):
                return data.decode(name)
        declared = _DECLARED.match(data)
        if declared is not None:
            name = declared[1].decode("latin-1").lower()
            if name not in CODECS:
                raise DeliveryError(f"encoding {name[:20]!a}; one of UTF-8, GB2312, GBK, GB18030 is read 不支持此编码")
            return data.decode(CODECS[name])
    except UnicodeDecodeError as error:
        raise DeliveryError(f"byte {error.start} is not {error.encoding}, which the message says it is 与报文所称编码不符") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        try:
            return data.decode("gb18030")
        except UnicodeDecodeError:
            raise DeliveryError(f"byte {error.start} is neither UTF-8 nor GB18030, and no encoding is declared 无法识别编码") from error


class _Tree:
    """Takes expat's events for one document."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8")  # overrides what the text declares: it was decoded already
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[Element] = []
        self._text: list[str] = []  # of the innermost open element, while it has no children
        self._root: Element | None = None
        self._elements = 0

    def parse(self, text: str) -> Element:
        """The root. Raises DeliveryError."""
        try:
            self._parser.Parse(text.encode("utf-8"), True)
        except expat.ExpatError as error:
            raise DeliveryError(f"not XML 不是合规的 XML: {error}") from error
        except UnicodeEncodeError as error:
            raise DeliveryError(f"character {error.start} is half of a surrogate pair 字符不完整") from error
        if self._root is None:
            raise DeliveryError("not XML: there is no element 没有任何元素")
        return self._root

    def _doctype(self, *_: object) -> None:
        raise DeliveryError(
            f"line {self._parser.CurrentLineNumber}: a document type; messages have none, and entities are not expanded 报文不应有文档类型"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise DeliveryError(f"line {self._parser.CurrentLineNumber}: more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements 层级过深或元素过多")
        named = {key.rpartition(":")[2]: value for key, value in attributes.items()} if attributes else _NONE
        element = Element(name.rpartition(":")[2] if ":" in name else name, named)
        if self._open:
            self._leave_text(self._open[-1])
            self._open[-1].append(element)
        else:
            self._root = element
        self._open.append(element)

    def _characters(self, text: str) -> None:
        if not self._open[-1].children:
            self._text.append(text)
        elif not text.isspace():
            self._refuse_text(self._open[-1])

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        if not element.children:
            element.text = "".join(self._text).strip()
        self._text.clear()

    def _leave_text(self, element: Element) -> None:
        """A child of ``element`` begins: what stood before it is white space."""
        if any(not text.isspace() for text in self._text):
            self._refuse_text(element)
        self._text.clear()

    def _refuse_text(self, element: Element) -> NoReturn:
        raise DeliveryError(f"line {self._parser.CurrentLineNumber}: text between the elements of {element.name[:40]!a} 元素之间不应有文字")
