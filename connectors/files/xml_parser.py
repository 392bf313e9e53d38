"""Reading XML of a workbook's part as it is unpacked: no tree is built, a document type (and with it every entity) is an error, tags and texts
are bounded."""

from __future__ import annotations

from xml.parsers import expat

from connectors.errors import DeliveryError

MAX_TOKEN_BYTES = 1 << 20


class Parser:
    """Reads one part as it is unpacked. Subclasses react to elements by local name; text between is gathered where ``keep`` is set."""

    def __init__(self) -> None:
        self.keep = False
        self.text: list[str] = []
        self._kept = self._fed = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, chunk: bytes, last: bool) -> None:
        """Raises DeliveryError for what is no XML, or has a document type."""
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise DeliveryError(f"not a workbook 工作簿有误: {expat.errors.messages.get(error.code, 'not XML')}") from error
        except (LookupError, ValueError) as error:
            raise DeliveryError("not a workbook: text in another encoding 编码不符") from error
        self._fed += len(chunk)
        if self._fed - self._parser.CurrentByteIndex > MAX_TOKEN_BYTES:
            raise DeliveryError(f"a tag of more than {MAX_TOKEN_BYTES} bytes 标签过长")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def taken(self) -> str:
        """The text gathered, which is then forgotten."""
        text = "".join(self.text)
        self.text.clear()
        self._kept = 0
        return text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.start(name[name.rfind(" ") + 1 :], attributes)

    def _end(self, name: str) -> None:
        self.end(name[name.rfind(" ") + 1 :])

    def _characters(self, text: str) -> None:
        if self.keep:
            self._kept += len(text)
            if self._kept > MAX_TOKEN_BYTES:
                raise DeliveryError(f"a text of more than {MAX_TOKEN_BYTES} characters 文字过长")
            self.text.append(text)


def _refuse_doctype(*_: object) -> None:
    raise DeliveryError("a document type: no workbook has one, and none is read 工作簿不应有文档类型声明")
