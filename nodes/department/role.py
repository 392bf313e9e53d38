"""The department's role wired onto a process, beside the custodian's where the process carries both."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from nodes.contributing.corrections.epochs import ContributedEpochs
from nodes.contributing.epoch_secrets import EpochSecrets
from nodes.contributing.four_eyes.book import FourEyes, Policy
from nodes.contributing.four_eyes.people import People
from nodes.contributing.four_eyes.summaries import Summaries
from nodes.contributing.office import Office, RosterKey
from nodes.contributing.outbox import Outbox
from nodes.contributing.sender import Sender
from nodes.contributing.trust import ZoneTrust
from nodes.department.desk.intake import Records
from nodes.department.desk.outgoing import Outgoing
from nodes.department.desk.settings import DeskTable
from nodes.department.settings import DepartmentTable
from nodes.department.values.book import ValueBook
from nodes.department.values.desk import ValuesDesk, ValueTerms
from nodes.department.values.settling import Settling
from nodes.department.worker import Department
from nodes.records.deliveries import Intake
from nodes.records.quarantine import Quarantine
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import open_sources
from nodes.records.store import RecordStore
from nodes.roster_key import read_roster_key
from nodes.runtime.clock import now
from nodes.runtime.cursor import Cursor
from nodes.runtime.database import open_database
from nodes.runtime.files import read_private
from nodes.runtime.observing import gauges
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.members import Members
from nodes.runtime.settings import NodeSettings
from protos.v1.exchange_pb2 import WorkItem


def open_records(state_dir: Path, database_url: str) -> Engine:
    """The database of the department's records. Raises SettingsError as ``open_database``."""
    return open_database(state_dir, "records", database_url)


def people_and_policy(desk: DeskTable | None) -> tuple[People | None, Policy]:
    """Who of the department decides, and what waits for two of them: nobody and nothing where it has no page."""
    if desk is None:
        return None, Policy()
    return People(desk.people_dir, desk.people), Policy(desk.approval == "two-persons", desk.approve_rows)


class DepartmentRole:
    """Workers: one follows the coordinator's work, one sends, one runs the connectors, one goes on with what people let go; and
    the department's page where it has one, whose port is then in ``ready``. Own work stream and cursor."""

    def __init__(self, process: Process, identity: Identity, settings: NodeSettings, table: DepartmentTable) -> None:
        state_dir = settings.state_dir / "department"
        engine = open_database(state_dir, "department", settings.database_url)
        records = open_records(state_dir, settings.database_url)
        self._process = process
        self._cursor = Cursor(state_dir / "work.cursor")
        self._exchange = ExchangeClient(identity, settings.peer("coordinator"))
        log = LogClient(identity, settings.peer("log"))
        trust = ZoneTrust(settings.public_dir, settings.zone, settings.member)
        self._members = Members(process, identity, settings, trust.registry, state_dir)
        roster_key = read_roster_key(read_private(table.roster_key_file))
        desk, kept = table.desk, Outbox(engine)
        people, policy = people_and_policy(desk)
        four_eyes = FourEyes(engine, kept, people, policy, identity, now)
        four_eyes.settle()
        sources, intake = open_sources(table, state_dir, settings.database_url), Intake(records, now)
        runner = Runner(intake, [source.connector for source in sources], turns_of(state_dir, process.stopping))
        record_store, values = RecordStore(records, engine), ValueBook(records)
        settling = Settling(settings.zone, settings.member, values, record_store, intake, people, policy.persons, now)
        settling.finish()
        office = Office(
            identity=identity,
            trust=trust,
            store=record_store,
            outbox=kept,
            secrets=EpochSecrets(state_dir / "epochs", table.epoch_secrets_kept),
            subjects=RosterKey(roster_key),
            sources=runner,
            epochs=ContributedEpochs(engine),
            window=table.encryption_window,
            four_eyes=four_eyes,
            summaries=Summaries(engine),
        )
        terms = ValueTerms(table.self_filed, table.dispute_days)
        desk_of_values = ValuesDesk(identity, trust, record_store, values, kept, terms, now)
        self._department = Department(office, roster_key, desk_of_values, self._exchange.fetch_blob, now)
        sender = Sender(office.outbox, self._exchange, log, self._department.settled, process.stopping, four_eyes.admits)
        process.worker("department.work", self._follow)
        process.worker("department.sender", sender.run)
        process.worker("department.records", lambda: self._department.watch(process.stopping, table.scan_s))
        process.worker("department.released", lambda: self._department.go_on(four_eyes.released, process.stopping, table.scan_s))
        for action in (engine.dispose, records.dispose, log.close, self._exchange.close, self._exchange.cancel, sender.stop, four_eyes.released.set):
            process.on_stop(action)
        quarantine = Quarantine(records, intake)
        gauges.gauge("xinqiao_outbox_messages", "Signed messages that wait to be sent", kept.count_waiting)
        gauges.gauges("xinqiao_quarantine_parts", "Parts of deliveries that wait in quarantine for a person", "connector", quarantine.count)
        self.ready: dict[str, int] = {}
        if desk is not None and people is not None:
            from nodes.department.desk.app import create_app, served  # noqa: PLC0415 - without a page a department starts a third faster

            feeds = Records(sources, runner, quarantine)
            pages, title = open_database(state_dir, "pages", settings.database_url), trust.registry.member(settings.member).title
            process.on_stop(pages.dispose)
            outgoing = Outgoing(engine, Summaries(engine), four_eyes)
            server = served(create_app(identity.member, title, pages, people, four_eyes, outgoing, feeds, settling, now), desk.listen)
            server.attach(process)
            self.ready["port"] = server.port

    def _follow(self) -> None:
        self._exchange.follow_work(self._cursor.get, self._handle, self._process.stopping, self._cursor.set)

    def _handle(self, item: WorkItem) -> None:
        leaf = {"columns": item.columns.leaf_index, "row": item.row.consent_leaf_index}.get(item.WhichOneof("work") or "")
        if leaf is not None:
            self._members.wait_for(leaf)  # who signed may be a member, or have a key, since just before
        self._department.handle(item)
        self._cursor.set(item.seq)
