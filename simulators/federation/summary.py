"""What a person reads when a federated run has ended."""

from __future__ import annotations

from simulators.federation.run import FederationResult


def federation_summary(result: FederationResult) -> str:
    """The run in a few lines, Chinese beside English."""
    lines = ["", "信桥 Xinqiao: 各园区各有其密钥、模型、成员、日志; each zone with its own key, model, members and log:"]
    for zone in result.report["zones"]:
        audit, memory = zone["audit"], sum(process["pss_mb"] for process in zone["processes"])
        lines.append(
            f"  {zone['zone']:18} {zone['pack']:22} {zone['enterprises']:4} enterprises  {len(zone['processes']):3} processes  {memory:6.0f} MB  "
            f"audit 审计 {audit['verdict']}, {audit['tree_size']} leaves"
        )
    lines += ["", "园区之间 Between the zones:"] if result.cases else []
    lines += [f"  {'✓' if case.held else '✗'} {case.case:22} {case.outcome:14} {case.reason}" for case in result.cases]
    steps = [*result.report["steps"], *(step for zone in result.report["zones"] for step in zone["steps"])]
    lines += ["", f"{sum(step['seconds'] for step in steps):.0f} s in all. Everything that the run left is in {result.options.out}"]
    return "\n".join(lines)
