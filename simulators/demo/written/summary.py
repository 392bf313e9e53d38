"""What a person reads when a run has ended."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from nodes.runtime.files import read_private
from simulators.demo.run import DemoResult
from simulators.zone.configs import read_endpoints

_DEVELOPMENT = ": enough for development only (--witnesses 3)"


def people_text(directory: Path) -> str:
    """Who may sign in to which page of the zone in ``directory``: addresses, names, passwords."""
    endpoints = read_endpoints(directory)
    accounts = json.loads(read_private(directory / "accounts.json"))
    addresses = {"gateway": endpoints["gateway"], **endpoints["bank"]}
    lines = ["账号 Accounts, invented, with passwords made for this run:"]
    lines += [
        f"  {addresses.get(each['process'], endpoints['enterprise_pages']):26} {each['name']:20} {each['password']:18} {each['title']}"
        for each in accounts
    ]
    return "\n".join(lines)


def summary(result: DemoResult) -> str:
    """The run in a few lines, Chinese beside English."""
    sources = [f"{item['member']} {item['kind']}" for item in result.report["systems"]]
    lines = [
        "",
        f"信桥 Xinqiao: {result.report['zone']}, {result.report['pack']}, {result.enterprises} enterprises, {result.report['key_bits']}-bit key, "
        f"{len(result.report['processes'])} processes",
        f"部门系统 Read through connectors: {', '.join(sources)}",
        *_banks_part(result),
    ]
    total = next(value for value in result.portrait["values"] if value["name"] == "total")
    indicators = sum(value["kind"] == "indicator" for value in result.portrait["values"])
    lines += [
        "",
        f"企业所得 What one enterprise opened of its own: total {total['hundredths'] / 100:.2f}, points of {indicators} indicators (portrait.json)",
    ]
    drawn = [item for draw in result.draw.get("draws", []) for item in draw["items"]]
    agree, records = sum(item["outcome"] == "AGREES" for item in drawn), sum(item["subjects"] for item in drawn)
    lines += ["", f"抽查 Drawn by lot and opened to the auditor: {agree} of {len(drawn)} ciphertexts agree with {records} records of the departments"]
    findings = len(result.audit.get("findings", []))
    lines += ["", f"审计结论 Auditor's verdict: {result.audit.get('verdict')} ({result.audit.get('tree_size')} leaves, {findings} findings)"]
    plan = result.options.plan
    note = _DEVELOPMENT if plan.development else ""
    lines += [f"见证 Witnesses: {plan.witnesses_required} of {len(plan.witness_members)} must sign{note}"]
    lines += ["篡改 Tampering was found:"]
    lines += [f"  {item['case']:12} exit code {item['exit_code']}  {item['reason']}" for item in result.tampering]
    seconds = sum(step["seconds"] for step in result.report["steps"])
    memory = sum(process["pss_mb"] for process in result.report["processes"])
    lines += [
        "",
        *_commands(result),
        f"{seconds:.0f} s in all, {memory:.0f} MB (sum of peak PSS). Everything that the run left is in {result.options.out}",
    ]
    return "\n".join(lines)


def _banks_part(result: DemoResult) -> list[str]:
    """What banks learned and what was refused them; nothing where no bank lends by the model."""
    served = result.report["coverage"]
    if served is None:
        return ["", "无银行产品 The model has no products: nobody but the authority and the enterprises learns anything"]
    lines = ["", "银行所得 What the banks learned, each with a receipt that anyone can verify:"]
    for item in result.receipts:
        percentile = item["percentile"] or "none"
        yuan = int(item["line_fen"] or 0) // 100
        score = f"stage {item['stage']}  total {item['total']:>7}  band {percentile:>7}  line {yuan:>11,} yuan"
        lines.append(f"  {item['bank']}  {item['subject'][:8]}…  {score}")
    lines += [
        "",
        f"授信覆盖面 Lines of {served['at_least_yuan']:,} yuan or more by {served['product']}: {100 * served['share']:.1f} % of {served['scored']} "
        "enterprises that are scored and not gated",
    ]
    lines += ["", "被拒绝的请求 Refused, each with its reason, and logged:"]
    return lines + [f"  {item['case']:12} {item['reason']:18} leaf {item['leaf_index']}" for item in result.refusals]


def _commands(result: DemoResult) -> list[str]:
    """How to check by hand what was left."""
    out, us = result.options.out, _called()
    receipts = [f"  {us} verify {out}/receipts/{item['receipt']}.json --keys {out}/public" for item in result.receipts[:1]]
    tables = f"  {out}/totals.csv, rankings.csv: what the authority knows"
    return ["自行核验 Check it yourself, with --out DIR to keep it:", *receipts, f"  {us} audit {out} --keys {out}/public", tables, ""]


def _called() -> str:
    """The program as the reader can call it from here: by its name, or as it was called for this run."""
    called = sys.argv[0]
    return "xinqiao" if shutil.which("xinqiao") or Path(called).name != "xinqiao" else called
