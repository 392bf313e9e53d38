"""The people of a test's department, made once a run (scrypt is slow on purpose), and their page as an application."""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

from fastapi.testclient import TestClient
from httpx import Response

from crypto.keygen import PrivateKey
from nodes.contributing.four_eyes.book import Policy
from nodes.contributing.four_eyes.people import People, add_person
from nodes.department.desk.app import create_app
from nodes.department.desk.intake import Feed, Intake, SetAside
from nodes.department.desk.outgoing import Outgoing
from nodes.runtime.pages.entrance import Attempts
from nodes.runtime.pages.language import ENGLISH
from nodes.runtime.pages.site import LANGUAGE_COOKIE
from nodes.runtime.peers.identity import SigningKeyPair
from scoring.statements import Title
from simulators.population import firm_panel
from simulators.population.tables import Population
from tests.support.databases import database_in
from tests.support.departments import EPOCH, MEMBER_OF, DepartmentZone, Exchange, Node, columns_asked
from tests.support.ledger import Ledger

NAMES = ("li-wei", "wang-fang", "zhao-min")
PAGES = ("/outgoing", "/coverage", "/values", "/quarantine", "/connectors")
HOSTILE = '<script>alert("杭州")</script><img src=x onerror=alert(1)>'
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
        self.client = TestClient(app, base_url=base, headers={"accept": "text/html"}, follow_redirects=False)  # type: ignore[arg-type]
        self.cookies = {LANGUAGE_COOKIE: ENGLISH}

    def get(self, path: str, **headers: str) -> Response:
        return self._kept(self.client.get(path, headers=self._headers(headers)))

    def post(self, path: str, data: dict[str, str | list[str]], **headers: str) -> Response:
        return self._kept(self.client.post(path, data=data, headers=self._headers(headers)))

    def sign_in(self, name: str, given: str = "") -> Response:
        return self.post("/sign-in", {"form": self.form("/sign-in"), "next": "", "name": name, "password": given or password(name)})

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


def page_of(node: Node, people: People, intake: Intake, directory: Path, time: Time) -> object:
    """The page of ``node`` as an application, with its sessions in ``directory``."""
    outgoing = Outgoing(node.engine, node.summaries, node.four_eyes)
    engine, title = database_in(directory, "pages"), Title(zh="某部门", en="a department")
    return create_app(
        node.name, title, engine, people, node.four_eyes, outgoing, intake, node.settling, lambda: int(time.now), Attempts(time)
    )  # fmt: skip


@dataclass
class OneIntake:
    """An intake that holds what a hostile deliverer could have written."""

    aside: list[SetAside] = field(default_factory=lambda: [SetAside(1, "tax-returns", HOSTILE, "7", "revenue", f"not a number: {HOSTILE}", HOSTILE)])

    def set_aside(self) -> Sequence[SetAside]:
        return self.aside

    def feeds(self) -> Sequence[Feed]:
        return [Feed("tax-returns", "csv", HOSTILE, "2026-11-25T12:00:00Z", "17", 3, 1, HOSTILE)]


@dataclass
class Time:
    """Monotonic seconds that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    node: Node
    people: People
    directory: Path
    time: Time
    app: object

    def visitor(self, base: str = BASE) -> Visitor:
        return Visitor(self.app, base)

    def signed_in(self, name: str = NAMES[0]) -> Visitor:
        visitor = self.visitor()
        assert visitor.sign_in(name).status_code == 303
        return visitor

    def held(self) -> list[str]:
        return [item.contribution for item in self.node.four_eyes.held() if item.state == "held"]

    def sent(self) -> int:
        self.node.flush()
        return len(self.node.exchange.sent("contribute"))


def opened_zone(private_key: PrivateKey, directory: Path) -> DepartmentZone:
    """An open epoch over thirty real firms, to which the intellectual property office has not contributed."""
    whole = firm_panel.load()
    firms = Population(whole.pack, whole.period, whole.owners, whole.firms[::24])
    ledger = Ledger(private_key)
    ledger.found()
    tables = {MEMBER_OF[table.member]: (table.columns, list(table.rows)) for table in firms.tables()}
    zone = DepartmentZone.build(ledger, directory, tables)
    zone.prepare()
    return zone


def desk_in(opened: DepartmentZone, directory: Path) -> Desk:
    """The intellectual property office under four eyes, its columns held, and its page."""
    ledger, people = opened.ledger.fork(), people_in(directory / "people")
    shutil.copytree(opened.nodes["ip"].root / "records", directory / "ip" / "records")
    node = Node(ledger, "ip", directory / "ip", Exchange(ledger, "ip", dict(opened.blobs)), policy=Policy(columns=True), people=people)
    node.do(columns_asked(ledger.view.at(ledger.view.epoch(EPOCH).open_index).envelope))
    time = Time()
    return Desk(node, people, directory / "people", time, page_of(node, people, OneIntake(), directory / "pages", time))
