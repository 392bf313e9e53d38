"""A small pack to change: as a document, and as bytes. Shared by the tests of models."""

from __future__ import annotations

from typing import Any

import yaml

TITLE = {"zh": "名", "en": "name"}
MADE_UP = "illustrative"
OWNER = {"department": "tax", "level": "city"}


def indicator(rule: dict[str, Any], weights: Any = 1, bounds: Any = (0, 10), **more: Any) -> dict[str, Any]:
    """An indicator of record ``books`` in dimension ``one``."""
    notes = [{"of": ["name", "rule", "weights"], "status": MADE_UP}]
    plain = {"title": TITLE, "dimension": "one", "record": "books", "definition": TITLE, "rule": rule, "provenance": notes}
    return plain | {"weights": weights, "bounds": list(bounds)} | more


def gate(rule: dict[str, Any]) -> dict[str, Any]:
    """A gate of record ``books``."""
    notes = [{"of": ["name", "rule"], "status": MADE_UP}]
    return {"title": TITLE, "role": "gate", "record": "books", "definition": TITLE, "rule": rule, "provenance": notes}


def document() -> dict[str, Any]:
    """Two indicators, a gate and a product over one record, in two stages by the field ``size``."""
    number = {"title": TITLE, "type": "decimal", "signed": True}
    return {
        "format": "xinqiao/model/v1",
        "id": "small",
        "version": "1",
        "title": TITLE,
        "zone": "any",
        "valid_from": "2024-01-01",
        "records": {
            "books": {
                "title": TITLE,
                "owner": OWNER,
                "fields": {
                    **{name: dict(number) for name in ("size", "x", "y", "x_previous")},
                    "grade": {"title": TITLE, "type": "category", "values": ["A", "M", "B"]},
                    "listed": {"title": TITLE, "type": "flag"},
                    "items": {"title": TITLE, "type": "integer"},
                    "quiet_months": {"title": TITLE, "type": "months"},
                },
            }
        },
        "dimensions": {"one": TITLE},
        "staging": {
            "owner": OWNER,
            "default": "small",
            "axes": ["size"],
            "stages": {"small": {"title": TITLE, "on": {"size": {"below": 10}}}, "large": {"title": TITLE, "on": {"size": {"from": 10}}}},
        },
        "staging_provenance": [{"of": ["bands"], "status": MADE_UP}],
        "indicators": {
            "first": indicator({"kind": "linear", "of": "x", "reference": 100, "points": 10}, {"small": 3, "large": 0}),
            "second": indicator({"kind": "flag", "of": "listed", "points": -5}, {"small": 2, "large": 4}, (-5, 0)),
            "closed": gate({"kind": "tiers", "of": "longest_run(quiet_months)", "tiers": [{"at_least": 3, "points": 1}], "otherwise": 0}),
        },
        "functionals": {"total": {"title": TITLE, "gates": ["closed"], "disclosed_to": ["authority", "bank", "enterprise"]}},
        "products": {
            "line": {
                "title": TITLE,
                "functional": "total",
                "line": {"base": 500000, "slope": {"small": 1000, "large": 2000}, "floor": 500000, "cap": 900000, "round_to": 10000},
                "term_months": 12,
                "rate_rule": TITLE,
            }
        },
        "product_provenance": {"line": [{"of": ["line", "floor", "terms"], "status": MADE_UP}]},
    }


class _Dumper(yaml.SafeDumper):
    """Writes a shared part again instead of an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_bytes(pack: dict[str, Any]) -> bytes:
    """The pack as YAML."""
    text: str = yaml.dump(pack, Dumper=_Dumper, allow_unicode=True, sort_keys=False)
    return text.encode()
