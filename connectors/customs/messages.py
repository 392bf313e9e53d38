"""What the single window and customs answer: responses, receipts, client failures; and the envelopes that any message may come in [K4, K5]."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from connectors.customs.declarations import MAX_KEY, Declaration, parse_declaration
from connectors.customs.markup import Element, Part, Values, part_of, read_xml
from connectors.errors import DeliveryError

ACCEPTED = "0"
_CHINA, _SLACK_S = timezone(timedelta(hours=8)), 86_400
_SIGNED = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[0-9T:. ]{0,16}", re.ASCII)
_OLD_TIME = re.compile(r"([0-9]{8})T([0-9]{6})([0-9]{2})")
_NEW_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_DATE = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}")


@dataclass(frozen=True, slots=True)
class ImportResponse:
    """The single window's answer to an upload. ``code`` 0: taken; else ``error`` says why not, and ``seq_no`` may be missing."""

    client_seq_no: str
    seq_no: str
    code: str
    error: str = ""
    values: Values = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the single window took the upload."""
        return self.code == ACCEPTED


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt of customs for the declaration ``seq_no``. ``channel`` is its code as it came, ``at`` the time that it states (China's).

    ``old``: it came as DEC_DATA. ``values`` are all its fields, ``info`` those of RESULT_INFO and of whatever else stands beside them.
    """

    seq_no: str
    entry_id: str
    at: datetime
    channel: str
    note: str
    declared_on: date | None
    old: bool = False
    values: Values = field(default_factory=dict)
    info: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientFailure:
    """The import client could not send something. It names no declaration: only the file's name tells which."""

    kind: str
    value: str
    code: str
    info: str
    values: Values = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a DxpMsg said about the message within: TransInfo and AddInfo by name."""

    transfer: Values
    receivers: tuple[str, ...]
    added: Values


Message = Declaration | ImportResponse | Receipt | ClientFailure


@dataclass(frozen=True, slots=True)
class Read:
    """A message; the exact bytes that it was read from, without the envelope; and the envelope, where it came in one."""

    message: Message
    inner: bytes
    envelope: Envelope | None = None


def read_message(data: bytes) -> Read:
    """The message in ``data``, in an envelope or bare.

    Raises DeliveryError, naming the element and never the content, when it is none of the messages of K3 to K5 or not whole.
    """
    root = read_xml(data)
    if root.name != "DxpMsg":
        return Read(_message(root), data)
    envelope, inner = _envelope(root)
    within = read_xml(inner)
    if within.name == "DxpMsg":
        raise DeliveryError("DxpMsg/Data: an envelope within an envelope 信封内又有信封")
    return Read(_message(within), inner, envelope)


def check_times(message: Message, now: float) -> None:
    """Returns when ``message`` states no time more than a day after ``now``, Unix time: the last receipt and the declaration signed last decide, so
    one of the far future would decide for ever. Raises DeliveryError."""
    latest = datetime.fromtimestamp(now + _SLACK_S, _CHINA).replace(tzinfo=None)
    if isinstance(message, Receipt) and (message.at > latest or (message.declared_on is not None and message.declared_on > latest.date())):
        raise DeliveryError("NOTICE_DATE, D_DATE: a time that has not come yet 时间晚于当前")
    signed = message.sign.get("SignDate", "") if isinstance(message, Declaration) else ""
    if signed and not _SIGNED.fullmatch(signed):
        raise DeliveryError("DecSign/SignDate: like 2023030110152200 is expected 时间格式不符")
    if "".join(filter(str.isdecimal, signed))[:14] > latest.strftime("%Y%m%d%H%M%S"):
        raise DeliveryError("DecSign/SignDate: a time that has not come yet 时间晚于当前")


def _message(root: Element) -> Message:
    parse = _PARSERS.get(root.name)
    if parse is None:
        raise DeliveryError(f"root element {root.name[:40]!a}; one of DxpMsg, {', '.join(_PARSERS)} is read 不读取此类报文")
    return parse(root)


def _wrapped(root: Element) -> Declaration:
    """The older wrapper ImportMessage."""
    kind, body = _child(root, "SWImpHead").leaves().get("MsgType"), _child(root, "SWImpData")
    if kind != "SWDEC001":
        raise DeliveryError("ImportMessage/SWImpHead/MsgType: SWDEC001 is expected 报文类型不符")
    return parse_declaration(_child(body, "DecMessage"))


def _response(root: Element) -> ImportResponse:
    values = root.leaves()
    if len(values) != len(root.children):
        raise DeliveryError("DecImportResponse: elements within its fields 字段内不应有下级元素")
    client, seq = _key(values, "ClientSeqNo"), _key(values, "SeqNo")
    if not (client or seq):
        raise DeliveryError("DecImportResponse: neither ClientSeqNo nor SeqNo: it answers nothing that could be found 没有编号，无从关联报关单")
    return ImportResponse(client, seq, _needed(root, values, "ResponseCode"), values.get("ErrorMessage", ""), values)


def _receipt(root: Element) -> Receipt:
    return _noticed(root, "CUS_CIQ_NO", ())


def _old_receipt(root: Element) -> Receipt:
    return _noticed(_child(root, "DEC_RESULT"), "SEQ_NO", tuple(part_of(child) for child in root.children if child.name != "DEC_RESULT"), old=True)


def _noticed(root: Element, key: str, info: tuple[Part, ...], *, old: bool = False) -> Receipt:
    values = root.leaves()
    for name in (key, "CHANNEL"):
        _needed(root, values, name)
    return Receipt(
        seq_no=_key(values, key),
        entry_id=_key(values, "ENTRY_ID"),
        at=_time(_needed(root, values, "NOTICE_DATE")),
        channel=_key(values, "CHANNEL"),
        note=values.get("NOTE", ""),
        declared_on=_date(values.get("D_DATE", "")),
        old=old,
        values=values,
        info=(*info, *(part_of(child) for child in root.children if child.children)),
    )


def _failure(root: Element) -> ClientFailure:
    flag, values = _child(root, "resultFlag").leaves(), root.leaves()
    if not flag:
        raise DeliveryError("Root/resultFlag: Type and Value are expected 两项必填")
    parts = tuple(part_of(child) for child in root.children if child.children)
    return ClientFailure(flag.get("Type", ""), flag.get("Value", ""), values.get("failCode", ""), values.get("failInfo", ""), values, parts)


_PARSERS: Mapping[str, Callable[[Element], Message]] = {
    "DecMessage": parse_declaration,
    "ImportMessage": _wrapped,
    "DecImportResponse": _response,
    "DEC_RESULT": _receipt,
    "DEC_DATA": _old_receipt,
    "Root": _failure,
}


def _envelope(root: Element) -> tuple[Envelope, bytes]:
    transfer, data, added = _child(root, "TransInfo"), _child(root, "Data"), root.find("AddInfo")
    receivers = transfer.find("ReceiverIds")
    try:
        inner = base64.b64decode("".join(data.text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DeliveryError("DxpMsg/Data: not base64 不是合规的 base64") from error
    if not inner:
        raise DeliveryError("DxpMsg/Data: there is nothing in the envelope 信封为空")
    to = () if receivers is None else tuple(child.text for child in receivers.children)
    return Envelope(transfer.leaves(), to, {} if added is None else added.leaves()), inner


def _child(element: Element, name: str) -> Element:
    found = element.find(name)
    if found is None:
        raise DeliveryError(f"{element.name}: {name} is missing 缺少此项")
    return found


def _needed(root: Element, values: Values, name: str) -> str:
    if not values.get(name):
        raise DeliveryError(f"{root.name}: {name} is missing or empty 必填")
    return values[name]


def _key(values: Values, name: str) -> str:
    value = values.get(name, "")
    if len(value) > MAX_KEY:
        raise DeliveryError(f"{name}: {len(value)} characters; at most {MAX_KEY} are read 编号过长")
    return value


def _time(text: str) -> datetime:
    """``yyyy-MM-ddTHH:mm:ss``, or the older ``yyyyMMddTHHmmss`` with two digits of hundredths. Raises DeliveryError."""
    old = _OLD_TIME.fullmatch(text)
    try:
        if old is not None:
            return datetime.strptime(old[1] + old[2] + old[3] + "0000", "%Y%m%d%H%M%S%f")
        if _NEW_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError as error:
        raise DeliveryError("NOTICE_DATE: there is no such time 无此时间") from error
    raise DeliveryError("NOTICE_DATE: like 2023-01-31T09:30:00 or 20230131T09300000 is expected 时间格式不符")


def _date(text: str) -> date | None:
    """``yyyy-MM-dd``; a time of day after it is not looked at. None where there is nothing. Raises DeliveryError."""
    if not text:
        return None
    if not _DATE.fullmatch(text.partition("T")[0]):
        raise DeliveryError("D_DATE: like 2023-01-31 is expected 日期格式不符")
    try:
        return date.fromisoformat(text.partition("T")[0])
    except ValueError as error:
        raise DeliveryError("D_DATE: there is no such day 无此日期") from error
