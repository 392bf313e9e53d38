"""The part ``source`` of a mapping: what a department's system is, and how it is reached [C2]. Paths are relative to the mapping's file."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, model_validator

from crypto.errors import SubjectError
from crypto.subjects import check_uscc
from scoring.rules.values import Part

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
ColumnName = Annotated[str, StringConstraints(pattern=r"\S", max_length=200)]
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("a number is expected, without quotes 应为数字，不加引号")  # noqa: TRY004  pydantic reports ValueErrors
    if not 0 <= value <= 86_400:
        raise ValueError("a number from 0 to 86400 is expected 数值超出范围")
    return float(value)


Seconds = Annotated[float, PlainValidator(_seconds)]


class Drop(Part):
    """A watched folder [C4]. A file is complete when nothing was written to it for ``quiet_s`` seconds.

    ``header_line``: the row of the column names, from 1; without it they are sought in the first 20 rows that hold something.
    """

    folder: Text
    pattern: Text
    quiet_s: Seconds = 3.0
    header_line: Annotated[int, Field(ge=1, le=1000)] | None = None


class CsvSource(Drop):
    """CSV files. A BOM is passed over in every encoding."""

    kind: Literal["csv"]
    encoding: Literal["utf-8", "utf-8-sig", "gb18030"]
    delimiter: Literal[",", ";", "\t", "|"] = ","


class XlsxSource(Drop):
    """Workbooks; ``sheet`` by name, or the only one that is not hidden."""

    kind: Literal["xlsx"]
    sheet: Text | None = None


class SqlSource(Part):
    """A view of a database, or a query. ``cursor``: a column that only grows, by which nothing is read twice without need."""

    kind: Literal["sql"]
    url: Text | None = None
    url_file: Text | None = None
    view: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")] | None = None
    query: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] | None = None
    cursor: ColumnName | None = None
    batch: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("either url or url_file is given 须填且只填其一")
        if (self.view is None) == (self.query is None):
            raise ValueError("either view or query is given 须填且只填其一")
        return self


class TokenAuth(Part):
    """A bearer token: the one line of ``file`` (0600)."""

    kind: Literal["bearer"]
    file: Text


class SignatureAuth(Part):
    """A signature by RFC 9421 with HMAC-SHA-256 over method and URI [C8]. ``file`` (0600): the shared key, one line of hex."""

    kind: Literal["signature"]
    file: Text
    key_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,80}$")]


class NumberedPages(Part):
    """Pages by number: ``parameter`` counts from ``first``. The end is a page without items, or where as many were read as stands at ``total``:
    a page with fewer than ``size`` may come from a server that gives no more at once."""

    by: Literal["number"]
    parameter: Text
    first: Annotated[int, Field(ge=0, le=1)] = 1
    size_parameter: Text | None = None
    size: Annotated[int, Field(ge=1, le=10_000)]
    total: Text | None = None


class OffsetPages(Part):
    """Pages by offset: ``parameter`` counts the items read. The end is as that of numbered pages."""

    by: Literal["offset"]
    parameter: Text
    size_parameter: Text | None = None
    size: Annotated[int, Field(ge=1, le=10_000)]
    total: Text | None = None


class LinkedPages(Part):
    """Each answer links to the next at ``path``; the end is an answer without the link. Links to another host are not followed."""

    by: Literal["next"]
    path: Text


class CursorPages(Part):
    """Each answer gives at ``path`` what ``parameter`` asks for next. ``resume``: the next run goes on with the last one given."""

    by: Literal["cursor"]
    parameter: Text
    path: Text
    resume: bool = False


class HttpSource(Part):
    """A JSON API. ``items``: where in an answer the list stands, names joined by points; left out where the answer is the list.

    ``timeout_s`` bounds each wait, ``answer_s`` one whole answer, ``run_s`` all that one run asks: others' connectors wait for it.
    """

    kind: Literal["http"]
    url: Text
    parameters: dict[Text, Annotated[str, StringConstraints(max_length=500)]] = Field(default_factory=dict)
    headers: dict[Text, Text] = Field(default_factory=dict)
    items: Text | None = None
    auth: Annotated[TokenAuth | SignatureAuth, Field(discriminator="kind")] | None = None
    page: Annotated[NumberedPages | OffsetPages | LinkedPages | CursorPages, Field(discriminator="by")] | None = None
    rate_per_s: Seconds = 5.0
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    timeout_s: Seconds = 30.0
    answer_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    run_s: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    max_bytes: Annotated[int, Field(ge=1024, le=256 << 20)] = 32 << 20
    ca_file: Text | None = None

    @model_validator(mode="after")
    def _safe(self) -> Self:
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError("url is not a URL 网址有误") from error
        if port == 0 or not host or parts.username is not None or parts.fragment:
            raise ValueError("url names a host, and neither user nor fragment 网址须有主机，不含用户和片段")
        if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
            raise ValueError("url begins with https://; http:// only on this machine itself http 仅限本机")
        if self.rate_per_s == 0 or self.timeout_s == 0:
            raise ValueError("rate_per_s and timeout_s are above 0 须大于零")
        for name in self.headers:
            if not _HEADER.fullmatch(name) or name.lower() in {"authorization", "host", "signature", "signature-input"}:
                raise ValueError(f"headers: {name} is not one that may be set here 此请求头不能在此设置")
        return self


def _rate(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not 0 < value < 10**6:
        raise ValueError("yuan for one unit of the currency are expected, a number above 0 without quotes 应为折合人民币元的汇率，不加引号")
    return Decimal(value)


Rate = Annotated[Decimal, PlainValidator(_rate)]
Year = Annotated[str, StringConstraints(pattern=r"^(19|20|21)[0-9]{2}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,5}$")]


def _uscc(code: str) -> str:
    try:
        check_uscc(code)
    except SubjectError as error:
        raise ValueError(str(error)) from error
    return code


class SingleWindowSource(Part):
    """The folders of the customs import client. ``dialect``: whose table of channel codes its receipts follow. ``rates``: year -> currency -> yuan
    for one unit of it; where it is left out, no value in yuan is given. ``traders``: the codes for which this client declares; others' declarations
    are quarantined. It may be left out where a node reads one client alone."""

    kind: Literal["single-window"]
    folder: Text
    dialect: Literal["a", "b", "c", "d"]
    rates: dict[Year, dict[Currency, Rate]] | None = None
    traders: Annotated[tuple[Annotated[str, AfterValidator(_uscc)], ...], Field(min_length=1)] | None = None
    quiet_s: Seconds = 3.0


Source = Annotated[CsvSource | XlsxSource | SqlSource | HttpSource | SingleWindowSource, Field(discriminator="kind")]
