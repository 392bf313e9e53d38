"""The test's side of ``hook/sitecustomize``: gives processes their faults, and tells which durable writes a program has."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

HOOK = Path(__file__).parent / "hook"
ROOT = Path(__file__).parents[3]
EVERY = "every"
Moment = Literal["before", "after"]
_WRITERS = {"write_private": ("file", "directory"), "write_public": ("file", "directory"), "sync_directory": ("directory",), "writing": ("commit",)}


class Orders:
    """Orders in ``directory`` for every process that is started while they are in the environment."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for name in ("clock", "fail", "kill", "killed", "lives", "by-chance"):
            (directory / name).mkdir(parents=True)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Orders:
        """Have processes that are started from here on obey."""
        monkeypatch.setenv("FAULTS_DIR", str(self._directory))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(HOOK), os.environ.get("PYTHONPATH", "")))))
        return self

    def clock(self, process: str, ahead_s: int) -> None:
        """From its next start on, the wall clock of ``process`` is ``ahead_s`` seconds ahead."""
        (self._directory / "clock" / process).write_text(str(ahead_s))

    @contextmanager
    def failing(self, process: str, step: str, code: int, moment: Moment = "before") -> Iterator[None]:
        """While the block runs, ``step`` of ``process`` fails with errno ``code``, before or after it took effect."""
        with _order(self._directory / "fail" / process, json.dumps({step: (code, moment)})):
            yield

    @contextmanager
    def killing(self, process: str = EVERY) -> Iterator[None]:
        """While the block runs, ``process`` (or every one) is killed before and after each durable write where nobody was killed yet."""
        with _order(self._directory / "kill" / process, ""):
            yield

    @contextmanager
    def killing_by_chance(self, seed: int, chance: float) -> Iterator[None]:
        """Processes started in the block are killed at a durable write with this chance, as ``seed`` decides."""
        with _order(self._directory / "kill-by-chance", f"{seed} {chance}"):
            yield

    def kill_only(self, step: str, moment: Moment) -> None:
        """Mark every other step of a killing as done: only (``step``, ``moment``) will kill."""
        for other in durable_writes():
            for when in ("before", "after"):
                if (other, when) != (step, moment):
                    (self._directory / "killed" / f"{other} {when}".replace("/", ".")).touch()

    def killed(self) -> set[tuple[str, str]]:
        """(step, before or after) at which a process was killed."""
        return {_step_of(path.name) for path in (self._directory / "killed").iterdir()}

    def killed_by_chance(self) -> int:
        """How many times a process was killed by chance."""
        return len(list((self._directory / "by-chance").iterdir()))


def _step_of(name: str) -> tuple[str, str]:
    module, _, rest = name.partition(":")
    function, _, moment = rest.rpartition(" ")
    return f"{module.replace('.', '/')}:{function}", moment


@contextmanager
def _order(path: Path, text: str) -> Iterator[None]:
    whole = path.with_name(f".{path.name}")
    whole.write_text(text)
    whole.rename(path)
    try:
        yield
    finally:
        path.unlink()


def durable_writes(*modules: str) -> set[str]:
    """Every step of the program that makes something durable, read from its source; of ``modules`` (nodes/…) only, if any are named."""
    found = set()
    for folder in ("nodes", "gateway"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            module = path.relative_to(ROOT).with_suffix("").as_posix()
            if module.startswith(modules or ("nodes", "gateway")) and module not in {"nodes/runtime/database", "nodes/runtime/files"}:
                found |= set(_steps(module, ast.parse(path.read_text(encoding="utf-8")), ()))
    return found


def _steps(module: str, node: ast.AST, within: tuple[str, ...]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        inside = within
        if isinstance(child, ast.ClassDef):
            inside = (*within, child.name)
        elif isinstance(child, ast.FunctionDef | ast.Lambda):
            outer = (*within, "<locals>") if within and within[-1].islower() and not isinstance(node, ast.ClassDef) else within
            inside = (*outer, child.name if isinstance(child, ast.FunctionDef) else "<lambda>")
        elif isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id in _WRITERS:
            for kind in _WRITERS[child.func.id]:
                yield f"{module}:{'.'.join(within)} {kind}"
        yield from _steps(module, child, inside)
