"""The part of a bank's process that contributes: what became of its loans, encrypted, summed by others over all banks [M7].

Columns, their sending, and what an auditor draws of them are a department's (``nodes.contributing``); here is whose records a bank has.
"""

from __future__ import annotations

from sqlalchemy import Engine

from connectors.records import Connector
from nodes.bank.borrowers import Borrowers
from nodes.bank.consents import Consents
from nodes.bank.settings import BankTable
from nodes.contributing.contributions import Records
from nodes.contributing.corrections.epochs import ContributedEpochs
from nodes.contributing.epoch_secrets import EpochSecrets
from nodes.contributing.office import Office
from nodes.contributing.outbox import Outbox
from nodes.contributing.sender import Sender
from nodes.contributing.trust import OpenEpoch, ZoneTrust
from nodes.contributing.worker import ContributingMember
from nodes.errors import RecordsMissingError
from nodes.records.deliveries import Intake
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import open_sources
from nodes.records.store import RecordStore
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process


class LoanContributor(ContributingMember):
    """A contributor whose records are its loan book. Handles work items one at a time."""

    def _check_records(self, epoch: OpenEpoch, records: Records) -> None:
        """The book has the data period. That none of its borrowers is in the roster may be so: then the bank contributes zeros."""
        if not self._office.store.period(epoch.opened.period):
            raise RecordsMissingError(f"the loan book has nothing of period {epoch.opened.period}")


def open_lending(
    process: Process,
    identity: Identity,
    table: BankTable,
    engine: Engine,
    trust: ZoneTrust,
    consents: Consents,
    exchange: ExchangeClient,
    log: LogClient,
    contracts: Connector | None = None,
) -> LoanContributor:
    """The contributor of the bank's process, with two workers: one sends, one reads the loan book. ``engine``: the bank's database; ``contracts``:
    those that were made here, as a source of records."""
    state_dir, url = process.settings.state_dir, process.settings.database_url
    book = open_database(state_dir, "records", url)
    connectors = [source.connector for source in open_sources(table, state_dir, url)] + ([] if contracts is None else [contracts])
    office = Office(
        identity=identity,
        trust=trust,
        store=RecordStore(book, engine),
        outbox=Outbox(engine),
        secrets=EpochSecrets(state_dir / "epochs", table.epoch_secrets_kept),
        subjects=Borrowers(engine, consents),
        sources=Runner(Intake(book, now), connectors, turns_of(state_dir, process.stopping)),
        epochs=ContributedEpochs(engine),
        window=table.encryption_window,
    )
    contributor = LoanContributor(office, exchange.fetch_blob)
    sender = Sender(office.outbox, exchange, log, contributor.settled, process.stopping)
    process.worker("lending.sender", sender.run)
    process.worker("lending.records", lambda: contributor.watch(process.stopping, table.scan_s))
    for action in (book.dispose, sender.stop):
        process.on_stop(action)
    return contributor
