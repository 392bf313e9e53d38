"""What market supervision publishes of a zone's enterprises, as the gateway finds it: one CSV a year in a folder, read through a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nodes.runtime.files import make_private_directory, write_private
from simulators.zone.layout import MemberPlan, ZonePlan

MAPPING, FOLDER = "register.yaml", "register"
HEADERS = {
    "uscc": "统一社会信用代码", "period": "公示年度", "company": "企业名称", "division": "行政区划代码", "trade": "行业代码",
    "founded": "成立日期", "board": "上市板块", "listed_on": "上市日期", "capital": "注册资本(万元)",
}  # fmt: skip
BOARDS = {"主板": "main", "科创板": "star", "创业板": "chinext", "北交所": "bse", "新三板": "neeq", "境外上市": "overseas"}


def reader_of(plan: ZonePlan) -> MemberPlan:
    """The member whose process keeps the register: the gateway's."""
    return plan.with_role("gateway")[0]


def prepare_register(plan: ZonePlan, directory: Path) -> Path:
    """Write the mapping, and make the folder that it watches, in DIR/records/<member>; the folder."""
    place = make_private_directory(directory / "records" / reader_of(plan).id)
    write_private(place / MAPPING, _mapping())
    return make_private_directory(place / FOLDER)


def register_table(plan: ZonePlan, roster_key_file: str) -> dict[str, Any]:
    """The table ``[gateway.register]`` of the gateway's configuration."""
    place = plan.place
    named = {item.code: {"zh": item.zh, "en": item.en} for item in (place.province, place.city, *place.counties)}
    mapping = f"../records/{reader_of(plan).id}/{MAPPING}"
    return {"connectors": [mapping], "roster_key_file": roster_key_file, "scan_s": 2.0, "divisions": named}


def _mapping() -> bytes:
    fields: Mapping[str, dict[str, Any]] = {
        "company": {"type": "text"},
        "division": {"type": "text"},
        "trade": {"type": "text"},
        "founded": {"type": "text"},
        "board": {"type": "category", "values": BOARDS},
        "listed_on": {"type": "text"},
        "capital": {"type": "amount", "unit": "10k-yuan", "to": "yuan"},
    }
    document = {
        "format": "xinqiao/connector/v1",
        "id": "public-register",
        "title": {"zh": "市场主体公示信息", "en": "public register of enterprises"},
        "source": {"kind": "csv", "folder": FOLDER, "pattern": "*.csv", "quiet_s": 0, "encoding": "utf-8"},
        "keys": {"uscc": HEADERS["uscc"], "period": {"column": HEADERS["period"], "as": "year"}},
        "fields": {name: {"column": HEADERS[name], **field} for name, field in fields.items()},
        "missing": [""],
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=150).encode()
