"""Writes the JSON Schemas of statements and receipts from the code's own models: ``python docs/specs/schemas/generate.py``.

The other schemas in this folder are written by hand. tests/unit/test_schemas.py fails when a file is not what this makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from scoring.release.receipt import Receipt
from scoring.statements import BY_KIND, LOGGED, Leaf

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent


def statements_schema() -> dict[str, Any]:
    """One schema for every statement's payload: ``properties`` by kind, definitions shared. Leaves are ``#/$defs/Leaf``."""
    models = [*BY_KIND.values(), Leaf]
    references, definitions = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    logged = {model.kind for model in LOGGED}
    kinds = {
        kind: {
            **references[model, "validation"],
            "description": f"payload type {model.payload_type()}; {'logged' if kind in logged else 'never logged'}",
        }
        for kind, model in sorted(BY_KIND.items())
    }
    return {
        "$schema": DIALECT,
        "title": "Statements of the exchange, by kind",
        "type": "object",
        "properties": kinds,
        "additionalProperties": False,
        "$defs": definitions["$defs"],
    }


def receipt_schema() -> dict[str, Any]:
    """Schema of a receipt."""
    return {"$schema": DIALECT, **Receipt.model_json_schema()}


def generated() -> dict[str, str]:
    """File name -> exact text of every generated schema."""
    made = {"statements.json": statements_schema(), "receipt.json": receipt_schema()}
    return {name: json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n" for name, schema in made.items()}


if __name__ == "__main__":
    for name, text in generated().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
