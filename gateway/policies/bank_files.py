"""Files between the authority and its bank: payment orders out as UTF-8 CSV, the bank's answer in as CSV or XLSX, amounts in yuan [O6]."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import islice

from connectors.errors import ConnectorError
from connectors.files.xlsx_rows import UPLOADED_BYTES, read_xlsx
from connectors.outside import cell_text
from scoring.policies.accounts import Outcome, yuan
from scoring.policies.claims import Claim
from scoring.policies.errors import PolicyFormatError

ORDERS = ("批次号", "序号", "业务编号", "收款人", "开户行", "账号", "金额（元）", "用途")
ANSWER = ("批次号", "业务编号", "金额（元）", "结果", "流水号或原因")
RESULTS = {"成功": "paid", "失败": "returned"}
TOTAL = "合计"
_AMOUNT_AT = ANSWER.index("金额（元）")
MAX_BYTES, MAX_LINES = 4 << 20, 20_000
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,12})\.([0-9]{2})")


def orders(file: str, claims: Sequence[Claim], purpose: str) -> bytes:
    """The payment orders of a bank file, in the order of ``claims``, with a line of their number and sum. Requires a payee of each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(ORDERS)
    for place, claim in enumerate(claims, 1):
        assert claim.payee is not None  # it confirmed or filed with its account
        payee = claim.payee
        writer.writerow([file, place, claim.id, payee.name, payee.bank, payee.account, yuan(claim.amount_fen), cell_text(purpose)])
    writer.writerow([file, len(claims), TOTAL, "", "", "", yuan(sum(claim.amount_fen for claim in claims)), ""])
    return text.getvalue().encode()


def ordered(content: bytes) -> list[str]:
    """The claims of a bank file that ``orders`` made, in its order."""
    return [line[2] for line in csv.reader(io.StringIO(content.decode())) if line[2] not in {ORDERS[2], TOTAL}]


def answer(content: bytes, file: str) -> list[Outcome]:
    """What a bank's answer to ``file`` says. Raises PolicyFormatError, naming the line and what would be right: nothing is guessed."""
    if len(content) > MAX_BYTES:
        raise PolicyFormatError(f"a bank's answer has at most {MAX_BYTES} bytes")
    lines = _of_workbook(content) if content.startswith(b"PK\x03\x04") else _of_csv(content)
    if not lines or tuple(cell.strip() for cell in lines[0][: len(ANSWER) + 1]) != ANSWER:
        raise PolicyFormatError(f"line 1: the columns are {', '.join(ANSWER)}")
    if len(lines) > MAX_LINES:
        raise PolicyFormatError(f"a bank's answer has at most {MAX_LINES} lines")
    return [_outcome(place, [cell.strip() for cell in line], file) for place, line in enumerate(lines[1:], 2) if any(line)]


def _of_csv(content: bytes) -> list[list[str]]:
    try:
        return list(islice(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True), MAX_LINES + 1))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PolicyFormatError("a bank's answer is a workbook, or a CSV file in UTF-8") from error


def _of_workbook(content: bytes) -> list[list[str]]:
    """The rows of the only sheet, with the zeros that a spreadsheet leaves out of amounts; what follows the most lines is not unpacked."""
    lines: list[list[str]] = []
    try:
        for row in islice(read_xlsx(io.BytesIO(content), None, UPLOADED_BYTES), MAX_LINES + 1):
            if row.fault:
                raise PolicyFormatError(f"line {row.number}: {row.fault}")
            cells = [*row.cells, *[""] * (len(ANSWER) - len(row.cells))]
            whole, _, rest = cells[_AMOUNT_AT].strip().partition(".")
            if lines and whole.isdigit() and len(rest) < 2:
                cells[_AMOUNT_AT] = f"{whole}.{rest:0<2}"
            lines.append(cells)
    except ConnectorError as error:
        raise PolicyFormatError(f"the workbook cannot be read: {error}") from error
    return lines


def _outcome(place: int, cells: Sequence[str], file: str) -> Outcome:
    if len(cells) != len(ANSWER):
        raise PolicyFormatError(f"line {place}: {len(ANSWER)} columns are expected, it has {len(cells)}")
    batch, claim, amount, result, reference = cells
    match = _AMOUNT.fullmatch(amount)
    if batch != file:
        raise PolicyFormatError(f"line {place}: it answers batch {batch!r}, not {file}")
    if match is None:
        raise PolicyFormatError(f"line {place}: an amount in yuan with two decimals is expected, such as 20000.00")
    if result not in RESULTS:
        raise PolicyFormatError(f"line {place}: the result is {' or '.join(RESULTS)}")
    return Outcome(claim, int(match[1]) * 100 + int(match[2]), "paid" if RESULTS[result] == "paid" else "returned", reference[:200])
