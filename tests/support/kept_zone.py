"""A whole zone of real processes that is kept running, for browsers: where its pages are and who may sign in there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodes.runtime.clock import Timer
from tests.support.browser import Visit
from tests.support.commands import begun

READY_S, END_S = 400.0, 60.0


@dataclass
class KeptZone:
    """The demonstration's zone in ``out``, run by ``process``."""

    out: Path
    process: subprocess.Popen[str]

    @property
    def endpoints(self) -> dict[str, Any]:
        """The zone's endpoints.json."""
        found: dict[str, Any] = json.loads((self.out / "endpoints.json").read_text(encoding="utf-8"))
        return found

    def password(self, name: str) -> str:
        """Of one of the demonstration's people."""
        accounts = json.loads((self.out / "accounts.json").read_text(encoding="utf-8"))
        return str(next(account["password"] for account in accounts if account["name"] == name))

    def sign_in(self, visit: Visit, name: str) -> None:
        """Sign in by the page's own form, in Chinese."""
        visit.open("/sign-in")
        visit.page.get_by_label("姓名代号").fill(name)
        visit.page.get_by_label("密码").fill(self.password(name))
        visit.page.get_by_role("main").get_by_role("button", name="登录").click()
        assert not visit.page.url.endswith("/sign-in"), visit.page.content()

    def end(self) -> tuple[str, str]:
        """Ask the zone to end; what it wrote."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=END_S)


@contextmanager
def kept_zone(out: Path, *options: str) -> Iterator[KeptZone]:
    """``xinqiao demo --keep-running`` in ``out``, which must be absent: its pages answer. No process of it outlives the block."""
    command = (sys.executable, "-m", "xinqiao", "demo", "--keep-running", "--key-bits", "2048", "--out", out, "--json", *options)
    with begun(*command) as process:
        timer = Timer(READY_S)
        while not (out / "gateway.url").exists():
            assert process.poll() is None, process.communicate()[1][-4000:]
            assert timer.left_s() > 0
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        yield KeptZone(out, process)
