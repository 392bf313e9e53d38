"""Indicator models of any width, to measure how cost grows with indicators. Made from a shipped pack; of no meaning."""

from __future__ import annotations

from copy import deepcopy

import yaml

DROPPED = {"products", "product_provenance", "qualification"}  # they name indicators and functionals that may be gone

Pairs = list[tuple[yaml.Node, yaml.Node]]


def widened(pack: bytes, indicators: int) -> bytes:
    """The pack with exactly ``indicators`` scored indicators: its own, repeated under new names as often as needed.

    Its gates, vetoes, stages and total stay as they are. Requires a well-formed pack.
    """
    document = yaml.compose(pack.decode(), Loader=yaml.SafeLoader)  # nodes, not values: every number stays as it is written
    assert isinstance(document, yaml.MappingNode)
    document.value = [(key, value) for key, value in document.value if key.value not in DROPPED]
    parts = {key.value: value for key, value in document.value}
    parts["id"].value += f"-{indicators}"
    parts["indicators"].value = _repeated(parts["indicators"].value, indicators)
    kept = {key.value for key, _ in parts["indicators"].value}
    if "exposures" in parts:
        parts["exposures"].value = [item for item in parts["exposures"].value if _named(item, "indicator") in kept]
    parts["functionals"].value = [(key, value) for key, value in parts["functionals"].value if key.value == "total"]
    return yaml.serialize(document, Dumper=yaml.SafeDumper, allow_unicode=True, encoding="utf-8")


def _named(node: yaml.MappingNode, name: str) -> str:
    return next(str(value.value) for key, value in node.value if key.value == name)


def _repeated(specs: Pairs, indicators: int) -> Pairs:
    scored = [(key, spec) for key, spec in specs if all(name.value != "role" for name, _ in spec.value)]
    others = [(key, spec) for key, spec in specs if (key, spec) not in scored]
    chosen: Pairs = []
    for place in range(indicators):
        key, spec = deepcopy(scored[place % len(scored)])
        key.value += f"-{place // len(scored)}" if place >= len(scored) else ""
        chosen.append((key, spec))
    return chosen + others
