"""A department and an enterprise's service that show each other values over a relay which can be held: both desks are the real ones."""

from __future__ import annotations

from dataclasses import dataclass

from nodes.department.values.settlements import Outcome
from nodes.enterprise.values import ValuesDesk
from nodes.records.deliveries import Intake
from nodes.runtime.replica.relay import VALUES
from nodes.runtime.replica.value_messages import FiledValue, GivenAnswer
from protos.v1.exchange_pb2 import Sealed, WorkItem
from tests.support.departments import PERIOD, DepartmentZone, Node

TAX, FIELD = "tax", "sales_musd"


@dataclass
class Relay:
    """Carries messages between the service and the departments at once, both ways. ``hold`` keeps them back."""

    zone: DepartmentZone
    desk: ValuesDesk | None = None
    hold: bool = False
    seq: int = 0

    def relay(self, to: str, matter: str, sealed: bytes) -> None:
        if self.hold:
            return
        node = self.zone.nodes[to]
        before = len(node.exchange.sent("relay/enterprise/values"))
        node.do(WorkItem(sealed=Sealed(sender="enterprise", subject_matter=matter, sealed=sealed)))
        for _, answer in node.exchange.sent("relay/enterprise/values")[before:]:
            self.deliver(to, answer)

    def deliver(self, sender: str, answer: bytes) -> None:
        assert self.desk is not None
        self.seq += 1
        self.desk.handle(WorkItem(seq=self.seq, sealed=Sealed(sender=sender, subject_matter=VALUES, sealed=answer)))


@dataclass
class Place:
    """The service's desk, a department, and one enterprise that both know."""

    zone: DepartmentZone
    tax: Node
    desk: ValuesDesk
    relay: Relay
    uscc: str

    @property
    def intake(self) -> Intake:
        return Intake(self.tax.records, lambda: self.zone.ledger.now)

    def version(self, field: str = FIELD) -> str:
        shown = self.desk.ask(self.uscc, TAX, PERIOD, 0.0)
        return str({one["field"]: one["version"] for one in shown["values"]}[field])

    def answer(self, confirmed: bool, note: str = "", field: str = FIELD, version: str = "") -> dict[str, object]:
        given = GivenAnswer(field=field, version=version or self.version(field), confirmed=confirmed, note=note)
        return self.desk.answer(self.uscc, TAX, PERIOD, [given], [], 0.0)

    def file(self, value: str, field: str = "sales_musd_previous") -> dict[str, object]:
        return self.desk.answer(self.uscc, TAX, PERIOD, [], [FiledValue(field=field, value=value, note="our books")], 0.0)

    def settle(self, outcome: Outcome, reason: str) -> bool:
        """The one matter that is open."""
        (matter,) = self.tax.settling.open()
        return self.tax.settling.settle(matter, outcome, reason, None)

    def state(self, field: str = FIELD) -> str:
        shown = self.desk.ask(self.uscc, TAX, PERIOD, 0.0)
        return str({one["field"]: one["state"] for one in shown["values"]}[field])
