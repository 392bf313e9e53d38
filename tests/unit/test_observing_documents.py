"""The table of metrics is what the program has, and the alert rules are rules over it that can be evaluated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from nodes.runtime.observing import metrics

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "specs" / "observing.md").read_text(encoding="utf-8")
ROWS = {
    name: (kind, set(filter(None, labels.split(", ")))) for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\|", TABLE, re.M)
}
GROUPS: list[dict[str, Any]] = yaml.safe_load((ROOT / "docs" / "observing" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
SAMPLES = {name + suffix: name for name, (kind, _) in ROWS.items() for suffix in SUFFIXES[kind]}
SOURCE = "\n".join(path.read_text(encoding="utf-8") for folder in ("nodes", "gateway") for path in (ROOT / folder).rglob("*.py"))
ADDED = {"instance", "job", "le"}  # by Prometheus


def test_the_table_has_every_counter_and_histogram_with_its_labels_and_no_other() -> None:
    kept: dict[str, tuple[str, set[str]]] = {}
    for collector in vars(metrics).values():
        if isinstance(collector, Counter | Gauge | Histogram):
            (family,) = collector.describe()
            kept[f"{family.name}_total" if family.type == "counter" else family.name] = (family.type, set(collector._labelnames))
    read_when_asked = re.findall(r'gauges?\.gauge\(\s*"(xinqiao_\w+)"', SOURCE)
    labelled = re.findall(r'gauges\.gauges\(\s*"(xinqiao_\w+)",\s*"[^"]*",\s*"(\w+)"', SOURCE)
    kept |= {name: ("gauge", set()) for name in read_when_asked} | {name: ("gauge", {label}) for name, label in labelled}
    assert kept == ROWS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_a_query_over_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "action"}
    if "for" in rule:
        assert re.fullmatch(r"[0-9]+[smhd]", rule["for"])
    selectors = list(_selectors(promql_parser.parse(rule["expr"])))
    assert selectors
    for selector in selectors:
        if selector.name == "up":
            continue
        labels = ROWS[SAMPLES[selector.name]][1]
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels | ADDED
        for matcher in selector.matchers.matchers:
            if matcher.name == "event":
                assert all(f'"{event}"' in SOURCE for event in matcher.value.split("|")), matcher.value
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert shown <= ADDED.union(*(ROWS[SAMPLES[item.name]][1] for item in selectors if item.name != "up"))


def test_no_two_rules_have_one_name() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))


def _selectors(node: Any) -> Any:
    """All vector selectors of an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        below = getattr(node, part, None)
        if below is not None and not isinstance(below, str):
            yield from _selectors(below)
    for below in getattr(node, "args", None) or []:
        yield from _selectors(below)
