"""Messages of the single window as the facts describe them, made by our builder and by hand, and an import client's folders with them."""

from __future__ import annotations

import base64
import io
import os
import random
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from connectors.customs.channels import Channels
from connectors.customs.declarations import Declaration, GoodsLine, build_declaration
from connectors.customs.folders import ClientFolders
from connectors.customs.markup import Part
from connectors.customs.records import Rates, SingleWindow
from connectors.customs.store import METADATA, CustomsStore
from connectors.records import Malformed, Outcome, Record
from crypto.subjects import make_uscc

USCC = make_uscc("9", "1", "330108", "MA2AAAAA")
OTHER = make_uscc("9", "1", "330108", "MA2BBBBB")
NOW = 4_000_000_000
NOTICED = datetime(2023, 3, 1, 9, 30)
DAY = timedelta(days=1)
HEAD = f"""
SeqNo=;IEFlag=;Type=;AgentCode=3301980001;AgentName=杭州某某报关有限公司;ApprNo=;BillNo=MSKU20230301001;ContrNo=XQ-2023-001;CustomMaster=2900
CutMode=101;DistinatePort=USA309;FeeCurr=502;FeeMark=3;FeeRate=250;GrossWet=1234.5;IEDate=;IEPort=2225;InsurCurr=;InsurMark=;InsurRate=0.3
LicenseNo=;ManualNo=;NetWt=1200.12345;NoteS=A<B & "C";OwnerCode=3301960002;OwnerName=杭州某某科技有限公司;PackNo=12;TradeCode=3301960002
TradeName=杭州某某科技有限公司;TradeCountry=502;TradeMode=0110;TrafMode=2;TrafName=MAERSK/001E;TransMode=3;WrapType=22;EntryType=M;PDate=
CopName=杭州某某科技有限公司;CopCode=3301960002;BillType=1;CopCodeScc=;OwnerCodeScc=;AgentCodeScc={OTHER};TradeCoScc=;PromiseItmes=000
TradeAreaCode=USA;DespPortCode=;EntyPortCode=;GoodsPlace=上海洋山;OverseasConsigneeEname=ACME INC.;DomesticConsigneeEname=;NoOtherPack=0
"""
LINE = """
ClassMark=;CodeTS=8542319000;ContrItem=;DeclPrice=10.005;DutyMode=1;Factor=;GModel=0|0|用于服务器|无品牌;GName=;GNo=;OriginCountry=142
TradeCurr=;DeclTotal=;GQty=100;FirstQty=100;SecondQty=12.5;GUnit=007;FirstUnit=007;SecondUnit=035;UseTo=;WorkUsd=;ExgNo=;ExgVersion=
DestinationCountry=502;CiqCode=999;DeclGoodsEname=INTEGRATED CIRCUIT;OrigPlaceCode=330100;DistrictCode=33019
"""


def _values(text: str) -> dict[str, str]:
    named = (item.split("=", 1) for line in text.split("\n") if line for item in line.split(";"))
    return dict(named)


def declaration(
    number: str = "C0001", *, flow: str = "E", lines: int = 5, total: str = "1000.50", currency: str = "USD", uscc: str = USCC, seq_no: str = ""
) -> Declaration:
    """One declaration with ``lines`` lines of ``total`` each."""
    head = _values(HEAD) | {"SeqNo": seq_no, "IEFlag": flow, "CopCodeScc": uscc, "OwnerCodeScc": uscc, "TradeCoScc": uscc}
    goods = tuple(_line(place, total, currency) for place in range(1, lines + 1))
    sign = {
        "OperType": "C",
        "ICCode": "2100000000001",
        "CopCode": "3301960002",
        "OperName": "某某",
        "ClientSeqNo": number,
        "Sign": "c2ln",
        "SignDate": "",
    }
    return Declaration(
        head, goods, "5.0", sign, {"RelId": "", "BonNo": "", "VoyNo": "001E"}, containers=({"ContainerId": "MSKU1234567", "ContainerMd": "21"},),
        licences=({"DocuCode": "A", "CertCode": "330000000000001"},), packs=({"PackQty": "1", "PackType": "22"},),
        documents=({"EdocID": "invoice.pdf", "EdocCode": "00000001", "EdocFomatType": "US"},),
    )  # fmt: skip


def _line(place: int, total: str, currency: str) -> GoodsLine:
    values = _values(LINE) | {"GName": f"集成电路{place}", "GNo": str(place), "TradeCurr": currency, "DeclTotal": total}
    limit = Part("DecGoodsLimit", {"GoodsNo": str(place), "LicTypeCode": "411", "LicenceNo": "L1"}, (Part("DecGoodsLimitVin", {"VinNo": "V1"}),))
    return GoodsLine(values, (Part("DecGoodsLimits", parts=(limit,)),))


def response(number: str = "C0001", seq_no: str = "I20230000000000001", code: str = "0", error: str = "") -> bytes:
    """DecImportResponse."""
    fields = f"<ResponseCode>{code}</ResponseCode><ErrorMessage>{error}</ErrorMessage><ClientSeqNo>{number}</ClientSeqNo><SeqNo>{seq_no}</SeqNo>"
    return f'<?xml version="1.0" encoding="UTF-8"?><DecImportResponse>{fields}<TrnPreId/></DecImportResponse>'.encode()


def receipt(code: str = "L", seq_no: str = "I20230000000000001", at: datetime = NOTICED, note: str = "", day: str = "2023-03-01") -> bytes:
    """DEC_RESULT."""
    return (
        f"<DEC_RESULT><CUS_CIQ_NO>{seq_no}</CUS_CIQ_NO><ENTRY_ID>290020230000000001</ENTRY_ID><NOTICE_DATE>{at.isoformat()}</NOTICE_DATE>"
        f"<CHANNEL>{code}</CHANNEL><NOTE>{note}</NOTE><CUSTOM_MASTER>2900</CUSTOM_MASTER><I_E_DATE></I_E_DATE><D_DATE>{day}</D_DATE></DEC_RESULT>"
    ).encode()


def old_receipt(code: str = "G", seq_no: str = "I20180000000000001", at: str = "20180208T15032200", *, declared: bool = True) -> bytes:
    """DEC_DATA in GB2312, with or without saying so."""
    head = '<?xml version="1.0" encoding="GB2312"?>' if declared else ""
    return (
        f"{head}<DEC_DATA><DEC_RESULT><SEQ_NO>{seq_no}</SEQ_NO><ENTRY_ID>290020180000000001</ENTRY_ID><NOTICE_DATE>{at}</NOTICE_DATE>"
        f"<CHANNEL>{code}</CHANNEL><NOTE>接单交单，请递交单证</NOTE><DECL_PORT>2900</DECL_PORT><AGENT_NAME>杭州某某报关有限公司</AGENT_NAME></DEC_RESULT>"
        "<RESULT_INFO><TEXT>单证齐全</TEXT></RESULT_INFO></DEC_DATA>"
    ).encode("gb2312")


def failure() -> bytes:
    """The client's own failure."""
    flag = "<resultFlag><Type>1</Type><Value>F</Value></resultFlag>"
    return f"<Root>{flag}<failCode>1001</failCode><failInfo>报文校验失败</failInfo><retData/></Root>".encode()


def enveloped(inner: bytes, kind: str = "DecImportResponse") -> bytes:
    """DxpMsg around ``inner``."""
    who = "<SenderId>DXPENT0000000001</SenderId><ReceiverIds><ReceiverId>DXPEDCDEC0000001</ReceiverId></ReceiverIds>"
    info = f"<TransInfo><CopMsgId>0001</CopMsgId>{who}<CreatTime>2023-03-01T09:00:00</CreatTime><MsgType>{kind}</MsgType></TransInfo>"
    data = f"<Data>{base64.b64encode(inner).decode()}</Data><AddInfo><FileName>one.xml</FileName></AddInfo>"
    return f'<DxpMsg xmlns="http://www.chinaport.gov.cn/dxp" ver="1.0">{info}{data}</DxpMsg>'.encode()


def wrapped(inner: bytes) -> bytes:
    """The older wrapper around a DecMessage."""
    body = inner.partition(b"?>")[2] if inner.startswith(b"<?xml") else inner
    head = b"<SWImpHead><CopMsgId>1</CopMsgId><MsgType>SWDEC001</MsgType><FunctionCode>1</FunctionCode><Version>1.0</Version></SWImpHead>"
    return b"<ImportMessage>" + head + b"<SWImpData>" + body + b"</SWImpData></ImportMessage>"


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip of ``members``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def story(place: int, random_: random.Random) -> list[bytes]:
    """A declaration of 5 to 20 lines with its response and receipts from upload to clearance."""
    number, seq_no = f"C{place:08}", f"I2023{place:013}"
    start = NOTICED + timedelta(minutes=place)
    sent = declaration(number, flow="EI"[place % 2], lines=random_.randint(5, 20), currency=random_.choice(["USD", "EUR", "JPY"]))
    codes = random_.choice(["7LGPR", "7LJPR", "7LCGPR", "7LE", "7LGTP"])
    receipts = [receipt(code, seq_no, start + timedelta(hours=7 * step), day=start.date().isoformat()) for step, code in enumerate(codes)]
    return [build_declaration(sent), response(number, seq_no), *receipts]


class Client:
    """An import client's folders below ``root``."""

    def __init__(self, root: Path, name: str = "Deccus001") -> None:
        self.root, self._client = root, root / name
        for box in ("OutBox", "SentBox", "FailBox", "InBox"):
            (self._client / box).mkdir(parents=True)

    def put(self, name: str, data: bytes, *, age_s: float = 60) -> Path:
        """Drop a file into a box, last written ``age_s`` before NOW."""
        path = self._client / name
        path.write_bytes(data)
        os.utime(path, (NOW - age_s, NOW - age_s))
        return path


def memory_engine() -> Engine:
    """A database that lasts as long as the test."""
    engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
    METADATA.create_all(engine)
    return engine


def store(engine: Engine | None = None, dialect: str = "a", source: str = "customs") -> CustomsStore:
    """The store of one source."""
    return CustomsStore(engine or memory_engine(), source, Channels(dialect), lambda: NOW)


def connector(root: Path, engine: Engine | None = None, rates: Rates | None = None, source: str = "customs") -> SingleWindow:
    """The connector over the client's folders below ``root``."""
    return SingleWindow(source, ClientFolders(root), store(engine, source=source), lambda: NOW, rates)


def taken(source: SingleWindow, cursor: str | None = None) -> list[Record | Malformed]:
    """Everything that there is now, read and settled as an intake does it. ``cursor``: of what was taken before, where it is another's."""
    found: list[Record | Malformed] = []
    for batch in source.deliveries(source.cursor if cursor is None else cursor):
        items = list(batch.items())
        refused = tuple(item for item in items if isinstance(item, Malformed))
        batch.settle(Outcome.PARTLY if refused else Outcome.TAKEN, refused)
        found += items
    return found


class Site:
    """An import client and the connector over it."""

    def __init__(self, root: Path, rates: Rates | None = None) -> None:
        self.client = Client(root)
        self.connector = connector(root, rates=rates)
        self.store: CustomsStore = self.connector.store

    def records(self) -> dict[tuple[str, str], dict[str, str]]:
        """What comes now, by enterprise and year."""
        return {(item.uscc, item.period): dict(item.values) for item in taken(self.connector) if isinstance(item, Record)}

    def send(
        self,
        place: int,
        codes: str = "LPR",
        *,
        flow: str = "E",
        total: str = "10.25",
        currency: str = "USD",
        day: str = "2023-03-01",
        uscc: str = USCC,
    ) -> None:
        """A declaration of two lines with its response, and a receipt a day for each of ``codes``."""
        number, seq_no = f"C{place}", f"I{place}"
        sent = build_declaration(declaration(number, flow=flow, lines=2, total=total, currency=currency, uscc=uscc))
        self.client.put(f"SentBox/{number}.zip", zipped({"one.xml": sent}))
        self.client.put(f"InBox/Successed_{number}.xml", response(number, seq_no))
        for step, code in enumerate(codes):
            self.client.put(f"InBox/Receipt_{number}_{step}.xml", receipt(code, seq_no, NOTICED + step * DAY, day=day))
