"""A gateway whose epoch is released and whose register knows everybody: what the cockpit's tests look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from httpx import Response

from connectors.records import Malformed, Origin, Outcome, Record
from crypto.keygen import PrivateKey
from crypto.subjects import make_uscc, subject_id
from gateway.register.book import Register
from nodes.packs import shipped_pack
from nodes.records.deliveries import Intake
from nodes.records.store import RecordStore
from nodes.runtime.pages.accounts import Person
from scoring.indicators.model import load_pack
from scoring.statements import Title
from tests.support import epoch as ledger
from tests.support.databases import database_in
from tests.support.epoch import DIVISIONS, EPOCH, PERIOD
from tests.support.gateway import Front, front
from tests.support.waiting import until
from tests.support.zone import MemoryZone

ROSTER_KEY = b"r" * 32
TRADES = ("I6513", "I6513", "C3972", "I6531", "C3581", "M7491")
PASSWORD = "a long enough password"
NAMES = {
    "330000": Title(zh="浙江省", en="Zhejiang"), "330100": Title(zh="杭州市", en="Hangzhou"),
    "330108": Title(zh="滨江区", en="Binjiang"), "330109": Title(zh="萧山区", en="Xiaoshan"),
}  # fmt: skip


def code_of(number: int) -> str:
    """The code of firm ``number``."""
    return make_uscc("9", "1", DIVISIONS[number % 2], f"MA{number:06}")


@dataclass
class NamedZone(MemoryZone):
    """A zone whose firms have codes, from which their subject ids follow."""

    codes: list[str] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.codes = [code_of(number) for number in range(len(self.firms))]
        named = dict(zip(self.subjects, (subject_id(ROSTER_KEY, code) for code in self.codes), strict=True))
        self.subjects = [named[subject] for subject in self.subjects]
        self.points = {named[subject]: points for subject, points in self.points.items()}
        self.gated = {named[subject] for subject in self.gated}
        self.staged = {named[subject]: stage for subject, stage in self.staged.items()}


@dataclass(frozen=True)
class _Facts:
    """A delivery of public facts."""

    records: Sequence[Record]
    name: str = "facts"
    digest: str = ""
    cursor: str = ""

    def items(self) -> Iterator[Record | Malformed]:
        yield from self.records

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        """Nothing lies anywhere."""


def register_of(zone: NamedZone, state_dir: Path) -> Register:
    """A register of everybody in ``zone``: names, counties as on the roster, trades in turn."""
    divisions = {subject: DIVISIONS[number % 2] for number, subject in enumerate(sorted(zone.subjects))}
    records = [
        Record(
            code, PERIOD, {"company": f"第{number}号企业", "division": divisions[subject], "trade": TRADES[number % len(TRADES)]},
            Origin("facts", "facts", str(number)),
        )
        for number, (code, subject) in enumerate(zip(zone.codes, zone.subjects, strict=True))
    ]  # fmt: skip
    engine = database_in(state_dir, "records", name="register")
    intake = Intake(engine, lambda: zone.now)
    intake.take("facts", _Facts(records))
    return Register(RecordStore(engine), intake, ROSTER_KEY, NAMES, ["facts"])


@dataclass
class Board:
    """The gateway with its cockpit, and people who may sign in."""

    front: Front
    zone: NamedZone
    register: Register
    tokens: dict[str, str] = field(default_factory=dict)

    def person(self, name: str, role: str, divisions: tuple[str, ...] = (), trades: tuple[str, ...] = ("",)) -> str:
        """Make an account and sign it in; its name."""
        person = Person(name, name, frozenset({role}), divisions, trades)
        self.front.site.accounts.add(person, PASSWORD)
        self.tokens[name] = self.front.site.sessions.begin(person)
        return name

    def get(self, name: str, path: str, english: bool = False) -> Response:
        """A page as a browser asks for it."""
        cookies = [f"{self.front.site.cookie}={self.tokens[name]}"] if name else []
        cookies += ["xinqiao-language=en"] if english else []
        headers = {"accept": "text/html", **({"cookie": "; ".join(cookies)} if cookies else {})}
        found: Response = self.front.client.get(path, headers=headers, follow_redirects=False)
        return found


def board(private_key: PrivateKey, state_dir: Path, stages: Sequence[str]) -> Board:
    """A released epoch over firms of ``stages``, its totals really opened; its tables published."""
    zone = NamedZone(private_key, firms=tuple(stages))
    zone.found()
    zone.open_epoch()
    zone.contribute_columns()
    register = register_of(zone, state_dir)
    site = front(zone, state_dir, register=register)
    release(site, EPOCH)
    assert not site.cockpit.publisher.publish_all()
    return Board(site, zone, register)


def release(site: Front, epoch: str) -> None:
    """Close an epoch and have its totals opened."""
    assert site.staff("POST", f"/v1/epochs/{epoch}:close", {"allow_absent": False}).status_code == 202

    def ended() -> bool:
        status = site.staff("GET", f"/v1/epochs/{epoch}").json()
        assert not status["opening"]["failed"], status
        return bool(status["state"] == "RELEASED")

    until(ended, f"{epoch} is released", 120)


def lend(site: Board, epoch: str, books: Mapping[str, Mapping[str, tuple[int, int, int, int]]]) -> None:
    """An epoch of the banks' loan books, summed under encryption and opened, then published. ``books``: bank -> subject -> hundredths of
    balance, repaid principal, loans, loans overdue; everybody else has nothing there."""
    zone, rated = site.zone, site.zone.model
    model = load_pack(shipped_pack("loan-performance"))
    zone.view.models[model.sha256] = model  # type: ignore[index]  # the ledger made it of a dict
    points, staged = zone.points, zone.staged
    zone.model, zone.staged = model, {}
    if model.sha256 not in zone.view.admitted:
        zone.say(zone.admission(), "authority")
    names, nothing = ("loan-balance", "loan-repaid", "loans-active", "loans-overdue"), (0, 0, 0, 0)
    zone.points = {
        subject: {
            **dict.fromkeys(names, 0),
            **{f"{name} of {bank}": value for bank, book in books.items() for name, value in zip(names, book.get(subject, nothing), strict=True)},
        }
        for subject in zone.subjects
    }
    zone.open_epoch(epoch)
    zone.contribute_columns(epoch=epoch)
    release(site.front, epoch)
    zone.model, zone.points, zone.staged = rated, points, staged
    assert not site.front.cockpit.publisher.publish_all()


def another_epoch(site: Board, epoch: str, period: str, patch: pytest.MonkeyPatch) -> None:
    """One more epoch of the same firms over a later period, of which some have other points and one another stage; released and published."""
    patch.setattr(ledger, "PERIOD", period)
    for number, subject in enumerate(site.zone.subjects):
        if number % 3 == 0:
            name, points = next(iter(site.zone.points[subject].items()))
            site.zone.points[subject][name] = points // 2
    site.zone.staged[site.zone.subjects[-1]] = "S1"
    site.zone.open_epoch(epoch)
    site.zone.contribute_columns(epoch=epoch)
    release(site.front, epoch)
    assert not site.front.cockpit.publisher.publish_all()
