"""Small packs by the shape of what they disclose: indicators with owner, rule and weight; functionals over dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scoring.indicators.model import Model, load_pack
from tests.oracles import small_pack

ALL = ["authority", "bank", "enterprise"]


def tiers(*points: float) -> dict[str, Any]:
    """A rule with these points and 0."""
    bounds = [{"at_least": 10 * place, "points": value} for place, value in enumerate(points, start=1)]
    return {"kind": "tiers", "of": "x", "tiers": bounds[::-1], "otherwise": 0}


def linear(points: float) -> dict[str, Any]:
    """A rule that gives every hundredth up to ``points``."""
    return {"kind": "linear", "of": "x", "reference": 100, "points": points}


def item(department: str, rule: Mapping[str, Any], weight: Any = 1, **more: Any) -> dict[str, Any]:
    """One indicator of a department; dimension ``one`` unless said otherwise."""
    points = [tier["points"] for tier in rule["tiers"]] if rule["kind"] == "tiers" else [rule["points"]]
    return {"department": department, "rule": dict(rule), "weights": weight, "bounds": [min(0, *points), max(0, *points)]} | more


def document(
    indicators: Mapping[str, Mapping[str, Any]],
    functionals: Mapping[str, Mapping[str, Any]] | None = None,
    version: str = "1",
    stages: Sequence[str] = ("all",),
    exposures: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A pack of these indicators. Each reads a field of its own, ``x_<indicator>``, or the one that it names by ``field``; the stages' axis is
    ``x_<department>`` of the first department. ``total`` is disclosed to everyone."""
    found = small_pack.document()
    title, notes = small_pack.TITLE, [{"of": ["name", "rule", "weights"], "status": small_pack.MADE_UP}]
    departments = list(dict.fromkeys(spec["department"] for spec in indicators.values()))
    found["records"] = {
        f"of-{name}": {
            "title": title,
            "owner": {"department": name, "level": "city"},
            "fields": {f"x_{name}": {"title": title, "type": "decimal"}}
            | {_field(key, spec): {"title": title, "type": "decimal"} for key, spec in indicators.items() if spec["department"] == name},
        }
        for name in departments
    }
    given = dict(functionals or {})
    given.setdefault("total", {"disclosed_to": ALL})
    found["functionals"] = {name: {"title": title} | dict(spec) for name, spec in given.items()}
    found["indicators"] = {}
    for name, spec in indicators.items():
        rule = spec["rule"] | {"of": _field(name, spec)}
        kept = {key: value for key, value in spec.items() if key not in {"department", "rule", "field"}}
        shape = {"title": title, "dimension": "one", "record": f"of-{spec['department']}", "definition": title, "provenance": notes}
        found["indicators"][name] = shape | {"rule": rule} | kept
    found["dimensions"] = dict.fromkeys((entry["dimension"] for entry in found["indicators"].values()), title)
    axis = f"x_{departments[0]}"
    bands = {stages[0]: {}} if len(stages) == 1 else {
        name: {axis: ({"from": 10 * place} if place else {}) | ({"below": 10 * place + 10} if place < len(stages) - 1 else {})}
        for place, name in enumerate(stages)
    }  # fmt: skip
    found["staging"] = {
        "owner": {"department": departments[0], "level": "city"},
        "default": stages[0],
        "axes": [axis] if len(stages) > 1 else [],
        "stages": {name: {"title": title, "on": on} for name, on in bands.items()},
    }
    found["exposures"] = list(exposures)
    found["version"] = version
    del found["products"], found["product_provenance"]
    return found


def model(indicators: Mapping[str, Mapping[str, Any]], functionals: Mapping[str, Mapping[str, Any]] | None = None, **more: Any) -> Model:
    """The pack of ``document``, loaded."""
    return load_pack(small_pack.to_bytes(document(indicators, functionals, **more)))


def plain(count: int, departments: Sequence[str] = ("tax", "science", "ip"), points: float = 10) -> dict[str, dict[str, Any]]:
    """``count`` linear indicators of weight 1, dealt out to the departments in turn."""
    return {f"i{place}": item(departments[place % len(departments)], linear(points)) for place in range(count)}


def _field(name: str, spec: Mapping[str, Any]) -> str:
    field: str = spec.get("field", f"x_{name}".replace("-", "_"))
    return field
