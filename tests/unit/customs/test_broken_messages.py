"""Each kind of message in twenty broken forms: nothing but a refusal with its reason comes out, and the reason shows none of the content."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest

from connectors.customs.declarations import build_declaration
from connectors.customs.folders import MAX_MEMBERS, unpack
from connectors.customs.markup import MAX_BYTES, MAX_DEPTH, read_xml
from connectors.customs.messages import read_message
from connectors.errors import DeliveryError
from nodes.runtime.clock import Timer
from tests.support.customs import declaration, enveloped, failure, old_receipt, receipt, response, wrapped, zipped

SECRET = "商业秘密-7391"
BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
GOOD = {
    "declaration": build_declaration(declaration()),
    "wrapped": wrapped(build_declaration(declaration())),
    "response": response(),
    "receipt": receipt(),
    "old receipt": old_receipt(),
    "failure": failure(),
    "envelope": enveloped(receipt()),
}
LAST = dict(zip(GOOD, (b"DecHead", b"SWImpData", b"ResponseCode", b"CHANNEL", b"CHANNEL", b"resultFlag", b"Data"), strict=True))
"""The element that each kind cannot do without."""


def bare(data: bytes) -> bytes:
    """Without the XML declaration."""
    return data.partition(b"?>")[2].lstrip() if data.startswith(b"<?xml") else data


EVERY: dict[str, Callable[[bytes, bytes], bytes]] = {
    "empty": lambda _d, _n: b"",
    "white space only": lambda _d, _n: b" \r\n ",
    "cut in the middle": lambda d, _n: d[: len(d) // 2],
    "cut before its end": lambda d, _n: d.rstrip()[:-1],
    "something after its end": lambda d, _n: d + b"<more/>",
    "two roots": lambda d, _n: bare(d) + bare(d),
    "not XML": lambda _d, _n: b"{}",
    "a document type": lambda d, _n: b"<!DOCTYPE x>" + bare(d),
    "an entity bomb": lambda d, n: BOMB.encode() + bare(d).replace(b"<" + n + b">", b"<" + n + b">&c;", 1),
    "an external entity": lambda d, _n: b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + bare(d),
    "a parameter entity": lambda d, _n: b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>' + bare(d),
    "an entity without a type": lambda d, n: bare(d).replace(b"<" + n + b">", b"<" + n + b">&secret;", 1),
    "another root": lambda d, _n: b"<Other>" + bare(d) + b"</Other>",
    "an encoding that it is not": lambda d, _n: b'<?xml version="1.0" encoding="UTF-8"?>' + bare(d).replace(b">", b">\xb5\xa5", 1),
    "an encoding that we do not read": lambda d, _n: b'<?xml version="1.0" encoding="UTF-7"?>' + bare(d),
    "bytes of no encoding": lambda d, n: bare(d).replace(b"<" + n + b">", b"<" + n + b">\xff\xff", 1),
    "too deep": lambda d, n: bare(d).replace(b"<" + n + b">", b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH + b"<" + n + b">", 1),
    "too large": lambda d, _n: d + b" " * MAX_BYTES,
    "text between elements": lambda d, _n: bare(d)[: bare(d).index(b">") + 1] + SECRET.encode() + bare(d)[bare(d).index(b">") + 1 :],
    "its heart missing": lambda d, n: d.replace(b"<" + n + b">", b"<Else>").replace(b"</" + n + b">", b"</Else>"),
    "its heart twice": lambda d, n: d.replace(b"<" + n + b">", b"<" + n + b"></" + n + b"><" + n + b">", 1),
    "a control character": lambda d, n: bare(d).replace(b"<" + n + b">", b"<" + n + b">\x01", 1),
}
"""Each is given a good message and the name of an element that it cannot do without."""


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("kind", GOOD)
def test_a_broken_message_is_refused_with_a_reason(kind: str, how: str) -> None:
    data = EVERY[how](GOOD[kind], LAST[kind])
    assert data != GOOD[kind]
    with pytest.raises(DeliveryError) as caught:
        read_message(data)
    assert len(str(caught.value)) > 5
    assert SECRET not in str(caught.value)


OWN: dict[str, bytes] = {
    "import or export not said": GOOD["declaration"].replace(b"<IEFlag>E</IEFlag>", b"<IEFlag>X</IEFlag>"),
    "no number at all": GOOD["declaration"].replace(b"<ClientSeqNo>C0001</ClientSeqNo>", b""),
    "a number that is too long": GOOD["declaration"].replace(b"C0001", b"C" * 65),
    "an amount in words": GOOD["declaration"].replace(b"<DeclTotal>1000.50<", "<DeclTotal>一千<".encode()),
    "an amount below nothing": GOOD["declaration"].replace(b"<DeclTotal>1000.50<", b"<DeclTotal>-1<"),
    "an amount with an exponent": GOOD["declaration"].replace(b"<DeclTotal>1000.50<", b"<DeclTotal>1e400<"),
    "an amount with a comma": GOOD["declaration"].replace(b"<GQty>100<", b"<GQty>1,000<"),
    "no amount": GOOD["declaration"].replace(b"<DeclTotal>1000.50</DeclTotal>", b"<DeclTotal/>"),
    "no currency": GOOD["declaration"].replace(b"<TradeCurr>USD</TradeCurr>", b""),
    "a weight that is none": GOOD["declaration"].replace(b"<GrossWet>1234.5<", b"<GrossWet>heavy<"),
    "something else among the lines": GOOD["declaration"].replace(b"<DecLists>", b"<DecLists><Else/>"),
    "elements within the head": GOOD["declaration"].replace(b"<DecHead>", b"<DecHead><In><Ner>1</Ner></In>"),
    "a field twice in a line": GOOD["declaration"].replace(b"<GNo>1</GNo>", b"<GNo>1</GNo><GNo>2</GNo>"),
    "a wrapper of another kind": GOOD["wrapped"].replace(b"SWDEC001", b"SWDEC002"),
    "a response to nothing": response(number="", seq_no=""),
    "a response with a number that is too long": response(number="C" * 65),
    "a receipt for nothing": receipt(seq_no=""),
    "a receipt of the 31st of February": GOOD["receipt"].replace(b"2023-03-01T", b"2023-02-31T"),
    "a receipt without a time": GOOD["receipt"].replace(b"2023-03-01T09:30:00", b"yesterday"),
    "a receipt with an impossible day": GOOD["receipt"].replace(b"<D_DATE>2023-03-01<", b"<D_DATE>2023-13-01<"),
    "a receipt whose day is words": GOOD["receipt"].replace(b"<D_DATE>2023-03-01<", b"<D_DATE>March<"),
    "a channel that is too long": receipt("L" * 65),
    "an old receipt at 25 o'clock": old_receipt(at="20180208T25032200"),
    "an old receipt with a short time": old_receipt(at="20180208T1503"),
    "an old receipt without what it is about": GOOD["old receipt"].replace(b"<SEQ_NO>I20180000000000001</SEQ_NO>", b""),
    "a failure that says nothing": b"<Root><resultFlag/></Root>",
    "an envelope that is not base64": GOOD["envelope"].replace(b"<Data>", b"<Data>*"),
    "an empty envelope": enveloped(b""),
    "an envelope within an envelope": enveloped(enveloped(receipt())),
    "a bomb in an envelope": enveloped(BOMB.encode() + receipt()),
}  # fmt: skip


@pytest.mark.parametrize("how", OWN)
def test_what_is_well_formed_and_says_nonsense_is_refused(how: str) -> None:
    assert OWN[how] not in GOOD.values()
    with pytest.raises(DeliveryError):
        read_message(OWN[how])


def named(name: str) -> bytes:
    return zipped({name: receipt()})


def encrypted() -> bytes:
    data = bytearray(named("a.xml"))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def nameless() -> bytes:
    """The one letter of its name counted as an extra field: what a fuzzer found."""
    data = bytearray(named("x"))
    for mark, at in ((b"PK\x03\x04", 26), (b"PK\x01\x02", 28)):
        place = data.index(mark) + at
        data[place : place + 4] = b"\0\0\1\0"
    return bytes(data)


def packed_otherwise() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.xml", receipt())
    return buffer.getvalue()


def lying() -> bytes:
    """Its header says that it unpacks to little."""
    data = bytearray(zipped({"a.xml": b"<a>" + b" " * (MAX_BYTES + 10) + b"</a>"}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (100).to_bytes(4, "little")
    return bytes(data)


def changed_within() -> bytes:
    data = bytearray(named("a.xml"))
    at = data.index(b"PK\x01\x02")
    data[at - 12] ^= 0xFF
    return bytes(data)


MEMBERS: dict[str, Callable[[], bytes]] = {
    "a name that climbs": lambda: named("../../etc/cron.d/a.xml"),
    "no name": nameless,
    "an absolute name": lambda: named("/etc/passwd.xml"),
    "a drive": lambda: named("C:\\a.xml"),
    "a name that climbs backwards": lambda: named("a\\..\\..\\b.xml"),
    "a zip within a zip": lambda: zipped({"a.zip": named("b.xml")}),
    "a bomb": lambda: zipped({"a.xml": b"<a>" + b" " * (MAX_BYTES + 1)}),
    "a bomb that lies about its size": lying,
    "encrypted": encrypted,
    "packed in another way": packed_otherwise,
    "changed on its way": changed_within,
}


@pytest.mark.parametrize("how", MEMBERS)
def test_a_hostile_member_of_a_zip_is_refused_and_the_others_go_on(how: str) -> None:
    (piece,) = unpack(MEMBERS[how]())
    assert piece.fault
    assert piece.data == b""


def test_what_stands_beside_a_hostile_member_is_read() -> None:
    pieces = list(unpack(zipped({"../a.xml": receipt(), "b.xml": receipt()})))
    assert [bool(piece.fault) for piece in pieces] == [True, False]
    assert pieces[1].data == receipt()


WHOLE: dict[str, Callable[[], bytes]] = {
    "cut": lambda: named("a.xml")[:-30],
    "a directory of contents that is damaged": lambda: named("a.xml").replace(b"PK\x01\x02", b"PK\x01\x09"),
    "empty": lambda: b"PK\x03\x04" + zipped({})[4:],
    "too many files": lambda: zipped({f"{n}.xml": b"" for n in range(MAX_MEMBERS + 1)}),
    "a bomb of many files": lambda: zipped({f"{n}.xml": b" " * MAX_BYTES for n in range(10)}),
    "a head and nothing else": lambda: b"PK\x03\x04" + b"\0" * 100,
}


@pytest.mark.parametrize("how", [pytest.param(how, marks=pytest.mark.slow) if "bomb" in how else how for how in WHOLE])
def test_a_zip_that_is_broken_as_a_whole_is_refused(how: str) -> None:
    with pytest.raises(DeliveryError):
        list(unpack(WHOLE[how]()))


def test_text_between_many_elements_is_refused_at_its_first_line() -> None:
    data = b"<a>" + (b"x" * 80 + b"<b/>\n") * 90_000 + b"</a>"
    timer = Timer(5)
    with pytest.raises(DeliveryError, match="line 1: text between the elements of 'a'"):
        read_xml(data)
    with pytest.raises(DeliveryError, match="line 1: text between the elements of 'a'"):
        read_xml(b"<a><b/>x</a>")
    assert timer.left_s() > 0
    assert read_xml(b"<a> \n<b> t <![CDATA[& u]]> </b>\n </a>").leaves() == {"b": "t & u"}
