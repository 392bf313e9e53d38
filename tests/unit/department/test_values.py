"""A department shows an enterprise its values, takes answers and filings, and settles them; at the other end is the service's own desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from connectors.errors import DeliveryError
from connectors.plain import read_plain_again
from connectors.records import Delivery
from crypto.sealing import public_key
from nodes.department.values.desk import ValueTerms
from nodes.department.values.settlements import Outcome
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.store import Enterprise, Store
from nodes.enterprise.values import ValuesDesk
from nodes.errors import DecisionError, MemberUnknownError, NotFoundError, NotReadyError
from nodes.records.deliveries import Intake, Taken
from nodes.records.quarantine import Quarantine
from nodes.records.store import RecordStore
from nodes.runtime.peers.identity import Identity, TlsFiles
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import VALUE_ANSWERS, VALUES, VALUES_REQUEST
from nodes.runtime.replica.value_messages import MAX_FIELDS, FiledValue, GivenAnswer, Values, ValuesRequest
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.errors import SubjectUnknownError, ValueStateError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.lifecycle import DAY_S, Filing
from simulators.population.tables import Population
from tests.support.databases import ON_BOTH, database_in
from tests.support.departments import PERIOD, DepartmentZone, Node
from tests.support.members import ZONE

TAX, FIELD = "tax", "sales_musd"
NOW = 1_700_000_000


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


@pytest.fixture
def place(zone: DepartmentZone, firms: Population, tmp_path: Path) -> Iterator[Place]:
    uscc = firms.firms[4].uscc
    tax = zone.nodes[TAX]
    tax.terms = ValueTerms(("sales_musd_previous",), 15)
    zone.nodes[TAX] = tax = tax.restart()
    tax.runner.run()
    zone.enrol(uscc)
    binding, keys = zone.answer(), zone.ledger.keys
    private = keys.hpke["enterprise"]
    identity = Identity(ZONE, "enterprise", keys.signers["enterprise"], private, public_key(private), TlsFiles(b"", b"", b""))
    registry = MemberRegistry(zone.ledger.view.registry.genesis)
    engine = database_in(tmp_path / "service", "enterprise")
    store, exchange = Store(engine), Relay(zone)
    store.put_enterprise(Enterprise(uscc, binding.key_id, b"", "enrolled", "", binding.subject, binding.binding, binding.leaf_index))
    enrolments = Enrolments(identity, registry, Keyring(tmp_path / "keys"), store, exchange)  # type: ignore[arg-type]  # what it calls of the client is here
    desk = ValuesDesk(identity, registry, enrolments, store, engine, exchange, lambda: {"e": PERIOD})  # type: ignore[arg-type]  # the same
    exchange.desk = desk
    yield Place(zone, tax, desk, exchange, uscc)
    engine.dispose()


def test_an_enterprise_sees_each_value_that_the_department_holds_of_it(place: Place) -> None:
    shown = place.desk.ask(place.uscc, TAX, PERIOD, 0.0)
    record = place.tax.office.store.find(place.uscc, PERIOD)
    assert record
    assert {one["field"]: one["value"] for one in shown["values"]} == record
    assert {one["state"] for one in shown["values"]} == {"certified"}
    assert shown["self_filed"] == ["sales_musd_previous"]
    assert place.desk.life(place.uscc, PERIOD)["standing"] == "certified"


def test_values_are_confirmed_one_by_one_until_all_are(place: Place) -> None:
    fields = [one["field"] for one in place.desk.ask(place.uscc, TAX, PERIOD, 0.0)["values"]]
    for field in fields:
        assert place.desk.life(place.uscc, PERIOD)["standing"] == "certified"
        assert place.answer(True, field=field)["refused"] == {}
    assert place.desk.life(place.uscc, PERIOD)["standing"] == "confirmed"


def test_a_dispute_goes_to_the_owner_with_its_deadline_and_is_settled_by_upholding(place: Place) -> None:
    place.answer(False, "our return says another figure")
    (dispute,) = place.tax.values.book.disputes()
    assert (dispute.uscc, dispute.held.field, dispute.held.note) == (place.uscc, FIELD, "our return says another figure")
    assert dispute.held.due == place.zone.ledger.now + 15 * DAY_S
    assert place.desk.life(place.uscc, PERIOD)["standing"] == "disputed"
    place.settle("uphold", "it is the audited figure")
    assert place.state() == "upheld"
    assert not place.tax.values.book.disputes()
    assert FIELD in str(place.answer(False, "still")["refused"])


def test_a_dispute_is_settled_by_a_correction_of_the_record(place: Place) -> None:
    place.answer(False, "wrong")
    place.tax.give(("uscc", "period", FIELD), [(place.uscc, PERIOD, "4711.5")], "correction.csv")
    place.tax.runner.run()
    assert place.state() == "certified"
    assert not place.tax.values.book.disputes()


def test_an_answer_to_a_value_that_was_corrected_meanwhile_is_refused_and_changes_nothing(place: Place) -> None:
    version = place.version()
    place.tax.give(("uscc", "period", FIELD), [(place.uscc, PERIOD, "4711.5")], "correction.csv")
    place.tax.runner.run()
    assert "does not stand" in str(place.answer(True, version=version)["refused"])
    assert place.state() == "certified"


@ON_BOTH
def test_what_an_enterprise_files_counts_only_once_its_owner_approved_it(place: Place) -> None:
    store = RecordStore(place.tax.records)
    before = store.find(place.uscc, PERIOD)
    assert place.file("12.5")["refused"] == {}
    assert store.find(place.uscc, PERIOD) == before
    (matter,) = place.tax.settling.open()
    assert place.settle("approve", "")
    assert store.find(place.uscc, PERIOD) == {**(before or {}), "sales_musd_previous": "12.5"}
    versions = len(store.history(place.uscc, PERIOD))
    with pytest.raises(ValueStateError, match="not open"):
        place.tax.settling.find(matter.id)
    with pytest.raises(ValueStateError, match="before"):
        place.tax.settling.settle(matter, "approve", "", None)
    assert len(store.history(place.uscc, PERIOD)) == versions


def test_an_approval_that_is_cut_off_leaves_neither_record_nor_note_and_is_repeated(place: Place) -> None:
    store, book = RecordStore(place.tax.records), place.tax.values.book
    place.file("12.5")
    (waiting,) = book.waiting()

    class Cut(Exception):
        pass

    class CutOff:
        def take(self, connector: str, delivery: Delivery, note: Callable[[Connection, Taken], None]) -> object:
            def cut(connection: Connection, taken: Taken) -> None:
                note(connection, taken)
                raise Cut

            return place.intake.take(connector, delivery, cut)

    versions = len(store.history(place.uscc, PERIOD))
    with pytest.raises(Cut):
        replace(place.tax.settling, taker=CutOff()).settle(place.tax.settling.open()[0], "approve", "", None)
    assert (book.waiting(), len(store.history(place.uscc, PERIOD))) == ([waiting], versions)
    place.settle("approve", "")
    assert len(store.history(place.uscc, PERIOD)) == versions + 1
    assert not book.waiting()


def test_a_filing_that_took_the_place_of_the_one_that_was_seen_is_not_approved_with_it(place: Place) -> None:
    place.file("12.5")
    (seen,) = place.tax.settling.open()
    place.file("999999")
    (now,) = place.tax.settling.open()
    assert now.filing > seen.filing
    before = place.tax.office.store.find(place.uscc, PERIOD)
    for outcome in ("approve", "reject"):
        with pytest.raises(ValueStateError, match="taken its place"):
            place.tax.settling.settle(seen, outcome, "checked 12.5", None)  # as a page that was open meanwhile, or the other of two processes, has it
    with pytest.raises(NotFoundError):
        place.tax.values.book.filed(seen.filing)
    assert place.tax.office.store.find(place.uscc, PERIOD) == before
    assert [item.filing for item in place.tax.settling.open()] == [now.filing]


def test_a_filing_for_which_its_record_has_no_room_is_not_approved(place: Place) -> None:
    wide = [f"f{number}" for number in range(MAX_FIELDS - len(place.tax.office.store.find(place.uscc, PERIOD) or {}))]
    place.tax.give(("uscc", "period", *wide), [(place.uscc, PERIOD, *["1"] * len(wide))], "wide.csv")
    place.tax.runner.run()
    place.tax.values.book.file(place.uscc, PERIOD, Filing("patents", "3", "filed", NOW))
    with pytest.raises(ValueStateError, match="cannot become a record"):
        place.settle("approve", "")
    assert len(place.tax.settling.open()) == 1


def test_an_enterprise_is_told_no_reason_that_its_service_cannot_take(place: Place) -> None:
    place.file("12.5")
    with pytest.raises(DecisionError, match="500 characters"):
        place.settle("reject", "x" * 501)
    assert place.file("12.5")["refused"] == {}


def test_a_record_that_cannot_be_shown_as_a_whole_is_not_taken(place: Place) -> None:
    before = place.tax.office.store.find(place.uscc, PERIOD)
    fields = [f"f{number}" for number in range(MAX_FIELDS)]
    for part, name in ((fields[:150], "a.csv"), (fields[150:], "b.csv")):
        place.tax.give(("uscc", "period", *part), [(place.uscc, PERIOD, *["1"] * len(part))], name)
    place.tax.runner.run()
    assert len(place.desk.ask(place.uscc, TAX, PERIOD, 0.0)["values"]) == len(before or {}) + 150
    (wide,) = Quarantine(place.tax.records, place.intake).waiting()
    assert (wide.origin.delivery, wide.reason) == (
        "b.csv",
        f"the record would have {len(before or {}) + MAX_FIELDS} fields; {MAX_FIELDS} at most are right 字段过多",
    )
    with pytest.raises(DeliveryError, match="by itself"):
        Quarantine(place.tax.records, place.intake).retry(wide, read_plain_again, wide.content)


def test_a_filing_that_is_rejected_never_counts_and_the_enterprise_is_told_why(place: Place) -> None:
    before = place.tax.office.store.find(place.uscc, PERIOD)
    place.file("12.5")
    place.settle("reject", "no proof")
    assert place.tax.office.store.find(place.uscc, PERIOD) == before
    (filing,) = place.desk.ask(place.uscc, TAX, PERIOD, 0.0)["filings"]
    assert (filing["state"], filing["note"]) == ("rejected", "no proof")


def test_a_field_that_enterprises_do_not_file_is_refused(place: Place) -> None:
    assert FIELD in str(place.file("1", field=FIELD)["refused"])
    assert not place.tax.values.book.waiting()


@pytest.mark.parametrize("value", ["abc", "-5", "1,000", "\uff11\uff12", "12\n  7: approved", "\u202e5.21"])
def test_a_filed_value_that_no_rule_could_read_is_refused_before_anybody_examines_it(place: Place, value: str) -> None:
    assert "sales_musd_previous" in str(place.file(value)["refused"])
    assert not place.tax.values.book.waiting()


def test_the_same_messages_again_change_nothing(place: Place) -> None:
    place.relay.hold = True
    with pytest.raises(NotReadyError):
        place.answer(False, "wrong", version="0" * 32)
    place.relay.hold = False
    version = place.version()
    place.answer(False, "wrong", version=version)
    place.file("12.5")
    disputes, waiting = place.tax.values.book.disputes(), place.tax.values.book.waiting()
    place.relay.hold = False
    place.desk.resume()
    place.desk.resume()
    assert (place.tax.values.book.disputes(), place.tax.values.book.waiting()) == (disputes, waiting)


def sent_by_the_service(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Sealed answers as whoever carries them has them."""
    carried: list[bytes] = []
    carry = place.relay.relay

    def keep(to: str, matter: str, sealed: bytes) -> None:
        if matter == VALUE_ANSWERS:
            carried.append(sealed)
        carry(to, matter, sealed)

    monkeypatch.setattr(place.relay, "relay", keep)
    return carried


def replay(place: Place, sealed: bytes) -> None:
    place.tax.do(WorkItem(sealed=Sealed(sender="enterprise", subject_matter=VALUE_ANSWERS, sealed=sealed)))


def test_an_old_answer_that_is_carried_again_counts_no_second_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = sent_by_the_service(place, monkeypatch)
    place.file("100")
    place.settle("approve", "")
    place.file("50")
    (now,) = place.tax.values.book.waiting()
    place.answer(True)
    place.answer(False, "we found that it is wrong")
    told = len(place.tax.exchange.sent("relay/enterprise/values"))
    for sealed in carried:
        replay(place, sealed)
    assert place.tax.values.book.waiting() == [now]
    assert [one.held.note for one in place.tax.values.book.disputes()] == ["we found that it is wrong"]
    answers = [sealed for _, sealed in place.tax.exchange.sent("relay/enterprise/values")]
    assert set(answers[told:]) <= set(answers[:told])  # the same bytes again, or nothing


def test_answers_that_come_behind_later_ones_are_refused_and_the_enterprise_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = sent_by_the_service(place, monkeypatch)
    version = place.version()
    place.relay.hold = True
    with pytest.raises(NotReadyError):
        place.answer(True, version=version)
    place.relay.hold = False
    place.answer(False, "wrong", version=version)
    before = len(place.tax.exchange.sent("relay/enterprise/values"))
    replay(place, carried[0])
    assert place.state() == "disputed"
    _, answer = place.tax.exchange.sent("relay/enterprise/values")[before]
    keys = place.zone.ledger.keys
    registered = [verify_key(keys.signing(TAX))]
    values = relay.open_message(Values, answer, keys.hpke["enterprise"], registered, sender=TAX, to="enterprise", matter=VALUES)
    assert "later answers" in values.refused[FIELD]


def test_a_service_is_told_nothing_about_an_enterprise_that_another_serves(place: Place) -> None:
    keys = place.zone.ledger.keys
    foreign = ValuesRequest(binding="00", period=PERIOD, serial=1)
    sealed = relay.seal_message(foreign, keys.sealing(TAX), keys.signers["enterprise"], sender="enterprise", to=TAX, matter=VALUES_REQUEST)
    before = len(place.tax.exchange.calls)
    place.tax.do(WorkItem(sealed=Sealed(sender="enterprise", subject_matter=VALUES_REQUEST, sealed=sealed)))
    assert [name for name, _, _ in place.tax.exchange.calls[before:]] == ["log"]  # a refusal, and nothing to anybody


def test_a_bank_is_shown_no_values(place: Place) -> None:
    keys = place.zone.ledger.keys
    binding = place.zone.answer().binding
    request = ValuesRequest(binding=binding, period=PERIOD, serial=1)
    sealed = relay.seal_message(request, keys.sealing(TAX), keys.signers["bank-a"], sender="bank-a", to=TAX, matter=VALUES_REQUEST)
    before = len(place.tax.exchange.calls)
    place.tax.do(WorkItem(sealed=Sealed(sender="bank-a", subject_matter=VALUES_REQUEST, sealed=sealed)))
    assert [name for name, _, _ in place.tax.exchange.calls[before:]] == ["log"]


def test_an_answer_that_nobody_asked_for_is_left_out(place: Place) -> None:
    place.desk.ask(place.uscc, TAX, PERIOD, 0.0)
    _, answer = place.tax.exchange.sent("relay/enterprise/values")[-1]
    shown = place.desk.life(place.uscc, PERIOD)["departments"]
    place.relay.deliver("ip", answer)
    assert place.desk.life(place.uscc, PERIOD)["departments"] == shown


def test_only_departments_and_enterprises_of_this_service_are_asked_about(place: Place) -> None:
    with pytest.raises(MemberUnknownError):
        place.desk.ask(place.uscc, "bank-a", PERIOD, 0.0)
    with pytest.raises(SubjectUnknownError):
        place.desk.ask("91330108MA2AAAAA0X", TAX, PERIOD, 0.0)
    with pytest.raises(NotFoundError):
        place.tax.values.book.filed(99)
