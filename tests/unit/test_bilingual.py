"""Officials read what is wrong with a model, a public fact or what a source gives: every sentence that says so has Chinese beside English. Looks
at the program's text, computes nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODELS_AND_FACTS = (
    "scoring/indicators",
    "scoring/notation",
    "scoring/rules",
    "nodes/commands/models",
    "nodes/packs.py",
    "scoring/disclosure/countersigning.py",
    "scoring/enterprises",
)
SOURCES = ("connectors", "nodes/records/keeping.py", "nodes/records/sources.py", "nodes/commands/departments/mapping_check.py")
FOR_PROGRAMMERS = {
    "the opened value is impossible under the model",  # an opening's fault, told by its reason
    " is a gate: ask Model.input_bounds with the functional",
    " is not a gate of functional ",
    "only tables have keys",
}
IN_A_FIELD_OF_ITS_OWN = {
    "unknown channel code",
    "unknown channel code ",
    "taken by the single window",
    "refused by the single window",
    "declarations that differ were sent under the same number; the one signed last counts",
    "one declaration has several SeqNo: a client number was used again",
}
"""English whose Chinese is shown by itself."""
WORDS, CHINESE = re.compile(r"[a-z]+ [a-z]+ [a-z]+"), re.compile("[一-龥]")


@pytest.mark.parametrize("place", MODELS_AND_FACTS)
def test_what_is_wrong_with_a_model_or_a_public_fact_is_said_in_chinese_too(place: str) -> None:
    check(place, _raised)


@pytest.mark.parametrize("place", SOURCES)
def test_why_a_source_is_not_read_is_said_in_chinese_too(place: str) -> None:
    check(place, _written)


def check(place: str, said_in: Callable[[ast.Module], Iterator[str]]) -> None:
    path = ROOT / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    said = {text for file in files for text in said_in(ast.parse(file.read_text(encoding="utf-8")))}
    assert any(map(CHINESE.search, said))  # the sources still speak in the forms that are looked for
    assert {text for text in said if WORDS.search(text) and not CHINESE.search(text)} <= FOR_PROGRAMMERS | IN_A_FIELD_OF_ITS_OWN


def _raised(tree: ast.Module) -> Iterator[str]:
    """The texts of errors that are raised or made, and the last of each tuple that a check yields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from map(_text, node.exc.args)
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            yield _text(node.value.elts[-1])


def _written(tree: ast.Module) -> Iterator[str]:
    """Every text but docstrings: a reason may be raised, yielded with a row, or kept until the row ends."""
    inner: set[int] = set()
    for node in ast.walk(tree):  # what holds a text comes before the text
        if id(node) in inner:
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            inner.update(map(id, ast.walk(node)))
            yield _text(node)


def _text(node: ast.expr) -> str:
    return "".join(part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))
