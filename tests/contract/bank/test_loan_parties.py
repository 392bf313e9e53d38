"""An application between its parties: each step signed, logged, sealed to the others, and refused where it does not hold."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from nodes.bank.loans.products import Products
from nodes.errors import NotFoundError, NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.lending.desk import LoanDesk
from nodes.lending.messages import LoanMessage, SignedStep
from nodes.lending.terms import terms_in
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica import relay
from nodes.runtime.replica.members import MembersSink
from protos.v1.exchange_pb2 import Sealed
from scoring.errors import LoanStateError
from scoring.exchange.registry import MemberRegistry
from scoring.statements import Leaf, LoanPaper, LoanStep, parse_leaf
from scoring.statements.lending import (
    Accepted,
    Assigned,
    Bad,
    Closed,
    Consented,
    Contracted,
    Disbursed,
    Drawn,
    Expired,
    Guaranteed,
    LoanContent,
    Offered,
    Queried,
    Repaid,
    Surveyed,
    Withdrawn,
)
from tests.support.bank import uscc_of
from tests.support.databases import database_in
from tests.support.exchange import identity_of
from tests.support.ledger import SMALL_BITS
from tests.support.lending import SUPPLIER, WAN
from tests.support.loan_parties import DAY_S, LoanParties, loan_parties, stated
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, released_zone

pytestmark = pytest.mark.xdist_group("loan-parties")  # in their order, on one place


@pytest.fixture(scope="module")
def made(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def parties(made: MemoryZone, tmp_path: Path) -> LoanParties:
    return loan_parties(made.fork(), tmp_path)


@pytest.fixture
def revolving(made: MemoryZone, tmp_path: Path) -> LoanParties:
    return loan_parties(made.fork(), tmp_path, stated(revolving=True))


def banks(parties: LoanParties, content: LoanContent) -> None:
    parties.bank.desk.say(parties.application, content)
    parties.deliver()


def to_offer(parties: LoanParties, amount_fen: int = 100 * WAN, **offer: Any) -> None:
    """An application led to the bank's offer."""
    parties.apply(amount_fen)
    parties.deliver()
    parties.consented()
    parties.deliver()
    said: dict[str, Any] = {"amount_fen": amount_fen, "rate_bp": 400, "term_months": 12, "until": parties.zone.now + 10 * DAY_S} | offer
    for content in (Queried(ticket="d" * 64, line_fen=200 * WAN), Surveyed(record="e" * 64), Offered(**said)):
        banks(parties, content)


def to_contract(parties: LoanParties) -> None:
    to_offer(parties)
    parties.own(Accepted(offer=parties.book.get(parties.application).app.offer_paper))
    parties.deliver()
    banks(parties, Contracted(number="2023-001", contract="f" * 64))


def agree(parties: LoanParties) -> str:
    """Both sides stand alike, and as the log says; the phase."""
    own, banks_own = parties.book.get(parties.application).app, parties.bank.book.get(parties.application).app
    assert own == banks_own
    assert parties.zone.view.loans[parties.application].course == own.course
    return own.phase


def test_an_application_runs_from_the_enterprise_to_the_last_repayment(parties: LoanParties) -> None:
    to_contract(parties)
    banks(parties, Disbursed(amount_fen=100 * WAN))
    banks(parties, Repaid(principal_fen=60 * WAN, interest_fen=4_000_00))
    assert parties.book.get(parties.application).app.owed_fen == 40 * WAN
    banks(parties, Repaid(principal_fen=40 * WAN, interest_fen=0, days_late=3))
    banks(parties, Closed())
    assert agree(parties) == "closed"


def test_neither_code_nor_subject_nor_amount_is_in_the_log_or_in_what_is_carried(parties: LoanParties) -> None:
    to_contract(parties)
    banks(parties, Disbursed(amount_fen=100 * WAN))
    steps = [envelope for leaf, envelope in parties.zone.entries if b"loan-step" in leaf]
    assert len(steps) == 8
    for hidden in (uscc_of(0), parties.subject, str(100 * WAN)):
        assert all(hidden.encode() not in envelope for envelope in steps)
        assert all(hidden.encode() not in sealed for _, _, sealed in parties.exchange.relayed)


def test_what_comes_before_the_notice_of_a_consent_waits_for_it(parties: LoanParties) -> None:
    parties.apply()
    consent = parties.consent()
    parties.own(Consented(consent=consent.statement.id))
    parties.deliver()
    with pytest.raises(NotFoundError):
        parties.bank.book.get(parties.application)
    parties.notice(consent)
    assert agree(parties) == "consented"


def test_nothing_counts_that_the_enterprise_itself_has_not_signed(parties: LoanParties) -> None:
    parties.application = "9" * 32
    parties.notice(parties.consent())
    other = parties.zone.enrolment(parties.zone.subjects[1])  # a key of another enterprise, made here
    stranger = parties.zone.keys.signers[other.key.key_id]
    parties.apply()
    parties.carried = len(parties.exchange.relayed)
    parties.desk.say(parties.application, Withdrawn(), stranger)
    parties.deliver()
    with pytest.raises(NotFoundError):
        parties.bank.book.get(parties.application)


def test_an_enrolment_that_the_registrar_did_not_sign_brings_no_key(parties: LoanParties) -> None:
    forged = parties.zone.envelope(parties.zone.enrolment(parties.subject), "tax")
    parties.notice(parties.consent(), enrolment=forged)
    parties.apply()
    parties.deliver()
    with pytest.raises(NotFoundError):
        parties.bank.book.get(parties.application)


def test_an_application_under_terms_that_were_not_published_is_not_taken(parties: LoanParties) -> None:
    parties.notice(parties.consent())
    forged = parties.bank.products.newest()[0].model_copy(update={"cap_fen": 9_000 * WAN, "nonce": fresh_nonce()})
    parties.terms = parties.zone.envelope(forged, "bank-a")
    parties.apply(8_000 * WAN)
    parties.deliver()
    with pytest.raises(NotFoundError):
        parties.bank.book.get(parties.application)


def test_a_step_that_is_not_in_the_log_is_not_taken(parties: LoanParties) -> None:
    to_offer(parties)
    kept = parties.book.get(parties.application)
    paper = LoanPaper(zone=ZONE, nonce=fresh_nonce(), application=kept.app.id, content=Accepted(offer=kept.app.offer_paper))
    signed = sign_statement(paper, parties.own_key)
    step = LoanStep(
        zone=ZONE, nonce=fresh_nonce(), application=kept.app.id, step="accepted", institution="bank-a", service="enterprise",
        previous=kept.app.course.last, paper=sha256(signed).hex(),
    )  # fmt: skip
    never = SignedStep(paper=signed.hex(), step=parties.zone.envelope(step, "enterprise").hex(), leaf_index=1)
    send(parties, LoanMessage(steps=(never,)), "enterprise", parties.bank.desk, "bank-a")
    assert parties.bank.book.get(parties.application).app.phase == "offered"


def test_what_a_stranger_passes_on_is_not_taken(parties: LoanParties) -> None:
    to_offer(parties)
    withdrawn = parties.own(Withdrawn())
    signed = parties.book.steps(withdrawn.app.id)[-1].signed
    send(parties, LoanMessage(steps=(signed,)), "bank-b", parties.bank.desk, "bank-a")
    assert parties.bank.book.get(parties.application).app.phase == "offered"
    parties.deliver()
    assert agree(parties) == "withdrawn"


def test_of_two_steps_at_once_one_counts_and_the_other_is_told_so(parties: LoanParties) -> None:
    to_offer(parties)
    parties.own(Withdrawn())
    parties.zone.now += 11 * DAY_S
    with pytest.raises(RpcRefusal, match="LOAN_OVERTAKEN"):
        parties.bank.desk.say(parties.application, Expired())
    parties.deliver()
    assert agree(parties) == "withdrawn"


def test_a_step_beyond_the_rules_is_refused_before_anything_is_signed(parties: LoanParties) -> None:
    to_offer(parties)
    said = len(parties.zone.entries)
    with pytest.raises(LoanStateError):
        parties.bank.desk.say(parties.application, Disbursed(amount_fen=1))
    assert len(parties.zone.entries) == said


def test_a_guarantor_is_shown_the_application_signs_its_share_and_hears_of_the_rest(parties: LoanParties) -> None:
    to_offer(parties, guarantor="bank-b", share_bp=6_000)
    shown = parties.guarantor.book.get(parties.application)
    assert (shown.app.phase, shown.parties.uscc) == ("offered", uscc_of(0))
    with pytest.raises(LoanStateError):  # the bank cannot conclude without it
        parties.bank.desk.say(parties.application, Contracted(number="1", contract="f" * 64))
    parties.guarantor.desk.say(parties.application, Guaranteed(share_bp=6_000, amount_fen=60 * WAN))
    parties.deliver()
    parties.own(Accepted(offer=parties.book.get(parties.application).app.offer_paper))
    parties.deliver()
    for content in (Contracted(number="1", contract="f" * 64), Disbursed(amount_fen=100 * WAN), Bad(principal_fen=100 * WAN)):
        banks(parties, content)
    assert agree(parties) == "bad"
    assert parties.guarantor.book.get(parties.application).app == parties.book.get(parties.application).app


def test_nobody_is_shown_an_application_without_being_named(parties: LoanParties) -> None:
    to_offer(parties)
    kept = parties.bank.book.get(parties.application)
    steps = tuple(step.signed for step in parties.bank.book.steps(parties.application))
    held = kept.parties
    whole = LoanMessage(steps=steps, terms=held.terms.hex(), binding=held.binding.hex(), enrolment=held.enrolment.hex())
    send(parties, whole, "bank-a", parties.guarantor.desk, "bank-b")
    with pytest.raises(NotFoundError):
        parties.guarantor.book.get(parties.application)


def test_a_revolving_line_is_drawn_and_assigned_never_beyond_it(revolving: LoanParties) -> None:
    to_contract(revolving)
    revolving.own(Assigned(supplier=SUPPLIER, amount_fen=40 * WAN))
    revolving.own(Drawn(amount_fen=60 * WAN))
    with pytest.raises(Exception, match="available"):
        revolving.own(Drawn(amount_fen=1))
    revolving.deliver()
    banks(revolving, Repaid(principal_fen=20 * WAN, interest_fen=0))
    revolving.own(Drawn(amount_fen=20 * WAN))
    revolving.deliver()
    assert agree(revolving) == "repaying"
    assert revolving.book.get(revolving.application).app.owed_fen == 60 * WAN


def test_an_enterprise_on_the_public_list_of_the_dishonest_is_offered_nothing(parties: LoanParties) -> None:
    parties.bank.dishonest.add(uscc_of(0))
    with pytest.raises(LoanStateError, match="dishonest"):
        to_offer(parties)


def test_a_product_that_does_not_refuse_the_dishonest_is_offered(made: MemoryZone, tmp_path: Path) -> None:
    open_to_all = loan_parties(made.fork(), tmp_path, stated(refuses_dishonest=False))
    open_to_all.bank.dishonest.add(uscc_of(0))
    to_offer(open_to_all)
    assert agree(open_to_all) == "offered"


def test_what_was_signed_before_an_outage_is_logged_once_when_it_is_over(parties: LoanParties) -> None:
    to_offer(parties)
    real = parties.exchange.submit
    answered: list[bytes] = []

    def lost(envelope: bytes) -> Any:
        answered.append(envelope)
        real(envelope)  # logged, but the answer does not come
        raise PeerUnavailableError("the answer was lost")

    with pytest.MonkeyPatch.context() as network:  # between us and the coordinator
        network.setattr(parties.exchange, "submit", lost)
        with pytest.raises(PeerUnavailableError):
            parties.own(Withdrawn())
    parties.desk.resume()
    parties.deliver()
    assert agree(parties) == "withdrawn"
    assert [envelope for _, envelope in parties.zone.entries].count(answered[0]) == 1


def test_while_it_is_not_known_what_became_of_a_step_no_other_is_made(parties: LoanParties) -> None:
    to_offer(parties)

    def away(_envelope: bytes) -> Any:
        raise RpcRefusal("NOT_READY", "not now", "UNAVAILABLE")

    with pytest.MonkeyPatch.context() as starting:
        starting.setattr(parties.exchange, "submit", away)
        for _ in range(2):
            with pytest.raises(NotReadyError):
                parties.own(Withdrawn())
    parties.desk.resume()
    parties.deliver()
    assert agree(parties) == "withdrawn"


def test_terms_are_published_once_and_anew_when_they_change(parties: LoanParties) -> None:
    products = parties.bank.products
    assert products.publish(stated()).version == 1
    assert products.publish(stated(rate_bp=400)).version == 2
    with pytest.raises(RpcRefusal, match="TERMS_INVALID"):
        products.publish(stated(floor_fen=501 * WAN))
    assert [(terms.product, terms.version) for terms in products.newest()] == [("points-loan", 2)]


def test_a_bank_whose_database_is_new_goes_on_from_the_version_that_the_log_has(parties: LoanParties, tmp_path: Path) -> None:
    parties.bank.products.publish(stated(rate_bp=400))
    zone = parties.zone
    new = Products(database_in(tmp_path, "bank"), identity_of(zone.keys, "bank-a"), parties.exchange.client_of("bank-a"), "bank", lambda: zone.now)
    with pytest.raises(RpcRefusal, match="TERMS_INVALID"):  # what it says before it has heard of any
        new.publish(stated(rate_bp=300))
    for _ in range(2):  # at every start
        registry = MemberRegistry(zone.view.registry.genesis)
        sink = MembersSink(registry, min_key_bits=SMALL_BITS, heard=partial(heard_by, new, registry))
        for index, (leaf, envelope) in enumerate(zone.entries):
            sink.apply(index, leaf, envelope)
    assert [terms.version for terms in new.newest()] == [2]
    assert new.publish(stated(rate_bp=400)).version == 2, "it says what is in force: nothing new"
    assert new.publish(stated(rate_bp=300)).version == 3
    assert {digest for digest in digests_of(zone, "bank-a") if new.envelope(digest)} == set(digests_of(zone, "bank-a")), "also earlier ones"


def test_terms_that_another_signed_are_not_ours_whatever_the_log_says(parties: LoanParties, tmp_path: Path) -> None:
    zone = parties.zone
    new = Products(database_in(tmp_path, "bank"), identity_of(zone.keys, "bank-a"), parties.exchange.client_of("bank-a"), "bank", lambda: zone.now)
    (digest,) = digests_of(zone, "bank-a")
    index, (leaf, envelope) = next((index, entry) for index, entry in enumerate(zone.entries) if parse_leaf(entry[0]).digest == digest)
    terms = terms_in(envelope).model_copy(update={"version": 9})
    abroad = terms.model_copy(update={"zone": "another-zone"})  # where the bank is a member too, with the same key
    forged = [sign_statement(terms, zone.keys.signers["bank-b"]), sign_statement(abroad, zone.keys.signers["bank-a"])]
    garbage = [b"", b"{}", b"\xff", b"[" * 100_000, envelope[:-1], zone.entries[0][1], envelope.replace(b"bank-a~", b"bank-x~")]
    for said in (*forged, *garbage):  # each at a leaf that names it: a log takes what it likes
        new.hear(index, parse_leaf(leaf).model_copy(update={"digest": sha256(said).hex()}), said, zone.view.registry)
    assert new.newest() == []
    new.hear(index, parse_leaf(leaf), envelope, zone.view.registry)
    assert [terms.version for terms in new.newest()] == [1]


def heard_by(products: Products, registry: MemberRegistry, index: int, leaf: Leaf, envelope: bytes) -> None:
    products.hear(index, leaf, envelope, registry)


def digests_of(zone: MemoryZone, member: str) -> list[str]:
    """Of the terms that ``member`` has in the log."""
    leaves = [parse_leaf(leaf) for leaf, _ in zone.entries]
    return [leaf.digest for leaf in leaves if (leaf.kind, leaf.actor) == ("product-terms", member)]


def send(parties: LoanParties, message: LoanMessage, sender: str, desk: LoanDesk, to: str) -> None:
    """A message as ``sender`` really seals it, straight to a desk."""
    public, signer = parties.zone.keys.sealing(to), parties.zone.keys.signers[sender]
    sealed = relay.seal_message(message, public, signer, sender=sender, to=to, matter=relay.LOAN)
    desk.receive(Sealed(sender=sender, subject_matter=relay.LOAN, sealed=sealed))
