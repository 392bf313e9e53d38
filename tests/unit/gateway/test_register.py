"""The register of public facts: read through a mapping, versioned by period, found by subject id; what is no fact waits in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.subjects import subject_id
from gateway.register.book import Register
from gateway.register.checked import FactsConnector
from gateway.register.settings import RegisterTable
from nodes.records.deliveries import Intake
from nodes.records.quarantine import Quarantine
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import open_sources
from nodes.records.store import RecordStore
from scoring.statements import Title
from simulators.population import firm_panel
from simulators.population.register import publish_register
from simulators.zone.layout import demo_plan
from simulators.zone.register import FOLDER, HEADERS, MAPPING
from tests.support.databases import database_in

KEY = b"k" * 32
CODES = [firm.uscc for firm in firm_panel.load(1995, 0).first(2).firms]


@dataclass
class Kept:
    """A register over a folder, read when it is told to."""

    folder: Path
    register: Register
    runner: Runner
    quarantine: Quarantine

    def drop(self, name: str, *rows: dict[str, str]) -> None:
        lines = [",".join(HEADERS.values())] + [",".join(row.get(key, "") for key in HEADERS) for row in rows]
        (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.runner.run()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    folder = publish_register(firm_panel.load(1995, 0).first(0), demo_plan(), tmp_path).parent
    (folder / "register-1995.csv").unlink()
    table = RegisterTable(connectors=(folder.parent / MAPPING,), roster_key_file=tmp_path / "none")
    engine = database_in(tmp_path / "state", "records")
    intake = Intake(engine, lambda: 1_700_000_000)
    sources = [FactsConnector(source.connector) for source in open_sources(table, tmp_path / "state")]
    runner = Runner(intake, sources, turns_of(tmp_path / "state"))
    names = {"330108": Title(zh="滨江区", en="Binjiang"), "330100": Title(zh="杭州市", en="Hangzhou")}
    assert folder.name == FOLDER
    register = Register(RecordStore(engine), intake, KEY, names, [source.id for source in sources])
    return Kept(folder, register, runner, Quarantine(engine, intake))


def firm(place: int, **facts: str) -> dict[str, str]:
    return {"uscc": CODES[place], "period": "2023", "company": f"公司{place}", "division": "330108", **facts}


def test_an_enterprise_is_found_by_its_subject_id_and_by_its_code(kept: Kept) -> None:
    assert kept.register.edition().enterprises == {}
    kept.drop("a.csv", firm(0, trade="I6513", founded="2011年3月4日", board="科创板", capital="150"), firm(1))
    subject = subject_id(KEY, CODES[0])
    found = kept.register.enterprise(subject)
    assert found is not None
    assert (found.company, found.section, found.founded, found.board, found.capital_fen) == ("公司0", "I", "2011-03-04", "star", 150_000_000)
    assert kept.register.of_code(CODES[0]) == found
    assert len(kept.register.edition().enterprises) == 2


def test_facts_are_as_they_were_in_the_period(kept: Kept) -> None:
    kept.drop("a.csv", firm(0, company="旧名"), firm(1, period="2024"))
    kept.drop("b.csv", firm(0, company="新名", period="2024", division="330109"))
    in_2023, in_2024 = (kept.register.of_code(CODES[0], period) for period in ("2023", "2024"))
    assert in_2023 is not None
    assert in_2024 is not None
    assert [(item.company, item.division) for item in (in_2023, in_2024)] == [("旧名", "330108"), ("新名", "330109")]
    assert kept.register.of_code(CODES[0]) == in_2024
    late = kept.register.of_code(CODES[1], "2023")
    assert late is not None, "what only a later year knows is named all the same"
    assert [version.values["company"] for version in kept.register.history(CODES[0])] == ["旧名", "新名"]


def test_a_correction_counts_at_once_and_overwrites_nothing(kept: Kept) -> None:
    kept.drop("a.csv", firm(0, company="误名"))
    assert kept.register.edition().incomplete == 0
    kept.drop("b.csv", firm(0, company="正名"))
    found = kept.register.of_code(CODES[0])
    assert found is not None
    assert found.company == "正名"
    assert len(kept.register.history(CODES[0])) == 2


def test_what_is_no_fact_waits_in_quarantine_and_the_rest_goes_on(kept: Kept) -> None:
    kept.drop("a.csv", firm(0, trade="C6513"), firm(1, founded="2011-02-30"))
    assert kept.register.edition().enterprises == {}
    (health,) = kept.register.health()
    assert (health.connector, health.waiting, health.failing_since) == ("public-register", 2, None)
    assert {part.malformed.field for part in kept.quarantine.waiting()} == {"trade", "founded"}
    kept.drop("b.csv", firm(0), firm(1, company=""))
    assert [item.company for item in kept.register.edition().enterprises.values()] == ["公司0"]
    assert kept.register.edition().incomplete == 1


def test_divisions_have_the_names_that_the_configuration_gives_them(kept: Kept) -> None:
    assert [kept.register.division(code).zh for code in ("330108", "3301", "33")] == ["滨江区", "杭州市", "330000"]


def test_the_demonstration_publishes_everybody_and_the_same_for_a_seed(kept: Kept, tmp_path: Path) -> None:
    population = firm_panel.load(1995, 0).first(30)
    first = publish_register(population, demo_plan(), tmp_path / "one")
    assert first.read_bytes() == publish_register(population, demo_plan(), tmp_path / "two").read_bytes()
    (kept.folder / first.name).write_bytes(first.read_bytes())
    kept.runner.run()
    known = kept.register.edition("1995")
    assert {uscc: item.company for uscc, item in known.by_uscc.items()} == population.mapping()
    assert all(item.trade and item.board == "overseas" for item in known.enterprises.values())
