"""The folders of a customs office's import client, filled with the messages of simulated export declarations.

As in life they come late, twice and out of order: answers before the declaration that they are about, a clearance before the release, some in
zips, some in envelopes. HS codes, ports, currencies and customs districts are real ones; companies and numbers are invented.
"""

from __future__ import annotations

import base64
import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

from connectors.customs.declarations import Declaration, GoodsLine, build_declaration
from nodes.runtime.files import PRIVATE_DIR, PRIVATE_FILE, make_private_directory
from simulators.departments.columns import Entry
from simulators.population.tables import Firm
from simulators.population.trade import Shipment, rate_of

FOLDER, CLIENT, BOXES = "client", "Deccus001", ("OutBox", "SentBox", "FailBox", "InBox")
DIALECT = "a"
MASTERS = {"33": "2900", "32": "2300", "41": "4600"}
"""Customs districts (Hangzhou, Nanjing, Zhengzhou) by the province's code."""
GOODS = (("8542319000", "处理器及控制器", "007"), ("8517629900", "数据接收、转换设备", "001"), ("9031809090", "测量检验仪器", "001"))
"""HS code of ten digits, name, unit."""
DESTINATIONS = (("USA", "USA309"), ("DEU", "DEU015"), ("JPN", "JPN042"))
ACCEPTED, CLEARED = ("7", "L", "G"), ("P", "R")
"""Channel codes of dialect a: on the way, then released and cleared."""
TWICE_EVERY, ENVELOPED_EVERY, BEHIND_EVERY, ZIPPED_EVERY = 5, 4, 6, 7


def write_window(firms: Sequence[Firm], folder: Path) -> int:
    """Fill ``folder``/client with the messages of all shipments of ``firms``; returns the number of declarations. Same firms, same bytes."""
    boxes = {name: make_private_directory(make_private_directory(folder / FOLDER) / CLIENT / name) for name in BOXES}
    (folder / FOLDER / CLIENT).chmod(PRIVATE_DIR)
    number = 0
    for firm in firms:
        for shipment in firm.shipments:
            number += 1
            for box, name, data in _files(_Case(number, firm, shipment)):
                _put(boxes[box] / name, data)
    return number


def window_source(year: int) -> Entry:
    """The part ``source`` of the mapping that reads it."""
    rates = {str(each): {"USD": float(rate_of(each))} for each in (year - 1, year)}
    return {"kind": "single-window", "folder": FOLDER, "dialect": DIALECT, "rates": rates, "quiet_s": 0}


@dataclass(frozen=True, slots=True)
class _Case:
    """One declaration and its numbers."""

    number: int
    firm: Firm
    shipment: Shipment

    @property
    def client_seq_no(self) -> str:
        return f"XQ{self.shipment.day:%Y%m}{self.number:08d}"

    @property
    def seq_no(self) -> str:
        return f"E{self.shipment.day.year}{self.number:013d}"


def _files(case: _Case) -> Iterator[tuple[str, str, bytes]]:
    """(box, name, bytes) of every file about a declaration. The client reads its sent ones first, the rest by name."""
    number = case.number
    sent = build_declaration(_declaration(case))
    if number % BEHIND_EVERY == 0:  # its copy arrives after all that is said of it
        yield "InBox", f"zz-{case.client_seq_no}.zip", _zip(f"{case.client_seq_no}.xml", sent)
    else:
        yield "SentBox", f"{case.client_seq_no}.xml", sent
    response = _response(case)
    yield "InBox", f"Successed_{case.client_seq_no}.xml", _envelope(case, response) if number % ENVELOPED_EVERY == 0 else response
    for step, receipt in enumerate(_receipts(case)):
        name = f"{9 - step}-Receipt_{case.seq_no}"  # the last of them is read first
        if (number + step) % ZIPPED_EVERY == 0:
            yield "InBox", f"{name}.zip", _zip(f"{name}.xml", receipt)
        else:
            yield "InBox", f"{name}.xml", receipt
        if (number + step) % TWICE_EVERY == 0:
            yield "InBox", f"{name}-again.xml", _envelope(case, receipt)


def _declaration(case: _Case) -> Declaration:
    firm, shipment = case.firm, case.shipment
    code, name, unit = GOODS[case.number % len(GOODS)]
    country, port = DESTINATIONS[case.number % len(DESTINATIONS)]
    master = MASTERS.get(firm.division[:2], "2900")
    head = {
        "IEFlag": "E",
        "CustomMaster": master,
        "IEPort": "2225",
        "CutMode": "101",
        "TradeMode": "0110",
        "TrafMode": "2",
        "TransMode": "3",
        "TradeCountry": country,
        "DistinatePort": port,
        "ContrNo": f"HT-{case.number:06d}",
        "PackNo": "1",
        "WrapType": "22",
        "GrossWet": "120.5",
        "NetWt": "100",
        "EntryType": "M",
        "TradeName": firm.company,
        "OwnerName": firm.company,
        "TradeCoScc": firm.uscc,
        "OwnerCodeScc": firm.uscc,
    }
    line = {
        "GNo": "1",
        "CodeTS": code,
        "GName": name,
        "GQty": "100",
        "GUnit": unit,
        "DeclPrice": f"{shipment.usd / 100:f}",
        "DeclTotal": f"{shipment.usd:f}",
        "TradeCurr": "USD",
        "OriginCountry": "CHN",
        "DestinationCountry": country,
        "DistrictCode": f"{firm.division[:4]}9",
    }
    return Declaration(head, (GoodsLine(line),), "5.0", {"OperType": "C", "ClientSeqNo": case.client_seq_no, "Sign": ""})


def _response(case: _Case) -> bytes:
    fields = f"<ResponseCode>0</ResponseCode><ErrorMessage/><ClientSeqNo>{case.client_seq_no}</ClientSeqNo><SeqNo>{case.seq_no}</SeqNo>"
    return f'<?xml version="1.0" encoding="UTF-8"?><DecImportResponse>{fields}</DecImportResponse>'.encode()


def _receipts(case: _Case) -> Iterator[bytes]:
    """DEC_RESULT from the day of declaration to the clearance, where there is one."""
    shipment = case.shipment
    began = datetime.combine(shipment.day, time(8, 0)) + timedelta(minutes=case.number % 240)
    moments = [(code, began + timedelta(minutes=20 * step)) for step, code in enumerate(ACCEPTED)]
    if shipment.days is not None:
        ended = datetime.combine(shipment.day + timedelta(days=shipment.days), time(16, 0)) + timedelta(minutes=case.number % 240)
        moments += [(code, ended + timedelta(minutes=5 * step)) for step, code in enumerate(CLEARED)]
    entry = f"{MASTERS.get(case.firm.division[:2], '2900')}{shipment.day.year}{case.number:010d}"
    for code, at in moments:
        yield (
            f"<DEC_RESULT><CUS_CIQ_NO>{case.seq_no}</CUS_CIQ_NO><ENTRY_ID>{entry}</ENTRY_ID><NOTICE_DATE>{at.isoformat()}</NOTICE_DATE>"
            f"<CHANNEL>{code}</CHANNEL><NOTE></NOTE><D_DATE>{shipment.day.isoformat()}</D_DATE></DEC_RESULT>"
        ).encode()


def _envelope(case: _Case, inner: bytes) -> bytes:
    info = f"<TransInfo><CopMsgId>{case.client_seq_no}</CopMsgId><MsgType>DEC</MsgType></TransInfo>"
    data = base64.b64encode(inner).decode()
    return f'<DxpMsg xmlns="http://www.chinaport.gov.cn/dxp" ver="1.0">{info}<Data>{data}</Data><AddInfo></AddInfo></DxpMsg>'.encode()


def _put(path: Path, data: bytes) -> None:
    """A file for this user alone, as a client writes thousands of them: without waiting for the disk each time."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE), "wb") as file:
        file.write(data)


def _zip(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (2024, 1, 31, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
