"""Messages of the single window: every version and form is read into the same values, in whatever encoding; what is unknown is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from connectors.customs.declarations import VERSIONS, Declaration, build_declaration
from connectors.customs.markup import Part
from connectors.customs.messages import ClientFailure, ImportResponse, Receipt, read_message
from connectors.errors import DeclarationError
from tests.support.customs import OTHER, USCC, declaration, enveloped, failure, old_receipt, receipt, response, wrapped


def read(data: bytes) -> Declaration:
    message = read_message(data).message
    assert isinstance(message, Declaration)
    return message


SENT = build_declaration(declaration())
BODY = SENT.partition(b"?>\n")[2].decode()
FORMS: dict[str, Callable[[], bytes]] = {
    "default namespace": lambda: SENT,
    "no namespace": lambda: SENT.replace(b' xmlns="http://www.chinaport.gov.cn/dec"', b""),
    "prefixed": lambda: SENT.replace(b"xmlns=", b"xmlns:dec=").replace(b"</", b"</dec:").replace(b"<Dec", b"<dec:Dec").replace(
        b"<", b"<dec:").replace(b"<dec:/dec:", b"</dec:").replace(b"<dec:dec:", b"<dec:").replace(b"<dec:?", b"<?"),
    "older wrapper": lambda: wrapped(SENT),
    "envelope": lambda: enveloped(SENT, "SWDEC001"),
    "byte order mark": lambda: b"\xef\xbb\xbf" + SENT,
    "UTF-16": lambda: BODY.encode("utf-16"),
    "GBK declared": lambda: b'<?xml version="1.0" encoding="GBK"?>' + BODY.encode("gbk"),
    "GB2312 not declared": lambda: BODY.encode("gb2312"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_declaration_is_read_in_every_form(form: Callable[[], bytes]) -> None:
    assert read(form()) == declaration()
    assert read(form()).unknown == ()


@pytest.mark.parametrize("version", ["", "3.1", "4.8", "5.0", "9.9"])
def test_every_version_is_read(version: str) -> None:
    data = SENT.replace(b' Version="5.0"', f' Version="{version}"'.encode() if version else b"")
    assert read(data) == replace(declaration(), version=version)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_traders_code_is_written_as_the_version_calls_it_and_read_under_either_name(version: str) -> None:
    data = build_declaration(declaration(), version)
    assert (b"<TradeCodeScc>" in data) is (version == "3.1")
    assert read(data).uscc == USCC


def test_typed_values_are_exact() -> None:
    sent = read(build_declaration(declaration(lines=3, total="0.10")))
    assert (sent.client_seq_no, sent.flow, sent.uscc, len(sent.goods)) == ("C0001", "E", USCC, 3)
    assert sent.totals() == {"USD": Decimal("0.30")}


def test_what_no_table_names_is_kept_and_listed() -> None:
    data = SENT.replace(b"<IEFlag>", b"<Novelty>1</Novelty><IEFlag>").replace(
        b"</DecMessage>",
        b"<DecRoyaltyFee><Amount>3</Amount></DecRoyaltyFee><TrnList><TrnContaGoodsList><No>1</No></TrnContaGoodsList></TrnList></DecMessage>",
    )
    sent = read(data)
    assert sent.head["Novelty"] == "1"
    assert sent.others == (
        Part("DecRoyaltyFee", {"Amount": "3"}),
        Part("TrnList", {}, (Part("TrnContaGoodsList", {"No": "1"}),)),
    )
    assert set(sent.unknown) == {"DecHead/Novelty", "DecRoyaltyFee", "TrnList"}
    assert read(build_declaration(sent)) == sent


def test_the_limits_of_a_line_are_kept_with_it() -> None:
    (limits,) = read(SENT).goods[0].parts
    assert limits.parts[0].values["LicenceNo"] == "L1"
    assert limits.parts[0].parts == (Part("DecGoodsLimitVin", {"VinNo": "V1"}),)


def test_a_response_and_one_that_refuses() -> None:
    taken, refused = read_message(response()).message, read_message(response(seq_no="", code="2001", error="格式错误")).message
    assert isinstance(taken, ImportResponse)
    assert isinstance(refused, ImportResponse)
    assert (taken.accepted, taken.client_seq_no, taken.seq_no) == (True, "C0001", "I20230000000000001")
    assert (refused.accepted, refused.seq_no, refused.error) == (False, "", "格式错误")


def test_a_receipt() -> None:
    message = read_message(receipt("a", note="已签证")).message
    assert isinstance(message, Receipt)
    assert (message.seq_no, message.channel, message.note) == ("I20230000000000001", "a", "已签证")
    assert (message.at, message.declared_on) == (datetime(2023, 3, 1, 9, 30), date(2023, 3, 1))
    assert message.values["CUSTOM_MASTER"] == "2900"


@pytest.mark.parametrize("declared", [True, False])
def test_an_old_receipt_in_gb2312(declared: bool) -> None:
    message = read_message(old_receipt(declared=declared)).message
    assert isinstance(message, Receipt)
    assert (message.old, message.note, message.at) == (True, "接单交单，请递交单证", datetime(2018, 2, 8, 15, 3, 22))
    assert message.info == (Part("RESULT_INFO", {"TEXT": "单证齐全"}),)
    assert message.values["AGENT_NAME"] == "杭州某某报关有限公司"


def test_a_failure_of_the_client() -> None:
    message = read_message(failure()).message
    assert isinstance(message, ClientFailure)
    assert (message.kind, message.value, message.code, message.info) == ("1", "F", "1001", "报文校验失败")


def test_an_envelope_is_told_beside_its_message_and_the_inner_bytes_are_the_message() -> None:
    read_ = read_message(enveloped(receipt()))
    assert read_.envelope is not None
    assert (read_.envelope.transfer["MsgType"], read_.envelope.receivers) == ("DecImportResponse", ("DXPEDCDEC0000001",))
    assert read_.envelope.added == {"FileName": "one.xml"}
    assert read_.inner == receipt()


@pytest.mark.parametrize(
    ("change", "path", "limit"),
    [
        (lambda d: replace(d, head={**d.head, "IEPort": "22"}), "DecHead/IEPort", "exactly 4"),
        (lambda d: replace(d, head={**d.head, "GrossWet": "1.123456"}), "DecHead/GrossWet", "at most 5"),
        (lambda d: replace(d, head={**d.head, "NetWt": "-1"}), "DecHead/NetWt", "plain digits"),
        (lambda d: replace(d, head={**d.head, "TradeName": "名" * 71}), "DecHead/TradeName", "at most 70"),
        (lambda d: replace(d, head={**d.head, "TradeCoScc": "123"}), "DecHead/TradeCoScc", "exactly 18"),
        (lambda d: replace(d, head={**d.head, "IEFlag": "X"}), "DecHead/IEFlag", "I or E"),
        (lambda d: replace(d, head={**d.head, "EntryType": "Z"}), "DecHead/EntryType", "0, L, W, D, M"),
        (lambda d: replace(d, head={**d.head, "PayWay": "1"}), "DecHead/PayWay", "3.1"),
        (lambda d: replace(d, head={**d.head, "NoteS": "\x00"}), "DecHead/NoteS", "XML"),
        (lambda d: replace(d, head={**d.head, "NoteS": " end "}), "DecHead/NoteS", "white space"),
        (lambda d: replace(d, head={**d.head, "a><b": "1"}), "DecHead", "no name"),
        (lambda d: replace(d, sign={}), "ClientSeqNo", "joined"),
        (lambda d: replace(d, containers=({"ContainerId": "MSKU12345678"},)), "DecContainers/Container[1]/ContainerId", "at most 11"),
        (lambda d: replace(d, goods=(replace(d.goods[0], values={**d.goods[0].values, "CodeTS": "85423190"}),)), "DecList[1]/CodeTS", "exactly 10"),
        (lambda d: replace(d, goods=(replace(d.goods[0], values={"GNo": "1"}),)), "DecList[1]", "DeclTotal"),
        (lambda d: replace(d, others=(Part("X", {}, (Part("Y"),)),)), "X/Y", "read back"),
    ],
)
def test_what_does_not_fit_is_not_built_and_field_and_limit_are_named(change: Callable[[Declaration], Declaration], path: str, limit: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        build_declaration(change(declaration()))
    assert path in str(caught.value)
    assert limit in str(caught.value)


def test_only_known_versions_are_built() -> None:
    with pytest.raises(DeclarationError, match=r"3\.1, 4\.8, 5\.0"):
        build_declaration(declaration(uscc=OTHER), "6.0")
