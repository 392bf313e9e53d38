"""How fast a department's CSV becomes records, through a mapping with every type of field; what stores them is not measured here."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from connectors.connect import open_connector
from crypto.subjects import CHARSET, make_uscc
from simulators.benchmarks.rows import Figure

ROWS, QUICK_ROWS = 200_000, 20_000
TARGET_PER_S, TARGET_MB = "≥16667", "≤300"  # a million in a minute
MAPPING = """\
format: xinqiao/connector/v1
id: bench
title: {zh: 基准, en: benchmark}
source: {kind: csv, folder: ., pattern: "*.csv", encoding: gb18030, quiet_s: 0}
keys: {uscc: 统一社会信用代码, period: {column: 所属年度, as: year}}
valid_from: {column: 申报日期, as: date}
fields:
  revenue: {column: 营业收入(万元), type: amount, unit: 10k-yuan, to: yuan}
  insured_staff: {column: 参保人数, type: integer}
  credit_grade: {column: 信用等级, type: category, values: {A级: A, B级: B}}
  court_enforced: {column: 被执行人, type: flag, "true": [是], "false": [否]}
  zero_filing_months: {column: 零申报月份, type: months, separator: "、"}
  company: {column: 企业名称, type: text}
"""
NAMES = "统一社会信用代码,所属年度,申报日期,营业收入(万元),参保人数,信用等级,被执行人,零申报月份,企业名称"


def run(quick: bool) -> list[Figure]:
    """Reads a table in a process of its own, whose memory tells whether rows are streamed. Takes about 8 s, a tenth of it when quick."""
    rows = QUICK_ROWS if quick else ROWS
    with tempfile.TemporaryDirectory(prefix="xinqiao-bench-") as directory:
        mapping = Path(directory) / "bench.yaml"
        mapping.write_text(MAPPING, encoding="utf-8")
        (mapping.parent / "bench.csv").write_text("\n".join([NAMES, *map(_line, range(rows))]), encoding="gb18030")
        command = [sys.executable, "-m", __name__, str(mapping), str(rows)]
        read = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, peak_mb = map(float, read.stdout.split())
    return [
        Figure(f"tables: {rows:,} rows of CSV into records, nine columns", rows / seconds, "/s", "" if quick else TARGET_PER_S),
        Figure("tables: peak memory of the process that reads them", peak_mb, "MB", "" if quick else TARGET_MB),
    ]


def read_all(mapping: Path, rows: int) -> None:
    """Read the table and print seconds and peak memory in MB. Raises RuntimeError when not every row became a record."""
    start = time.perf_counter()
    found = sum(1 for delivery in open_connector(mapping).deliveries("") for _ in delivery.items())
    seconds = time.perf_counter() - start
    if found != rows:
        raise RuntimeError(f"{found} of {rows} rows")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def _line(place: int) -> str:
    organisation = "MA" + "".join(CHARSET[place // 31**digit % 31] for digit in range(6))
    code = make_uscc("9", "1", "330108", organisation)
    since, revenue = f"2024年{place % 12 + 1}月{place % 28 + 1}日", f'"{place * 37 % 10**8 / 100:,.2f}"'
    grade, enforced, months = f"{'AB'[place % 2]}级", "是否"[place % 3 > 0], "2023年1月、2023年2月" if place % 50 == 0 else ""
    return f"{code},2023年,{since},{revenue},{place % 500},{grade},{enforced},{months},浙江某某科技有限公司{place}"


if __name__ == "__main__":
    read_all(Path(sys.argv[1]), int(sys.argv[2]))
