"""The people of a test's department, made once a run (scrypt is slow on purpose), and their page as an application."""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from html import unescape
from pathlib import Path

from fastapi.testclient import TestClient
from httpx import Response

from nodes.contributing.four_eyes.people import People, add_person
from nodes.department.desk.app import create_app
from nodes.department.desk.intake import Intake
from nodes.department.desk.outgoing import Outgoing
from nodes.runtime.peers.identity import SigningKeyPair
from tests.support.departments import Node

NAMES = ("li-wei", "wang-fang", "zhao-min")
BASE = "http://127.0.0.1:8460"
FORM = re.compile(r'name="form" value="([^"]+)"')


def password(name: str) -> str:
    return f"password of {name}"


@functools.cache
def _made() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="people-"))
    for name in NAMES:
        add_person(directory, name, {"li-wei": "李伟"}.get(name, ""), password(name))
    return directory


def people_in(directory: Path) -> People:
    """NAMES with their files in ``directory``, each under ``password(name)``."""
    shutil.copytree(_made(), directory)
    directory.chmod(0o700)
    return People(directory, NAMES)


@functools.cache
def key_of(name: str) -> SigningKeyPair:
    """The person's key, opened once a run."""
    return People(_made(), NAMES).unlock(name, password(name))


class Visitor:
    """A browser without scripts: keeps cookies, sends forms as pages give them."""

    def __init__(self, app: object, base: str = BASE) -> None:
        self.client = TestClient(app, base_url=base, follow_redirects=False)  # type: ignore[arg-type]
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Response:
        return self._kept(self.client.get(path, headers=self._headers(headers)))

    def post(self, path: str, data: dict[str, str | list[str]], **headers: str) -> Response:
        return self._kept(self.client.post(path, data=data, headers=self._headers(headers)))

    def sign_in(self, name: str, given: str = "") -> Response:
        return self.post("/sign-in", {"form": self.form("/sign-in"), "name": name, "password": given or password(name)})

    def form(self, path: str = "/outgoing") -> str:
        """The token in the forms of a page."""
        found = FORM.search(self.get(path).text)
        assert found, path
        return unescape(found[1])

    def decide(self, name: str, contributions: list[str], verdict: str = "approve", reason: str = "", given: str = "") -> Response:
        data: dict[str, str | list[str]] = {
            "form": self.form(), "contribution": contributions, "verdict": verdict, "reason": reason, "password": given or password(name),
        }  # fmt: skip
        return self.post("/decisions", data)

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        return {**cookie, **{name.replace("_", "-"): value for name, value in more.items()}}

    def _kept(self, response: Response) -> Response:
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        return response


def page_of(node: Node, people: People, intake: Intake, monotonic: object = None) -> object:
    """The page of ``node`` as an application."""
    outgoing = Outgoing(node.engine, node.summaries, node.four_eyes)
    clock = {} if monotonic is None else {"monotonic": monotonic}
    return create_app(node.name, people, node.four_eyes, outgoing, intake, **clock)  # type: ignore[arg-type]
