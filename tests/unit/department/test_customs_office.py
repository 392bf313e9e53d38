"""A customs department's node over the folders of an import client: its records follow the receipts, through restarts, corrections and new rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors.customs.declarations import build_declaration
from connectors.errors import MappingError
from nodes.department.settings import DepartmentTable
from nodes.records.deliveries import Intake
from nodes.records.quarantine import Quarantine
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import Source, open_sources
from nodes.records.store import RecordStore
from tests.support.customs import NOTICED, OTHER, USCC, Client, declaration, old_receipt, receipt, response, zipped
from tests.support.databases import database_in

NOW = 1_700_000_000
MAPPING = """
format: xinqiao/connector/v1
id: single-window
title: {{zh: 国际贸易单一窗口, en: customs single window}}
source: {{kind: single-window, folder: ImpPath, dialect: a, quiet_s: 0, rates: {{"2023": {rates}}}}}
"""


class Office:
    """A department's node as far as its records; made again it is the node restarted. ``clients``: folder -> codes for which its client declares."""

    def __init__(self, directory: Path, rates: str = "{USD: 7}", clients: Mapping[str, Sequence[str]] | None = None) -> None:
        mapping = directory / "customs.yaml"
        mapping.write_text(MAPPING.format(rates=rates), encoding="utf-8")
        mappings = [mapping]
        if clients is not None:
            mappings = [directory / f"{name}.yaml" for name in clients]
            for path, (name, traders) in zip(mappings, clients.items(), strict=True):
                named = f", traders: [{', '.join(traders)}]" if traders else ""
                text = (
                    MAPPING.format(rates=rates).replace("id: single-window", f"id: {name}").replace("ImpPath", name).replace("}}}", f"}}}}{named}}}")
                )
                path.write_text(text, encoding="utf-8")
        table = DepartmentTable(roster_key_file=directory / "roster.key", connectors=tuple(mappings))
        self.engine: Engine = database_in(directory / "state", "records")
        self.intake = Intake(self.engine, lambda: NOW)
        self.sources: list[Source] = open_sources(table, directory / "state")
        self.runner = Runner(self.intake, [source.connector for source in self.sources], turns_of(directory / "state"))

    def value(self, field: str) -> str | None:
        found = RecordStore(self.engine).find(USCC, "2023")
        return None if found is None else found.get(field)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    client = Client(tmp_path / "ImpPath")
    client.put("SentBox/a.zip", zipped({"a.xml": build_declaration(declaration(lines=1, total="100"))}))
    client.put("InBox/Successed_a.xml", response())
    client.put("InBox/Receipt_a.xml", receipt("L"))
    return client


def test_records_follow_the_receipts_and_each_change_is_a_version(client: Client, tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert office.runner.run() == 1
    assert (office.value("customs_exports_usd"), office.value("customs_exports_value_cny"), office.value("customs_cleared")) == ("100", "700", "0")
    client.put("InBox/Receipt_b.xml", receipt("R"))
    assert office.runner.run() == 1
    assert office.value("customs_cleared") == "1"
    client.put("InBox/Receipt_c.xml", receipt("D").replace(b"T09:30:00", b"T19:30:00"))
    office.runner.run()
    assert (office.value("customs_declarations"), office.value("customs_exports_usd")) == ("0", "0")
    assert office.runner.run() == 0


def test_a_restarted_node_reads_nothing_again_and_goes_on(client: Client, tmp_path: Path) -> None:
    assert Office(tmp_path).runner.run() == 1
    again = Office(tmp_path)
    assert again.runner.run() == 0
    client.put("InBox/Receipt_b.xml", receipt("R"))
    assert again.runner.run() == 1
    assert again.value("customs_cleared") == "1"


def test_messages_that_were_kept_before_a_crash_still_become_records(client: Client, tmp_path: Path) -> None:
    office = Office(tmp_path)
    (batch,) = office.sources[0].connector.deliveries("")
    list(batch.items())  # kept as messages; the process dies before they are records
    assert office.value("customs_declarations") is None
    assert Office(tmp_path).runner.run() >= 1
    assert Office(tmp_path).value("customs_declarations") == "1"


def test_records_are_made_again_where_the_messages_database_was_lost(client: Client, tmp_path: Path) -> None:
    Office(tmp_path).runner.run()
    for file in (tmp_path / "state").glob("customs.db*"):
        file.unlink()
    client.put("InBox/Receipt_b.xml", receipt("R"))
    again = Office(tmp_path)
    again.runner.run()
    assert (again.value("customs_cleared"), again.value("customs_exports_usd")) == ("1", "100")


def test_a_malformed_receipt_waits_and_is_taken_when_a_person_corrected_it(client: Client, tmp_path: Path) -> None:
    office = Office(tmp_path)
    client.put("InBox/Receipt_old.xml", old_receipt("R", "I20230000000000001").replace(b"20180208T15032200", b"2018"))
    office.runner.run()
    quarantine = Quarantine(office.engine, office.intake)
    (waiting,) = quarantine.waiting()
    assert (waiting.origin.place, "NOTICE_DATE" in waiting.reason, office.value("customs_cleared")) == ("InBox/Receipt_old.xml", True, "0")
    (again,) = (source.again for source in office.sources)
    assert quarantine.retry(waiting, again, waiting.content) != ()
    assert quarantine.retry(waiting, again, waiting.content.replace(">2018<", ">20230309T15032200<")) == ()
    assert (list(quarantine.waiting()), office.value("customs_cleared")) == ([], "1")


def test_new_rates_in_the_mapping_give_values_anew(client: Client, tmp_path: Path) -> None:
    first = Office(tmp_path, rates="{EUR: 8}")
    first.runner.run()
    assert first.value("customs_exports_value_cny") == ""
    assert ["USD" in item.reason for item in Quarantine(first.engine, first.intake).waiting()] == [True]
    second = Office(tmp_path, rates="{EUR: 8, USD: 7.05}")
    assert second.runner.run() == 1
    assert second.value("customs_exports_value_cny") == "705"
    assert second.runner.run() == 0


def test_a_client_that_is_away_is_told_and_tried_again(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert office.runner.run() == 0
    (health,) = office.runner.health()
    assert "ImpPath" in health.failure


def declare(client: Client, place: int, codes: str = "LPR", total: str = "100", uscc: str = USCC, currency: str = "USD") -> None:
    """A declaration of one line with its answers, a receipt a day."""
    sent = build_declaration(declaration(f"C{place}", lines=1, total=total, currency=currency, uscc=uscc))
    client.put(f"SentBox/C{place}.zip", zipped({"a.xml": sent}))
    client.put(f"InBox/Successed_C{place}.xml", response(f"C{place}", f"I{place}"))
    for step, code in enumerate(codes):
        client.put(f"InBox/Receipt_C{place}_{step}.xml", receipt(code, f"I{place}", NOTICED + step * timedelta(days=1)))


def test_a_client_gives_records_of_the_traders_that_its_mapping_names_alone(tmp_path: Path) -> None:
    victim, attacker = Client(tmp_path / "victim"), Client(tmp_path / "attacker")
    office = Office(tmp_path, clients={"victim": [USCC], "attacker": [OTHER]})
    declare(victim, 1, total="5000000")
    declare(attacker, 1, total="7", uscc=OTHER)
    office.runner.run()
    before = RecordStore(office.engine).find(USCC, "2023")
    declare(attacker, 77, codes="E", total="1")
    office.runner.run()
    assert RecordStore(office.engine).find(USCC, "2023") == before
    assert (RecordStore(office.engine).find(OTHER, "2023") or {})["customs_exports_usd"] == "7"
    (waiting,) = Quarantine(office.engine, office.intake).waiting()
    assert (waiting.origin.connector, waiting.field, waiting.content) == ("attacker", "TradeCoScc", USCC)


@pytest.mark.parametrize(
    ("clients", "told"),
    [({"a": [USCC], "b": []}, "names the traders"), ({"a": [USCC], "b": [OTHER, USCC]}, "one client gives"), ({"a": ["ABC"]}, "length")],
    ids=["one names none", "two name one", "no code"],
)
def test_clients_that_could_give_the_records_of_one_trader_are_refused(tmp_path: Path, clients: dict[str, list[str]], told: str) -> None:
    with pytest.raises(MappingError, match=told):
        Office(tmp_path, clients=clients)


def test_a_currency_that_names_no_field_does_not_keep_the_record_as_it_was(client: Client, tmp_path: Path) -> None:
    office = Office(tmp_path)
    declare(client, 2, codes="LE", total="0", currency="\u7f8e\u5143")
    office.runner.run()
    assert office.value("customs_exports_usd") == "100"
    client.put("InBox/Receipt_b.xml", receipt("D", at=NOTICED + timedelta(days=30)))
    office.runner.run()
    assert (office.value("customs_exports_usd"), office.value("customs_declarations")) == ("0", "0")
    assert ["TradeCurr" in waiting.reason for waiting in Quarantine(office.engine, office.intake).waiting()] == [True]


def test_a_receipt_of_a_time_that_has_not_come_decides_nothing(client: Client, tmp_path: Path) -> None:
    office = Office(tmp_path)
    client.put("InBox/Receipt_x.xml", receipt("R", at=datetime(9999, 12, 31, 23, 59, 59)))
    client.put("InBox/Receipt_y.xml", receipt("R", day="9999-01-01"))
    sent = build_declaration(declaration(lines=1, total="1")).replace(b"<SignDate></SignDate>", b"<SignDate>9999010100000000</SignDate>")
    client.put("SentBox/b.zip", zipped({"a.xml": sent, "b.xml": sent.replace(b"9999010100000000", b"zzzz")}))
    client.put("InBox/Receipt_b.xml", receipt("D", at=NOTICED + timedelta(days=30)))
    office.runner.run()
    assert (office.value("customs_exports_usd"), office.value("customs_declarations")) == ("0", "0")
    reasons = [waiting.reason for waiting in Quarantine(office.engine, office.intake).waiting()]
    assert sorted("has not come" in reason for reason in reasons) == [False, True, True, True]
