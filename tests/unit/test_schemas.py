"""The published JSON Schemas are well-formed and in step with the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from scoring.statements import BY_KIND, Leaf, Refusal

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "specs" / "schemas"
GENERATED = ("receipt.json", "statements.json")


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.json")))
def test_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


def test_generated_schemas_are_what_the_code_gives(tmp_path: Path) -> None:
    copy = tmp_path / "generate.py"
    copy.write_bytes((FOLDER / "generate.py").read_bytes())
    subprocess.run([sys.executable, copy], check=True, cwd=ROOT, timeout=60)
    for name in GENERATED:
        assert (tmp_path / name).read_text(encoding="utf-8") == (FOLDER / name).read_text(encoding="utf-8"), "run make schemas"


def test_statements_schema_covers_every_kind_and_accepts_what_the_code_writes() -> None:
    whole = schema("statements.json")
    assert set(whole["properties"]) == set(BY_KIND)
    refusal = Refusal(zone="z", nonce="0" * 32, member="bank-a", reason="CONSENT_MISSING")
    Draft202012Validator(whole).validate({"refusal": json.loads(refusal.payload())})
    leaf = {**whole, "properties": {"leaf": {"$ref": "#/$defs/Leaf"}}}
    Draft202012Validator(leaf).validate({"leaf": json.loads(Leaf(kind="refusal", actor="bank-a", time=1, digest="0" * 64).to_bytes())})


def test_the_schema_of_a_federation_has_every_case_and_outcome_that_a_run_writes() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "simulators" / "federation").glob("*.py"))
    written = re.findall(r'Case\(\s*"(\w+)",\s*"([\w ]+)"(?: if held else "(\w+)")?', sources)
    item = schema("federation.json")["items"]["properties"]
    assert {case for case, _, _ in written} == set(item["case"]["enum"])
    assert {word for _, *words in written for word in words if word} == set(item["outcome"]["enum"])


@pytest.mark.parametrize("change", [{"reason": "lower case"}, {"nonce": "00"}, {"extra": 1}, {"v": 2}])
def test_statements_schema_refuses_what_the_code_refuses(change: dict[str, object]) -> None:
    refusal = Refusal(zone="z", nonce="0" * 32, member="bank-a", reason="CONSENT_MISSING")
    with pytest.raises(ValidationError):
        Draft202012Validator(schema("statements.json")).validate({"refusal": {**json.loads(refusal.payload()), **change}})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("key.json", {"format": "xinqiao/public-key/v1", "bits": 3072, "n": "c0ffee", "h": "ab"}, {"n": "0xc0ffee"}),
        ("refusals.json", [{"case": "replay", "status": 409, "reason": "REQUEST_REPLAYED", "leaf_index": 7}], None),
        ("federation.json", [{"case": "zone_killed", "outcome": "served", "reason": "at 2 peers", "command": "xinqiao audit"}], None),
        ("tampering.json", [{"case": "tile_bit", "command": "xinqiao audit log", "exit_code": 1, "reason": "TILE"}], None),
    ],
)
def test_hand_written_schema_tells_good_from_bad(name: str, good: Any, bad: dict[str, object] | None) -> None:
    validator = Draft202012Validator(schema(name))
    validator.validate(good)
    broken = {**good, **bad} if bad else [{**good[0], "reason": 5}]
    with pytest.raises(ValidationError):
        validator.validate(broken)
