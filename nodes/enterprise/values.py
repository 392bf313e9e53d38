"""Values that departments hold of the enterprises served here: asked for, shown, confirmed or disputed, filed by the enterprise itself [V1–V4].

The life of an enterprise's data runs certified → confirmed → rated. Nothing here changes a point: what a department corrects, or approves
of what was filed, it contributes itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, String, Table, delete, func, insert, select, update

from crypto.encoding import canonical_json
from crypto.errors import CryptoError
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.store import CURSOR, Enterprise, Store
from nodes.errors import MemberUnknownError, NodeError, NotReadyError
from nodes.runtime import logging
from nodes.runtime.clock import Timer, now
from nodes.runtime.database import reading, writing
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import VALUE_ANSWERS, VALUES, VALUES_REQUEST
from nodes.runtime.replica.value_messages import FiledValue, GivenAnswer, ValueAnswers, Values, ValuesRequest
from nodes.runtime.web.gateway_client import GatewayClient
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.errors import ScoringError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.lifecycle import HeldValue, standing
from scoring.statements import Member

METADATA = MetaData()
_asked = Table(
    "values_asked",
    METADATA,
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("uscc", String(18), nullable=False),
    Column("department", String(63), nullable=False),
    Column("period", String(32), nullable=False),
    Column("matter", String(20), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
_shown = Table(
    "values_shown",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("department", String(63), primary_key=True),
    Column("period", String(32), primary_key=True),
    Column("serial", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
VALUES_RECEIVED, VALUES_REFUSED = "values.received", "values.refused"
_log = logging.logger("enterprise.values")


class ValuesDesk:
    """Asks and answers departments in the name of enterprises. ``engine`` is the store's; ``periods()`` gives the data period of each epoch."""

    def __init__(
        self,
        identity: Identity,
        registry: MemberRegistry,
        enrolments: Enrolments,
        store: Store,
        engine: Engine,
        exchange: ExchangeClient,
        periods: Callable[[], Mapping[str, str]],
    ) -> None:
        self._identity, self._registry, self._enrolments, self._store = identity, registry, enrolments, store
        self._engine, self._exchange, self._periods = engine, exchange, periods
        self._received = threading.Condition()
        self._turn = threading.Lock()

    def ask(self, uscc: str, department: str, period: str, wait_s: float) -> dict[str, Any]:
        """What ``department`` holds of the enterprise in ``period``, as it shows it now.

        Raises SubjectUnknownError for an enterprise that is not enrolled here, MemberUnknownError for no department of the zone,
        NotReadyError when it has not answered within ``wait_s``: ask again.
        """
        enterprise = self._enrolments.enrolled(uscc)
        return self._call(enterprise, department, period, wait_s, VALUES_REQUEST, lambda serial: ValuesRequest(
            binding=enterprise.binding, period=period, serial=serial
        ))  # fmt: skip

    def answer(
        self, uscc: str, department: str, period: str, answers: Sequence[GivenAnswer], filings: Sequence[FiledValue], wait_s: float
    ) -> dict[str, Any]:
        """Send answers and filings; the values as they are then, with what was not taken and why under ``refused``. Raises as ``ask``."""
        enterprise = self._enrolments.enrolled(uscc)
        return self._call(enterprise, department, period, wait_s, VALUE_ANSWERS, lambda serial: ValueAnswers(
            binding=enterprise.binding, period=period, serial=serial, answers=tuple(answers), filings=tuple(filings)
        ))  # fmt: skip

    def shown(self, uscc: str, period: str) -> Mapping[str, dict[str, Any]]:
        """What each department that was asked showed last of the enterprise in ``period``, by its member id."""
        return self._documents(uscc, period)

    def life(self, uscc: str, period: str) -> dict[str, Any]:
        """How far the enterprise's data of ``period`` has come: none, certified, disputed, confirmed; rated once there is a portrait of it.

        Raises SubjectUnknownError; PeerUnavailableError when the gateway cannot be asked for the epochs.
        """
        self._enrolments.enrolled(uscc)
        documents = self._documents(uscc, period)
        held = [HeldValue(**one) for document in documents.values() for one in document["values"]]
        periods = self._periods()
        rated = any(periods.get(portrait["epoch"]) == period for portrait in self._store.portraits(uscc))
        return {"uscc": uscc, "period": period, "standing": standing(held), "rated": rated, "departments": documents}

    def resume(self) -> None:
        """Send again what no department has answered: when the process starts, and now and then. Raises PeerUnavailableError, RpcRefusal."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_asked).order_by(_asked.c.serial)).all()
        for row in rows:
            self._exchange.relay(row.department, row.matter, row.sealed)

    def handle(self, item: WorkItem) -> None:
        """Take a department's answer. One that does not hold is logged here and left out."""
        try:
            department, values = self._read(item.sealed)
        except (CryptoError, ScoringError, NodeError) as error:
            _log.warning(VALUES_REFUSED, seq=item.seq, sender=item.sealed.sender, error=type(error).__name__)
            self._store.skip(item.seq)
            return
        with writing(self._engine) as connection:
            _keep(connection, department, values)
            CURSOR.advance(connection, item.seq)
        _log.info(VALUES_RECEIVED, department=department, fields=len(values.values))
        with self._received:
            self._received.notify_all()

    def _call(self, enterprise: Enterprise, department: str, period: str, wait_s: float, matter: relay.SubjectMatter, message: Any) -> dict[str, Any]:
        owner = self._department(department)
        with self._turn, writing(self._engine) as connection:
            last = connection.execute(select(func.max(_shown.c.serial))).scalar_one_or_none() or 0
            asked_last = connection.execute(select(func.max(_asked.c.serial))).scalar_one_or_none() or 0
            serial = max(1 + max(last, asked_last), now() * 1000)  # by the time: a service restored from a copy is not behind what it said
            sealed = relay.seal_message(
                message(serial), bytes.fromhex(owner.hpke), self._identity.signer, sender=self._identity.member, to=owner.id, matter=matter
            )
            asked = {"serial": serial, "uscc": enterprise.uscc, "department": owner.id, "period": period, "matter": matter, "sealed": sealed}
            connection.execute(insert(_asked).values(asked))
        self._exchange.relay(owner.id, matter, sealed)
        return self._wait(enterprise.uscc, owner.id, period, serial, wait_s)

    def _wait(self, uscc: str, department: str, period: str, serial: int, wait_s: float) -> dict[str, Any]:
        timer = Timer(wait_s)
        with self._received:
            while True:
                document = self._documents(uscc, period).get(department)
                if document is not None and document["serial"] >= serial:
                    return document
                if timer.left_s() <= 0:
                    raise NotReadyError(f"{department} has not answered yet: ask again")
                self._received.wait(timer.left_s())

    def _read(self, sealed: Sealed) -> tuple[str, Values]:
        owner = self._department(sealed.sender)
        keys = [verify_key(key) for key in owner.keys]
        values = relay.open_message(
            Values, sealed.sealed, self._identity.hpke_private, keys, sender=owner.id, to=self._identity.member, matter=VALUES
        )
        with reading(self._engine) as connection:
            row = connection.execute(select(_asked).where(_asked.c.serial == values.serial)).one_or_none()
        if row is None or (row.uscc, row.department, row.period) != (values.uscc, owner.id, values.period):
            raise WrongSignerError("the values answer nothing that this service asks of their sender")
        return owner.id, values

    def _department(self, member: str) -> Member:
        found = self._registry.member(member)
        if "department" not in found.roles:
            raise MemberUnknownError(f"{member} is no department of this zone")
        return found

    def _documents(self, uscc: str, period: str) -> Mapping[str, dict[str, Any]]:
        mine = (_shown.c.uscc == uscc) & (_shown.c.period == period)
        with reading(self._engine) as connection:
            rows = connection.execute(select(_shown.c.department, _shown.c.document).where(mine).order_by(_shown.c.department))
            return {department: json.loads(document) for department, document in rows}


def periods_of(gateway: GatewayClient) -> dict[str, str]:
    """Data period of each epoch of the zone."""
    return {epoch["epoch"]: epoch["period"] for epoch in gateway.get("/v1/epochs")["epochs"]}


def _keep(connection: Any, department: str, values: Values) -> None:
    """The newest answer stands; what was asked up to it needs no sending any more."""
    place = (_shown.c.uscc == values.uscc) & (_shown.c.department == department) & (_shown.c.period == values.period)
    document = canonical_json(values.model_dump(mode="json"))
    known = connection.execute(select(_shown.c.serial).where(place)).scalar_one_or_none()
    if known is None:
        connection.execute(insert(_shown).values(
            uscc=values.uscc, department=department, period=values.period, serial=values.serial, document=document
        ))  # fmt: skip
    elif known <= values.serial:
        connection.execute(update(_shown).where(place).values(serial=values.serial, document=document))
    connection.execute(delete(_asked).where(_asked.c.serial == values.serial))
