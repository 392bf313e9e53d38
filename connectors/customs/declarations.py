"""A customs declaration: read from, and built as, the single window's DecMessage [K3].

Every version is read into the same value. Names keep the message's own spelling, Wet, Realation and Itmes among them; what no table names is
kept beside the rest, and ``unknown`` lists it. What is built is read back the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation
from xml.sax.saxutils import escape

from connectors.customs.forms import ANY, amount_fields, fields, number
from connectors.customs.markup import Element, Part, Values, part_of
from connectors.errors import DeclarationError, DeliveryError

NAMESPACE = "http://www.chinaport.gov.cn/dec"
VERSIONS = ("3.1", "4.8", "5.0")
SECTIONS: Mapping[str, tuple[str, str]] = {
    "DecContainers": ("containers", "Container"),
    "DecLicenseDocus": ("licences", "LicenseDocu"),
    "DecRequestCerts": ("certificates", "DecRequestCert"),
    "DecOtherPacks": ("packs", "DecOtherPack"),
    "DecCopLimits": ("qualifications", "DecCopLimit"),
    "DecUsers": ("users", "DecUser"),
}
"""Element that wraps a list -> the list's name here, and the element of one item."""
BARE = {"EdocRealation": "documents", "EcoRelation": "origins"}
"""Lists whose items stand in the message without a wrapper."""
MAX_KEY = 64
EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
"""Decimal arithmetic that would rather fail than round; amounts have at most 29 digits."""
_LISTS = frozenset({"DecLists", *SECTIONS})
_CURRENCY = re.compile(r"[A-Za-z0-9]{1,5}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_CARRIAGE_RETURN = {"\r": "&#13;"}


@dataclass(frozen=True, slots=True)
class GoodsLine:
    """One line of goods (DecList). ``parts``: its licence limits (DecGoodsLimits) and whatever else is not a plain field."""

    values: Values
    parts: tuple[Part, ...] = ()

    @property
    def currency(self) -> str:
        """TradeCurr in capitals: letters, or the customs' older digits."""
        return self.values.get("TradeCurr", "").upper()

    @property
    def total(self) -> Decimal:
        """DeclTotal, in units of ``currency``."""
        return Decimal(self.values["DeclTotal"])


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declaration as it was sent. ``version`` is empty where the message states none; ``others`` are whole elements without a place here."""

    head: Values
    goods: tuple[GoodsLine, ...]
    version: str = ""
    sign: Values = field(default_factory=dict)
    free_text: Values = field(default_factory=dict)
    containers: tuple[Values, ...] = ()
    licences: tuple[Values, ...] = ()
    certificates: tuple[Values, ...] = ()
    packs: tuple[Values, ...] = ()
    qualifications: tuple[Values, ...] = ()
    users: tuple[Values, ...] = ()
    documents: tuple[Values, ...] = ()
    origins: tuple[Values, ...] = ()
    others: tuple[Part, ...] = ()
    unknown: tuple[str, ...] = field(default=(), compare=False)

    @property
    def client_seq_no(self) -> str:
        """企业自编号: what the enterprise's program calls it."""
        return self.sign.get("ClientSeqNo", "")

    @property
    def seq_no(self) -> str:
        """统一编号: what the single window calls it; empty until it has answered."""
        return self.head.get("SeqNo", "")

    @property
    def entry_id(self) -> str:
        """海关编号: what customs calls it; empty until customs has it."""
        return self.head.get("EntryId", "")

    @property
    def flow(self) -> str:
        """I for import, E for export."""
        return self.head["IEFlag"]

    @property
    def uscc(self) -> str:
        """Code of the enterprise that trades (TradeCoScc, in older messages TradeCodeScc), as it stands in the message."""
        return self.head.get("TradeCoScc") or self.head.get("TradeCodeScc", "")

    def totals(self) -> dict[str, Decimal]:
        """Currency -> declared value of all lines in it."""
        found: dict[str, Decimal] = {}
        for line in self.goods:
            found[line.currency] = EXACT.add(found.get(line.currency, Decimal(0)), line.total)
        return found


def parse_declaration(message: Element) -> Declaration:
    """The declaration of a DecMessage element.

    Raises DeliveryError, naming the element, when a part is missing or stands twice, import or export is not said, an amount is no
    number, a line has no total or currency, or neither ClientSeqNo nor SeqNo is there: nothing could be joined to it.
    """
    unknown: list[str] = []
    head, sign, free_text = (
        {} if child is None else _values(child, unknown) for child in (_one(message, n) for n in ("DecHead", "DecSign", "DecFreeTxt"))
    )
    if head.get("IEFlag") not in {"I", "E"}:
        raise DeliveryError("DecHead/IEFlag: I or E is expected 应为 I 或 E")
    keys = [values[name] for values, name in ((head, "SeqNo"), (sign, "ClientSeqNo")) if values.get(name)]
    if not keys or any(len(key) > MAX_KEY for key in keys):
        raise DeliveryError(
            f"DecSign/ClientSeqNo or DecHead/SeqNo of at most {MAX_KEY} characters is expected: answers are joined by them 缺少编号或过长"
        )
    lists: dict[str, list[Values]] = {name: [] for name in (*(name for name, _ in SECTIONS.values()), *BARE.values())}
    others: list[Part] = []
    for child in message.children:
        if child.name in SECTIONS:
            lists[SECTIONS[child.name][0]] += [_values(item, unknown) for item in _items(child, SECTIONS[child.name][1])]
        elif child.name in BARE:
            lists[BARE[child.name]].append(_values(child, unknown))
        elif child.name not in {"DecHead", "DecLists", "DecSign", "DecFreeTxt"}:
            others.append(part_of(child))
            unknown.append(child.name)
    return Declaration(
        head, tuple(_goods(message, unknown)), message.attributes.get("Version", ""), sign, free_text,
        **{name: tuple(items) for name, items in lists.items()}, others=tuple(others), unknown=tuple(dict.fromkeys(unknown)),
    )  # fmt: skip


def build_declaration(declaration: Declaration, version: str = "5.0") -> bytes:
    """The DecMessage of ``declaration`` in UTF-8; reading it gives ``declaration`` with this version, and with the trader's code under the name
    that this version uses. Raises DeclarationError that names the field and the limit when a
    value is too long, of another form, or has no place in this version; when ``version`` is none of VERSIONS; when it could not be read back.
    """
    if version not in VERSIONS:
        raise DeclarationError(f"version {version!a}: one of {', '.join(VERSIONS)} is right 应为其中之一")
    written = ['<?xml version="1.0" encoding="UTF-8"?>\n', f'<DecMessage Version="{version}" xmlns="{NAMESPACE}">']
    written += _written(Part("DecHead", _head(declaration, version)), "DecHead", version)
    lines = tuple(Part("DecList", line.values, line.parts) for line in declaration.goods)
    for number_, line in enumerate(lines, 1):
        if not (line.values.get("DeclTotal") and line.values.get("TradeCurr")):
            raise DeclarationError(f"DecLists/DecList[{number_}]: DeclTotal and TradeCurr are needed 两项必填")
    written += _written(Part("DecLists", parts=lines), "DecLists", version)
    for wrapper, (name, item) in SECTIONS.items():
        if items := getattr(declaration, name):
            written += _written(Part(wrapper, parts=tuple(Part(item, values) for values in items)), wrapper, version)
    for name, values in (("DecFreeTxt", declaration.free_text), ("DecSign", declaration.sign)):
        if values:
            written += _written(Part(name, values), name, version)
    bare = [Part(name, values) for name, attribute in BARE.items() for values in getattr(declaration, attribute)]
    for part in (*bare, *declaration.others):
        written += _written(part, part.name, version)
    return "".join([*written, "</DecMessage>\n"]).encode()


def _head(declaration: Declaration, version: str) -> Values:
    renamed = {"TradeCoScc": "TradeCodeScc"} if version == "3.1" else {"TradeCodeScc": "TradeCoScc"}
    head = {renamed.get(name, name): value for name, value in declaration.head.items()}
    if head.get("IEFlag") not in {"I", "E"}:
        raise DeclarationError("DecHead/IEFlag: I or E is needed 应为 I 或 E")
    if not (head.get("SeqNo") or declaration.sign.get("ClientSeqNo")):
        raise DeclarationError("DecSign/ClientSeqNo or DecHead/SeqNo is needed: answers are joined by them 回执凭此编号关联，须填其一")
    return head


def _written(part: Part, path: str, version: str) -> Iterator[str]:
    """The text of a part and all below it. Raises DeclarationError."""
    known = fields().get(part.name, {})
    _check_name(path, part.name)
    ANY.check(path, part.text)
    yield f"<{part.name}>{escape(part.text, _CARRIAGE_RETURN)}"
    for name, value in part.values.items():
        _check_name(path, name)
        rule = known.get(name)
        if rule is not None and rule.versions and version not in rule.versions:
            raise DeclarationError(f"{path}/{name}: only messages of version {', '.join(rule.versions)} have it, not {version} 此版本没有此字段")
        (ANY if rule is None else rule.form).check(f"{path}/{name}", value)
        yield f"<{name}>{escape(value, _CARRIAGE_RETURN)}</{name}>"
    for place, inner in enumerate(part.parts, 1):
        if not (inner.values or inner.parts) and path not in _LISTS:
            raise DeclarationError(f"{path}/{inner.name}: a part without fields would be read back as a field 没有字段的部分会被读成字段")
        yield from _written(inner, f"{path}/{inner.name}[{place}]", version)
    yield f"</{part.name}>"


def _check_name(path: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise DeclarationError(f"{path}: {name[:40]!a} is no name of an element 元素名无效")


def _one(message: Element, name: str) -> Element | None:
    found = message.find(name)
    if found is None and name == "DecHead":
        raise DeliveryError("DecMessage: DecHead is missing 缺少表头")
    return found


def _values(element: Element, unknown: list[str]) -> dict[str, str]:
    """The plain fields of a part that has nothing else. Raises DeliveryError."""
    values = element.leaves()
    if len(values) != len(element.children):
        raise DeliveryError(f"{element.name}: elements within 内含下级元素 {next(child.name for child in element.children if child.children)[:40]!a}")
    _check(element.name, values, unknown)
    return values


def _check(name: str, values: Values, unknown: list[str]) -> None:
    known = fields()[name]
    unknown += [f"{name}/{key}" for key in values if key not in known]
    for key in amount_fields(name):
        if values.get(key):
            number(f"{name}/{key}", values[key])


def _items(wrapper: Element, name: str) -> Iterator[Element]:
    for child in wrapper.children:
        if child.name != name:
            raise DeliveryError(f"{wrapper.name}: {child.name[:40]!a} where {name} is expected 元素不符")
        yield child


def _goods(message: Element, unknown: list[str]) -> Iterator[GoodsLine]:
    lists = message.find("DecLists")
    for place, item in enumerate(() if lists is None else _items(lists, "DecList"), 1):
        values = item.leaves()
        _check("DecList", values, unknown)
        if not (values.get("DeclTotal") and values.get("TradeCurr")):
            raise DeliveryError(f"DecLists/DecList[{place}]: DeclTotal and TradeCurr are expected 两项必填")
        if not _CURRENCY.fullmatch(values["TradeCurr"]):
            raise DeliveryError(f"DecLists/DecList[{place}]/TradeCurr: one to five letters or digits are expected, it names a field 币制有误")
        yield GoodsLine(values, tuple(part_of(child) for child in item.children if child.children))
