"""A revocation that reaches a custodian straight binds it from then on: before the ticket, after it, in the middle, after a restart [P5.0]."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from crypto.encoding import sha256
from nodes.custodian.examination import Admitted
from nodes.runtime.files import write_private
from protos.v1.exchange_pb2 import OpenTicket
from scoring.errors import ConsentRevokedError
from scoring.exchange.view import Logged
from scoring.statements import Revocation
from tests.unit.custodian.conftest import Desk
from tests.unit.custodian.test_worker import Exchange, custodian, work_for


def consent_of(desk: Desk, place: int = 0) -> Logged:
    return desk.zone.view.at(list(desk.zone.view.consents.values())[place].index)


def revocation(desk: Desk, place: int = 0, signer: str = "") -> bytes:
    """The revocation of a consent, signed by its enterprise and not in the log."""
    subject = consent_of(desk, place).statement.subject
    return desk.zone.envelope(desk.zone.revocation(consent_of(desk, place)), signer or desk.zone.own_key[subject])


def ticket(desk: Desk, place: int = 0) -> OpenTicket:
    return desk.say(desk.zone.asked(consent_of(desk, place)))


# --- races ---


def test_a_revocation_that_comes_before_the_ticket_stops_it(desk: Desk) -> None:
    desk.revocations.take(revocation(desk))
    work = ticket(desk)  # the log does not know of it: the ticket stands there
    assert desk.zone.view.tickets
    with pytest.raises(ConsentRevokedError):
        desk.examine(work)


def test_a_revocation_between_ticket_and_examination_stops_it(desk: Desk) -> None:
    work = ticket(desk)
    desk.revocations.take(revocation(desk))
    with pytest.raises(ConsentRevokedError):
        desk.examine(work)


def test_a_revocation_during_the_examination_stops_the_answer(desk: Desk) -> None:
    """It comes when everything has been checked and the partials are sealed: they do not leave."""

    class Interrupted:
        def examine(self, work: OpenTicket) -> Admitted:
            admitted = desk.examine(work)
            desk.revocations.take(raw)
            return admitted

        def still_admitted(self, admitted: Admitted) -> None:
            desk.examiner.still_admitted(admitted)

    raw, exchange, work = revocation(desk), Exchange(), work_for(desk)
    custodian(desk, Interrupted(), exchange).open(work)
    assert (exchange.answered, exchange.refused) == ([], ["CONSENT_REVOKED"])


def test_without_a_revocation_the_same_ticket_is_answered(desk: Desk) -> None:
    exchange, work = Exchange(), work_for(desk)
    custodian(desk, desk.examiner, exchange).open(work)
    assert (len(exchange.answered), exchange.refused) == (1, [])


def test_a_revocation_is_not_acknowledged_while_an_answer_is_being_sent(desk: Desk) -> None:
    """So an acknowledgement means that nothing under the consent leaves any more, not that something is just leaving."""
    raw, acknowledged = revocation(desk), threading.Event()

    def acknowledge() -> None:
        desk.revocations.held()
        acknowledged.set()

    with desk.revocations.sending():
        desk.revocations.take(raw)
        thread = threading.Thread(target=acknowledge)
        thread.start()
        assert not acknowledged.wait(0.2)
    thread.join()
    assert desk.revocations.held() == (sha256(raw).hex(),)


def test_a_revocation_after_the_answer_binds_the_next_ticket(desk: Desk) -> None:
    desk.examine(ticket(desk))
    desk.revocations.take(revocation(desk))
    with pytest.raises(ConsentRevokedError):
        desk.examine(ticket(desk))


def test_a_revocation_binds_after_a_restart(desk: Desk) -> None:
    raw, work = revocation(desk), ticket(desk)
    desk.revocations.take(raw)
    again = desk.restarted()
    with pytest.raises(ConsentRevokedError):
        again.check(desk.zone.view.consent_by_digest(consent_of(desk).digest))
    assert again.held() == (sha256(raw).hex(),)
    with pytest.raises(ConsentRevokedError):
        desk.examine(work)


def test_a_logged_revocation_binds_on_replay_and_need_not_be_held(desk: Desk) -> None:
    raw, work = revocation(desk), ticket(desk)
    desk.revocations.take(raw)
    logged = desk.zone.append(raw, "enterprise", "revocation")
    assert logged is not None
    desk.revocations.observe(logged)
    assert desk.revocations.held() == ()
    assert desk.restarted().held() == ()
    with pytest.raises(ConsentRevokedError):
        desk.examine(work)


def test_a_new_consent_stands_beside_the_revoked_one(desk: Desk) -> None:
    subject = consent_of(desk).statement.subject
    desk.revocations.take(revocation(desk))
    again = desk.zone.say(desk.zone.consent_statement(subject), desk.zone.own_key[subject])
    assert desk.examine(desk.say(desk.zone.asked(again))).aggregates
    with pytest.raises(ConsentRevokedError):
        desk.examine(ticket(desk))


def test_a_revocation_that_comes_before_its_consent_waits_for_it(desk: Desk) -> None:
    subject = consent_of(desk).statement.subject
    statement = desk.zone.consent_statement(subject)
    key = desk.zone.own_key[subject]
    early = desk.zone.envelope(
        Revocation(zone=statement.zone, nonce="00" * 16, consent=statement.id, subject=subject, service=statement.service), key
    )
    desk.revocations.take(early)
    assert desk.revocations.held() == ()
    consent = desk.zone.say(statement, key)
    desk.revocations.observe(consent)
    assert desk.revocations.held() == (sha256(early).hex(),)
    with pytest.raises(ConsentRevokedError):
        desk.examine(desk.say(desk.zone.asked(consent)))


# --- who may revoke ---


def by_another_enterprise(desk: Desk) -> bytes:
    return revocation(desk, signer=desk.zone.own_key[consent_of(desk, 1).statement.subject])


def by_the_coordinator(desk: Desk) -> bytes:
    return revocation(desk, signer="coordinator")


def of_another_subject(desk: Desk) -> bytes:
    """An enterprise cannot withdraw what another has consented to, whatever subject it names."""
    other = consent_of(desk, 1).statement.subject
    statement = desk.zone.revocation(consent_of(desk)).model_copy(update={"subject": other})
    return desk.zone.envelope(statement, desk.zone.own_key[other])


def by_a_key_that_was_replaced(desk: Desk) -> bytes:
    raw, subject = revocation(desk), consent_of(desk).statement.subject
    desk.zone.enrol(subject)
    return raw


def no_statement(_desk: Desk) -> bytes:
    return b"{}"


def another_statement(desk: Desk) -> bytes:
    subject = consent_of(desk).statement.subject
    return desk.zone.envelope(desk.zone.consent_statement(subject), desk.zone.own_key[subject])


@pytest.mark.parametrize(
    "forged", [by_another_enterprise, by_the_coordinator, of_another_subject, by_a_key_that_was_replaced, no_statement, another_statement]
)
def test_what_its_enterprise_did_not_sign_revokes_nothing(desk: Desk, forged: Callable[[Desk], bytes]) -> None:
    desk.revocations.take(forged(desk))
    assert desk.revocations.held() == ()
    assert desk.examine(ticket(desk)).aggregates


def test_its_service_may_revoke_for_an_enterprise(desk: Desk) -> None:
    desk.revocations.take(revocation(desk, signer="enterprise"))
    with pytest.raises(ConsentRevokedError):
        desk.examine(ticket(desk))


def test_a_revocation_handed_over_on_a_medium_is_taken(desk: Desk) -> None:
    """When coordinator, log and gateway are all against it, an operator can still be given the file."""
    incoming = desk.directory / "revocations" / "incoming"
    write_private(incoming / "from-the-enterprise.json", revocation(desk))
    write_private(incoming / "nonsense.json", b"{}")
    desk.revocations.collect()
    assert list(incoming.iterdir()) == []
    with pytest.raises(ConsentRevokedError):
        desk.examine(ticket(desk))
