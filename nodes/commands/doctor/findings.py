"""What an examination of one process comes to: findings, each with what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nodes.runtime.peers.identity import Identity
from nodes.runtime.settings import NodeSettings
from scoring.statements import Registry

Level = Literal["ok", "warning", "error"]
ONCE = threading.Event()
"""Set: a call of an examination is tried once, since what fails is what it is after."""

ONCE.set()
MARKS: dict[Level, str] = {"ok": "✓", "warning": "!", "error": "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``check``: its kind; ``about``: which file, peer or key; ``action``: what to do, empty when all is well."""

    check: str
    about: str
    level: Level
    says: str
    action: str = ""

    def document(self) -> dict[str, str]:
        return {"check": self.check, "about": self.about, "level": self.level, "says": self.says, "action": self.action}

    def line(self) -> str:
        """For a person: the mark, what was found, and what to do below it."""
        action = f"\n    → {self.action}" if self.action else ""
        return f"{MARKS[self.level]} {self.check:12} {self.about}: {self.says}{action}"


@dataclass(frozen=True, slots=True)
class Case:
    """The process under examination: the role that runs it, its settings, and what could be read of its identity and its zone."""

    role: str
    settings: NodeSettings
    identity: Identity | None
    registry: Registry | None
    clock: Callable[[], float]

    @property
    def now(self) -> float:
        """Unix time by this machine's clock, at this moment: an examination takes its time."""
        return self.clock()

    @property
    def listens(self) -> bool:
        """Whether other members connect to it, so that its certificate has to serve."""
        return self.role in {"log", "coordinator", "gateway"}


def well(check: str, about: object, says: str) -> Finding:
    """All is well with it."""
    return Finding(check, str(about), "ok", says)


def soon(check: str, about: object, says: str, action: str) -> Finding:
    """It works, and will not for long, or not as it should."""
    return Finding(check, str(about), "warning", says, action)


def wrong(check: str, about: object, says: str, action: str) -> Finding:
    """It keeps the process from serving, or keeps others from trusting it."""
    return Finding(check, str(about), "error", says, action)


def files_below(directory: Path) -> Iterator[Path]:
    """Every file of a directory, however deep; links are not followed."""
    return (path for path in sorted(directory.rglob("*")) if not path.is_dir() or path.is_symlink())


def worst(findings: Iterable[Finding]) -> Level:
    """The gravest level among findings."""
    levels = {finding.level for finding in findings}
    return "error" if "error" in levels else "warning" if "warning" in levels else "ok"
