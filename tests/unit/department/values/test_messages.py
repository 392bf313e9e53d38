"""Messages about values: those that come again, late or from others change nothing and tell nobody anything."""

from __future__ import annotations

import pytest

from nodes.errors import MemberUnknownError, NotFoundError, NotReadyError
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import VALUE_ANSWERS, VALUES, VALUES_REQUEST
from nodes.runtime.replica.value_messages import Values, ValuesRequest
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.errors import SubjectUnknownError
from scoring.exchange.view import verify_key
from tests.support.departments import PERIOD
from tests.support.values import FIELD, TAX, Place


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
