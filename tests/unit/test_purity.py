"""crypto/ and scoring/ compute and judge; they touch no file, clock, network or generator, not even through a builtin or a method."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = sorted(path for folder in ("crypto", "scoring") for path in (ROOT / folder).rglob("*.py"))
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint", "__import__"}
FORBIDDEN_METHODS = {
    "now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes", "urandom", "token_bytes", "getrandbits", "randbelow",
}  # fmt: skip


def impure_calls(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func
            if isinstance(name, ast.Name) and name.id in FORBIDDEN_CALLS:
                found.append(f"{node.lineno}: {name.id}()")
            if isinstance(name, ast.Attribute) and name.attr in FORBIDDEN_METHODS:
                found.append(f"{node.lineno}: .{name.attr}()")
    return found


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_is_pure(path: Path) -> None:
    assert impure_calls(path.read_text(encoding="utf-8")) == []


def test_impurity_would_be_found() -> None:
    assert impure_calls("open('x')\ndatetime.now()\nprint(1)") == ["1: open()", "2: .now()", "3: print()"]
