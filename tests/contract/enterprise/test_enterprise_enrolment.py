"""Enrolment through an enterprise service: keys, requests and the registrar's answers."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest

from nodes.errors import NotReadyError
from nodes.runtime.replica.relay import BINDING, BindingAnswer
from protos.v1.exchange_pb2 import Sealed, WorkItem
from tests.support.bank import uscc_of
from tests.support.databases import ON_BOTH
from tests.support.enterprise_service import REGISTRAR, Service, service


def test_an_enterprise_is_enrolled_under_keys_that_only_this_service_can_read(desk: Service) -> None:
    uscc = desk.enrolled()
    found = desk.enrolments.enrolled(uscc)
    assert (found.state, found.subject) == ("enrolled", desk.site.zone.subjects[0])
    file = desk.state_dir / "keys" / f"{found.key_id}.json"
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert uscc not in file.read_text()


def test_the_code_is_in_nothing_that_the_coordinator_carries(desk: Service) -> None:
    uscc = desk.enrolled()
    assert all(uscc.encode() not in sealed for _, _, sealed in desk.site.exchange.relayed)
    assert all(uscc.encode() not in leaf + envelope for leaf, envelope in desk.site.zone.entries)


def test_asking_again_sends_the_same_request_and_an_enrolled_one_nothing(desk: Service) -> None:
    for _ in range(2):
        with pytest.raises(NotReadyError):
            desk.enrolments.enrol(uscc_of(0), 0.0)
    assert len({sealed for _, _, sealed in desk.site.exchange.relayed}) == 1
    desk.enrolments.handle(desk.registrar(1))
    sent = len(desk.site.exchange.relayed)
    assert desk.enrolments.enrol(uscc_of(0), 0.0).state == "enrolled"
    assert len(desk.site.exchange.relayed) == sent


@ON_BOTH
def test_a_restarted_service_sends_its_open_requests_again(desk: Service) -> None:
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    again = service(desk.site, desk.state_dir)
    again.enrolments.resume()
    first, second = (sealed for _, _, sealed in desk.site.exchange.relayed)
    assert first == second


def test_a_refused_enrolment_tells_why_and_can_be_asked_for_again(desk: Service) -> None:
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    known = desk.store.enterprise(uscc_of(0))
    assert known is not None
    desk.enrolments.handle(desk.answer(1, BindingAnswer(key_id=known.key_id, subject="", reason="SUBJECT_UNKNOWN")))
    assert desk.store.enterprises()[0].state == "refused"
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    desk.enrolments.handle(desk.registrar(2))
    assert desk.enrolments.enrolled(uscc_of(0)).key_id == known.key_id


@pytest.mark.parametrize(
    "forged",
    [
        lambda desk: desk.registrar(3, signer="tax"),
        lambda desk: desk.registrar(3, uscc=uscc_of(5)),
        lambda desk: desk.registrar(3, key_id="e-0000000000000000"),
        lambda desk: desk.answer(3, BindingAnswer(key_id="e-0000000000000000", subject="", reason="SUBJECT_UNKNOWN"), sender="tax"),
        lambda desk: WorkItem(seq=3, sealed=Sealed(sender=REGISTRAR, subject_matter=BINDING, sealed=b"x" * 100)),
    ],
    ids=["binding by another", "another code", "another key", "another sender", "garbage"],
)
def test_an_answer_that_does_not_hold_is_left_out_and_work_goes_on(desk: Service, forged: Callable[[Service], WorkItem]) -> None:
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    desk.enrolments.handle(forged(desk))
    assert (desk.store.enterprises()[0].state, desk.store.cursor()) == ("asked", 3)
