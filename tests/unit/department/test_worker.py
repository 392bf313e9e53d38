"""A department does only what it can check; it refuses in the log, goes on, and says the same thing twice rather than two things."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.errors import SignatureError
from nodes.contributing.office import RosterKey
from nodes.contributing.trust import ZoneTrust
from nodes.department.worker import Department
from nodes.errors import PeerUnavailableError, SettingsError, StorageError
from nodes.roster_key import read_roster_key
from protos.v1.exchange_pb2 import ConsentNotice, OpenTicket, PrepareEpoch, WorkItem
from scoring.errors import StatementFormatError
from scoring.statements import Refusal, RosterCompiled
from simulators.population.tables import Population
from tests.support.departments import EPOCH, PERIOD, DepartmentZone, Node, columns_asked, row_asked
from tests.support.ledger import PACK


def refusals(zone: DepartmentZone) -> list[tuple[str, str]]:
    """(member, reason) of every refusal in the log."""
    found: list[Refusal] = [logged.statement for logged in zone.ledger.view.refusals]
    return [(refusal.member, refusal.reason) for refusal in found]


def signed_opening(departments: DepartmentZone, signer: str = "authority", **changes: Any) -> bytes:
    """An opening of the epoch that says something else, signed."""
    return departments.ledger.envelope(departments.opening(**changes), signer)


# --- what it is asked is checked ---


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "ab" * 32}, "MODEL_MISMATCH"),
        ({"key": "ab" * 32}, "KEY_MISMATCH"),
        ({"roster": "ab" * 32}, "NOT_FOUND"),
        ({"slots": 1}, "LAYOUT_INVALID"),
        ({"slot_bits": 64}, "LAYOUT_INVALID"),
        ({"batches": 1}, "LAYOUT_INVALID"),
        ({"period": "1996"}, "ROSTER_MISMATCH"),
        ({"epoch": "epoch-1996"}, "ROSTER_MISMATCH"),
        ({"zone": "other-zone"}, "ZONE_MISMATCH"),
    ],
)
def test_an_epoch_that_is_not_what_it_says_gets_no_column(zone: DepartmentZone, changes: dict[str, Any], reason: str) -> None:
    zone.prepare()
    node = zone.nodes["ip"]
    node.do(columns_asked(signed_opening(zone, **changes)))
    assert not node.exchange.sent("contribute")
    assert refusals(zone) == [("ip", reason)]


def test_an_epoch_that_names_another_contributor_gets_no_column(zone: DepartmentZone) -> None:
    zone.prepare()
    contributors = {**zone.opening().contributors, "patents": ("tax",)}
    zone.nodes["ip"].do(columns_asked(signed_opening(zone, contributors=contributors)))
    assert refusals(zone) == [("ip", "NOT_OWNER")]


@pytest.mark.parametrize("signer", ["coordinator", "market"])
def test_an_epoch_that_the_authority_did_not_open_gets_no_column(zone: DepartmentZone, signer: str) -> None:
    zone.prepare()
    zone.nodes["ip"].do(columns_asked(signed_opening(zone, signer)))
    assert not zone.nodes["ip"].exchange.sent("contribute")
    assert refusals(zone) == [("ip", "SIGNER_NOT_ALLOWED")]


def test_a_tampered_roster_document_gets_no_column(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    name = opened.statement.roster
    zone.blobs[name] = zone.blobs[name].replace(b'"S1"', b'"S2"', 1)
    zone.nodes["ip"].do(columns_asked(opened.envelope))
    assert refusals(zone) == [("ip", "ROSTER_MISMATCH")]


def test_the_registrar_refuses_an_epoch_over_another_roster_than_its_own(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    market = zone.nodes["market"]
    smaller: list[tuple[str, ...]] = [(uscc, PERIOD, "nowhere") for uscc in list(market.office.store.period(PERIOD))[:3]]
    market.give(("uscc", "period", "division"), smaller, "moved.csv")
    market.do(WorkItem(prepare=PrepareEpoch(epoch=EPOCH, period=PERIOD, model=bytes.fromhex(zone.ledger.model.sha256))))
    market.do(columns_asked(opened.envelope))
    assert not market.exchange.sent("contribute")
    assert refusals(zone)[-1] == ("market", "ROSTER_MISMATCH")


def test_the_stage_owner_refuses_an_epoch_over_other_stages_than_its_own(zone: DepartmentZone) -> None:
    zone.prepare()
    tax = zone.nodes["tax"]
    published = zone.blobs[zone.opening().roster]
    moved = published.replace(b'"330108"', b'"330109"', 1)
    zone.blobs[sha256(moved).hex()] = moved
    tax.do(columns_asked(signed_opening(zone, roster=sha256(moved).hex())))
    assert not tax.exchange.sent("contribute")
    assert refusals(zone) == [("tax", "ROSTER_MISMATCH")]


@pytest.mark.parametrize("name", ["ip", "tax"])
def test_only_the_registrar_compiles_a_roster(zone: DepartmentZone, name: str) -> None:
    item = PrepareEpoch(epoch=EPOCH, period=PERIOD, model=bytes.fromhex(zone.ledger.model.sha256))
    zone.nodes[name].do(WorkItem(prepare=item))
    assert refusals(zone) == [(name, "NOT_OWNER")]


def test_only_the_stage_owner_publishes_stages(zone: DepartmentZone) -> None:
    zone.prepare()
    roster = zone.ledger.view.rosters[EPOCH].envelope
    item = PrepareEpoch(epoch=EPOCH, period=PERIOD, model=bytes.fromhex(zone.ledger.model.sha256), roster_envelope=roster)
    zone.nodes["ip"].do(WorkItem(prepare=item))
    assert refusals(zone) == [("ip", "NOT_OWNER")]


# --- rows only under a consent that holds ---


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"not_after": 1}, "CONSENT_EXPIRED"),
        ({"not_before": 1 << 39}, "CONSENT_NOT_YET"),
        ({"audience": "science"}, "CONSENT_SCOPE"),
        ({"audience": "e-0000000000000000", "purpose": "portrait"}, "CONSENT_SCOPE"),
        ({"functionals": ("patents",)}, "NOT_DISCLOSED"),
        ({"service": "bank-a"}, "SIGNER_NOT_ALLOWED"),
        ({"signed_by": "service"}, "SIGNER_UNKNOWN"),
        ({"subject": "00" * 16}, "SIGNER_NOT_ALLOWED"),
    ],
)
def test_no_row_without_a_consent_that_holds(zone: DepartmentZone, firms: Population, changes: dict[str, Any], reason: str) -> None:
    opened = zone.prepare()
    key_id = zone.enrol(firms.firms[0].uscc)
    statement = zone.consent_statement(key_id).model_copy(update=changes)
    consent = zone.ledger.envelope(statement, key_id)
    node = zone.nodes["ip"]
    node.do(row_asked(opened.envelope, consent, zone.ledger.view.enrolments[key_id].envelope))
    assert not node.exchange.sent("contribute")
    assert refusals(zone) == [("ip", reason)]


def test_no_row_for_a_consent_signed_by_anothers_key(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    mine, theirs = (zone.enrol(firm.uscc) for firm in firms.firms[:2])
    consent = zone.ledger.envelope(zone.consent_statement(mine), theirs)
    zone.nodes["ip"].do(row_asked(opened.envelope, consent, zone.ledger.view.enrolments[mine].envelope))
    assert refusals(zone) == [("ip", "SIGNATURE_INVALID")]


def test_no_row_for_an_enrolment_that_the_registrar_did_not_sign(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    key_id = zone.enrol(firms.firms[0].uscc)
    forged = zone.ledger.envelope(zone.ledger.view.enrolments[key_id].statement, "coordinator")
    consent = zone.ledger.envelope(zone.consent_statement(key_id), key_id)
    zone.nodes["ip"].do(row_asked(opened.envelope, consent, forged))
    assert refusals(zone) == [("ip", "SIGNER_NOT_ALLOWED")]


def test_a_consent_that_the_service_signed_is_enough_for_a_bank(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    zone.contribute(opened)
    key_id = zone.enrol(firms.firms[0].uscc)
    consent = zone.consent(key_id, signer="enterprise", signed_by="service")
    zone.nodes["ip"].do(zone.ask_row(opened, consent, key_id))
    assert len(zone.ledger.view.rows) == 1


# --- twice the same rather than two things ---


def restarted(zone: DepartmentZone, name: str) -> Node:
    zone.nodes[name] = zone.nodes[name].restart()
    return zone.nodes[name]


def test_what_was_not_sent_before_a_crash_is_sent_after_it_byte_for_byte(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    node.exchange.hold = True
    node.exchange.blobs = zone.blobs
    node.department._fetch = lambda digest: zone.blobs[digest]
    node.do(columns_asked(opened.envelope))
    waiting = node.office.outbox.next()
    assert waiting is not None
    assert not node.exchange.calls
    node = restarted(zone, "ip")
    node.exchange.hold = False
    node.flush()
    assert node.exchange.sent("contribute")[0] == (waiting.message.envelope, waiting.message.content)
    assert len(node.exchange.sent("contribute")) == 2


def test_a_column_asked_for_again_after_a_restart_is_the_same_bytes(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    zone.nodes["ip"].do(columns_asked(opened.envelope))
    first = zone.nodes["ip"].exchange.sent("contribute")
    leaves = zone.ledger.view.size
    node = restarted(zone, "ip")
    node.do(columns_asked(opened.envelope))
    assert node.exchange.sent("contribute") == first * 2
    assert zone.ledger.view.size == leaves


def test_a_column_made_anew_with_the_same_secret_is_the_same_message(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    node.do(columns_asked(opened.envelope))
    contributor = node.department._contributor(opened.envelope)
    made = [prepared.make(0) for prepared, _ in contributor.columns()]
    assert [(message.envelope, message.content) for message in made] == node.exchange.sent("contribute")


def test_another_revision_shares_no_ciphertext_with_the_first(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    zone.nodes["ip"].department.scan()
    contributor = zone.nodes["ip"].department._contributor(opened.envelope)
    width = zone.ledger.public_key.ciphertext_size
    seen: set[bytes] = set()
    for prepared, _ in contributor.columns():
        for revision in (0, 1):
            content = prepared.make(revision).content
            parts = {content[start : start + width] for start in range(0, len(content), width)}
            assert not parts & seen
            seen |= parts


def test_a_message_under_a_known_place_with_other_bytes_is_never_sent(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    node.do(columns_asked(opened.envelope))
    kept = node.office.outbox.latest(f"column/{EPOCH}/patents/-")
    assert kept is not None
    with pytest.raises(StorageError):
        node.office.outbox.keep(type(kept.message)(kept.message.place, 0, "contribute", b"other"))


# --- going on ---


def test_while_the_coordinator_is_away_nothing_is_done_and_nothing_refused(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    node.exchange.hold = True
    with pytest.raises(PeerUnavailableError):
        node.do(columns_asked(opened.envelope))
    assert node.office.outbox.next() is None


def test_work_without_records_is_refused_and_done_when_records_come(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    path = node.root / "records" / "records.csv"
    later = path.read_bytes()
    path.unlink()
    node.do(columns_asked(opened.envelope))
    assert refusals(zone) == [("ip", "RECORDS_MISSING")]
    node = restarted(zone, "ip")
    node.department.resume()
    node.flush()
    assert refusals(zone) == [("ip", "RECORDS_MISSING")]  # the same refusal is not said again
    path.write_bytes(later)
    node.department.scan()
    node.flush()
    assert len(node.exchange.sent("contribute")) == 2
    assert node.office.outbox.aside() == []


def test_work_with_an_unknown_pack_is_done_after_the_pack_was_put_in_place(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    pack = node.root / "public" / "packs" / PACK.name
    data = pack.read_bytes()
    pack.unlink()
    node.office.trust._models.clear()
    node.do(columns_asked(opened.envelope))
    assert refusals(zone) == [("ip", "MODEL_MISMATCH")]
    pack.write_bytes(data)
    node.department.resume()
    node.flush()
    assert len(node.exchange.sent("contribute")) == 2


def test_a_row_for_a_consent_not_yet_in_force_by_our_clock_is_made_when_it_is(zone: DepartmentZone, firms: Population) -> None:
    opened = zone.prepare()
    key_id = zone.enrol(firms.firms[0].uscc)
    statement = zone.consent_statement(key_id)
    node = zone.nodes["ip"]
    clock, node.department._now = node.department._now, lambda: statement.not_before - 1
    node.do(row_asked(opened.envelope, zone.ledger.envelope(statement, key_id), zone.ledger.view.enrolments[key_id].envelope))
    assert refusals(zone) == [("ip", "CONSENT_NOT_YET")]
    node.department._now = clock
    node.department.resume()
    node.flush()
    assert len(node.exchange.sent("contribute")) == 1
    assert node.office.outbox.aside() == []


def test_records_of_another_zone_are_not_contributed_as_zeros(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    office = node.office
    stranger = Department(
        dataclasses.replace(office, subjects=RosterKey(bytes(32))), bytes(32), node.values, node.exchange.fetch, lambda: zone.ledger.now
    )
    item = columns_asked(opened.envelope)
    stranger.handle(item)
    node.flush()
    assert not node.exchange.sent("contribute")
    assert refusals(zone) == [("ip", "RECORDS_MISSING")]


def test_work_for_the_members_other_roles_is_passed_over(zone: DepartmentZone) -> None:
    node = zone.nodes["tax"]
    node.do(WorkItem(open=OpenTicket(ticket_envelope=b"x")))
    node.do(WorkItem(consent=ConsentNotice(consent_envelope=b"x")))
    assert node.office.outbox.next() is None
    assert not node.exchange.calls


@pytest.mark.parametrize("envelope", [b"", b"{}", b"\xff"])
def test_bytes_that_are_no_envelope_are_refused_and_the_next_item_is_done(zone: DepartmentZone, envelope: bytes) -> None:
    opened = zone.prepare()
    node = zone.nodes["ip"]
    node.do(columns_asked(envelope))
    node.do(columns_asked(opened.envelope))
    assert refusals(zone) == [("ip", "ENVELOPE_INVALID")]
    assert len(node.exchange.sent("contribute")) == 2


# --- trust and keys ---


def test_a_registry_of_another_zone_stops_the_process_at_its_start(zone: DepartmentZone) -> None:
    with pytest.raises(SettingsError, match="other-zone"):
        ZoneTrust(zone.nodes["ip"].root / "public", "other-zone", "ip")


def test_a_statement_of_another_kind_is_not_taken_for_the_one_asked(zone: DepartmentZone) -> None:
    zone.prepare()
    trust = zone.nodes["ip"].office.trust
    with pytest.raises(StatementFormatError, match="roster"):
        trust.statement(signed_opening(zone), RosterCompiled, "authority")
    raw = bytearray(zone.ledger.view.rosters[EPOCH].envelope)
    place = raw.index(b'"sig":"') + 7
    raw[place : place + 4] = b"AAAA" if raw[place : place + 4] != b"AAAA" else b"BBBB"
    with pytest.raises(SignatureError):
        trust.statement(bytes(raw), RosterCompiled, "registrar")


@pytest.mark.parametrize("text", [b"", b"00" * 31, b"zz" * 32, b"\xff" * 64])
def test_a_malformed_roster_key_is_refused_without_showing_it(text: bytes) -> None:
    with pytest.raises(SettingsError) as caught:
        read_roster_key(text)
    assert str(caught.value) == "a roster key is written as 64 hex digits"
    assert read_roster_key(b"0f" * 32 + b"\n") == b"\x0f" * 32


def test_tables_are_made_larger_for_more_ciphertexts_and_never_smaller(zone: DepartmentZone) -> None:
    opened = zone.prepare()
    department, key = zone.nodes["ip"].department, opened.statement.key
    small, large = department._encryptor(key, 4), department._encryptor(key, 1 << 20)
    assert small is not large
    assert department._encryptor(key, 4) is large


def test_an_item_at_which_our_own_program_fails_is_refused_tried_once_more_and_passed_over(zone: DepartmentZone) -> None:
    node = zone.nodes["ip"]

    class Broken(Department):
        tried, fault = 0, Exception()

        def _do(self, item: WorkItem) -> bool:
            if item.WhichOneof("work") != "consent":
                return super()._do(item)
            self.tried += 1
            raise self.fault

    department = Broken(node.office, b"\0" * 32, node.values, node.exchange.fetch, lambda: zone.ledger.now)
    department.fault = ValueError("a message of ours with too many fields")
    department.handle(WorkItem(seq=1, consent=ConsentNotice()))
    node.flush()
    assert refusals(zone) == [("ip", "INTERNAL")]
    for _ in range(3):
        department.resume()
    assert department.tried == 2
    department.fault = OSError("no space left")
    with pytest.raises(OSError, match="no space"):
        department.handle(WorkItem(seq=2, consent=ConsentNotice()))
