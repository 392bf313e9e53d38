"""The part of an institution's process that lends: its desk, counter and products, and the worker that sends again and publishes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from nodes.bank.consents import Consents
from nodes.bank.loans.admission import InstitutionAdmission
from nodes.bank.loans.contributed import ContractSource
from nodes.bank.loans.counter import Counter
from nodes.bank.loans.files import LoanFiles
from nodes.bank.loans.products import Products, StatedTerms, stated_terms
from nodes.bank.queries import Queries
from nodes.bank.receipts import ReceiptStore
from nodes.bank.settings import BankTable
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.lending.book import LoanBook
from nodes.lending.desk import LoanDesk
from nodes.runtime import logging
from nodes.runtime.clock import now
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.members import Members
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.exchange.registry import MemberRegistry

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
PUBLISHED, REFUSED, DELAYED = "product.published", "product.refused", "lending.delayed"
_log = logging.logger("bank.loans")


@dataclass(frozen=True, slots=True)
class Loans:
    """What the process lends with. ``source``: its contracts as records."""

    desk: LoanDesk
    counter: Counter
    products: Products
    source: ContractSource


def open_loans(
    process: Process, identity: Identity, table: BankTable, engine: Engine, members: Members, registry: MemberRegistry, consents: Consents,
    queries: Queries, receipts: ReceiptStore, exchange: ExchangeClient, gateway: GatewayClient, products: Products,
) -> Loans:  # fmt: skip
    """The lending part of the process, with one worker. Raises SettingsError when the file of products does not fit."""
    stated = [] if table.products is None else stated_terms(Path(table.products))
    files, book = LoanFiles(engine), LoanBook(engine)
    admission = InstitutionAdmission(identity.member, registry, consents, products, files.dishonest)
    desk = LoanDesk(identity, registry, book, exchange, members.leaf, now, admission)
    counter = Counter(identity, gateway, desk, book, queries, receipts, files, now)

    process.worker("lending.desk", lambda: _run(desk, products, stated, process.stopping))
    return Loans(desk, counter, products, ContractSource(book, identity.member, now))


def _run(desk: LoanDesk, products: Products, stated: Sequence[StatedTerms], stopping: threading.Event) -> None:
    """Until ``stopping``: publish what the zone takes once it takes it, and have sent what was not sent."""
    unpublished, pause_s = list(stated), FIRST_PAUSE_S
    while not stopping.is_set():
        try:
            unpublished = _publish(products, unpublished)
            desk.resume()
            desk.again()
        except (PeerUnavailableError, RpcRefusal, NotReadyError) as error:
            _log.info(DELAYED, error=type(error).__name__, reason=getattr(error, "reason", ""))
        stopping.wait(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def _publish(products: Products, stated: Sequence[StatedTerms]) -> list[StatedTerms]:
    """Those that the zone does not take: their model is not admitted yet, or they are wrong."""
    refused = []
    for terms in stated:
        try:
            products.publish(terms)
            _log.info(PUBLISHED, product=terms.product)
        except RpcRefusal as refusal:
            if refusal.passing:
                raise
            _log.warning(REFUSED, product=terms.product, reason=refusal.reason, detail=refusal.detail)
            refused.append(terms)
    return refused
