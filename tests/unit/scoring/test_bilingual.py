"""Officials read what is wrong with a model: every sentence that says so has Chinese beside English. Looks at the sources, computes nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
READ_BY_OFFICIALS = (
    "scoring/indicators",
    "scoring/notation",
    "scoring/rules",
    "nodes/commands/models",
    "nodes/packs.py",
    "scoring/disclosure/countersigning.py",
)
FOR_PROGRAMMERS = {
    "the opened value is impossible under the model",  # an opening's fault, told by its reason
    " is a gate: ask Model.input_bounds with the functional",
    " is not a gate of functional ",
}
WORDS, CHINESE = re.compile(r"[a-z]+ [a-z]+ [a-z]+"), re.compile("[一-龥]")


@pytest.mark.parametrize("place", READ_BY_OFFICIALS)
def test_what_is_wrong_with_a_model_is_said_in_chinese_too(place: str) -> None:
    path = ROOT / place
    said = {text for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path]) for text in _said(ast.parse(file.read_text(encoding="utf-8")))}
    assert said  # the sources still speak in the forms that are looked for
    assert {text for text in said if WORDS.search(text) and not CHINESE.search(text)} <= FOR_PROGRAMMERS


def _said(tree: ast.Module) -> Iterator[str]:
    """The texts of errors that are raised or made, and the last of each tuple that a check yields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from map(_text, node.exc.args)
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            yield _text(node.value.elts[-1])


def _text(node: ast.expr) -> str:
    return "".join(part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))
