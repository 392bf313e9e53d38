"""The zone's rules, one by one: each statement holds as it should be said, and is refused with its own error as it should not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from crypto.encoding import canonical_json, sha256
from crypto.errors import EnvelopeFormatError, KeyFormatError, SignatureError
from crypto.keygen import PrivateKey
from crypto.statements import countersign, parse_envelope, sign_envelope
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import (
    AudienceUnknownError,
    ConsentConflictError,
    ConsentExpiredError,
    ConsentMissingError,
    ConsentRevokedError,
    ConsentScopeError,
    EpochDefinitionError,
    EpochIntervalError,
    EpochStateError,
    EpochUnknownError,
    KeyNotReadyError,
    LayoutError,
    LogInconsistentError,
    RevisionError,
    RowFrozenError,
    SignerUnknownError,
    StatementFormatError,
    SubjectUnknownError,
    WrongKeyError,
    WrongModelError,
    WrongOwnerError,
    WrongRosterError,
    WrongSignerError,
    ZoneMismatchError,
)
from scoring.exchange.epoch import Phase
from scoring.exchange.view import ZoneView
from scoring.statements import AuditNote, DisclosurePolicy, Entry, EpochClose, Leaf, MemberChange, Partial, Refusal, Statement
from tests.support.epoch import EPOCH, changed
from tests.support.ledger import SMALL_BITS
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone, closed_zone, open_zone, released_zone

OTHER = "ab" * 32


@pytest.fixture(scope="module")
def made(small_private_key: PrivateKey) -> dict[str, MemoryZone]:
    """One zone for each stage of its life."""
    founded = MemoryZone(small_private_key)
    founded.found()
    opened = open_zone(small_private_key)
    return {
        "bare": MemoryZone(small_private_key),
        "founded": founded,
        "open": opened,
        "closed": closed_zone(small_private_key),
        "released": released_zone(small_private_key),
    }


@pytest.fixture
def bare(made: dict[str, MemoryZone]) -> MemoryZone:
    return made["bare"].fork()


@pytest.fixture
def founded(made: dict[str, MemoryZone]) -> MemoryZone:
    zone = made["founded"].fork()
    zone.compile()
    return zone


@pytest.fixture
def opened(made: dict[str, MemoryZone]) -> MemoryZone:
    return made["open"].fork()


@pytest.fixture
def closed(made: dict[str, MemoryZone]) -> MemoryZone:
    return made["closed"].fork()


@pytest.fixture
def released(made: dict[str, MemoryZone]) -> MemoryZone:
    return made["released"].fork()


def refused(zone: MemoryZone, statement: Statement, signer: str, error: type[Exception], match: str | None = None) -> None:
    """The statement is judged to break a rule, and logging it changes nothing but ``void``."""
    with pytest.raises(error, match=match) as caught:
        zone.judge(statement, signer)
    assert type(caught.value) is error
    known = len(zone.view.statements)
    index = zone.say_void(statement, signer)
    assert type(zone.view.void[index]) is error
    assert len(zone.view.statements) == known


def altered(statement: BaseModel, **changes: Any) -> Any:
    return statement.model_copy(update=changes)


def refusal(member: str) -> Refusal:
    return Refusal(zone=ZONE, nonce=fresh_nonce(), member=member, reason="NOT_READY")


# --- what any statement must be ---


def test_whole_life_of_a_zone_holds(released: MemoryZone) -> None:
    assert released.view.void == {}
    assert released.view.size == len(released.entries) == len(released.view.statements)
    assert released.view.epoch(EPOCH).phase is Phase.RELEASED


def test_statement_of_another_zone_is_refused(bare: MemoryZone) -> None:
    refused(bare, altered(refusal("bank-a"), zone="elsewhere"), "bank-a", ZoneMismatchError)


def test_unregistered_key_is_refused(bare: MemoryZone) -> None:
    bare.keys.make("bank-a")
    refused(bare, refusal("bank-a"), "bank-a", SignerUnknownError)


def test_altered_payload_is_refused(bare: MemoryZone) -> None:
    document = json.loads(bare.envelope(refusal("bank-a"), "bank-a"))
    other = json.loads(bare.envelope(refusal("bank-a"), "bank-a"))
    with pytest.raises(SignatureError):
        bare.view.judge(canonical_json(document | {"payload": other["payload"]}), bare.now)


def test_signature_under_another_payload_type_is_refused(bare: MemoryZone) -> None:
    statement = refusal("bank-a")
    envelope = sign_envelope(AuditNote.payload_type(), statement.payload(), bare.keys.signers["bank-a"])
    with pytest.raises(StatementFormatError):
        bare.view.judge(envelope, bare.now)


def test_first_signer_answers_and_further_ones_are_witnesses(bare: MemoryZone) -> None:
    envelope = countersign(bare.envelope(refusal("bank-a"), "bank-a"), bare.keys.signers["bank-b"])
    signed_by = parse_envelope(envelope).key_ids[0]
    judged = bare.view.judge(envelope, bare.now)
    assert bare.keys.signers[judged.actor].key_id == signed_by


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"\xff", b'{"payload":"","payloadType":"x","signatures":[]}'])
def test_bytes_that_are_no_envelope_are_void(bare: MemoryZone, raw: bytes) -> None:
    assert bare.append(raw, "bank-a", "refusal") is None
    assert type(bare.view.void[len(bare.entries) - 1]) is EnvelopeFormatError


@pytest.mark.parametrize(
    "payload", [b"{}", b"[]", b"not json", b'{"v":1}', b'{"v":1,"v":1}', b'{"v":2,"zone":"test-zone","nonce":"00","member":"bank-a","reason":"X"}']
)
def test_payload_that_does_not_fit_its_schema_is_void(bare: MemoryZone, payload: bytes) -> None:
    envelope = sign_envelope(Refusal.payload_type(), payload, bare.keys.signers["bank-a"])
    assert bare.append(envelope, "bank-a", "refusal") is None
    assert type(bare.view.void[len(bare.entries) - 1]) is StatementFormatError


def test_private_and_unknown_kinds_are_never_logged(bare: MemoryZone) -> None:
    partial = Partial(
        zone=ZONE, nonce=fresh_nonce(), ticket=OTHER, opening=0, aggregate=OTHER, custodian="tax", index=1, generation=0, x="1"
    )  # fmt: skip
    refused(bare, partial, "tax", StatementFormatError, "never logged")
    with pytest.raises(StatementFormatError):
        bare.view.judge(sign_envelope("application/json", b"{}", bare.keys.signers["tax"]), bare.now)


def test_log_that_contradicts_itself_is_fatal(bare: MemoryZone) -> None:
    envelope = bare.envelope(refusal("bank-a"), "bank-a")
    leaf = Leaf(kind="refusal", actor="bank-a", time=bare.now, digest=sha256(envelope).hex())
    index = len(bare.entries)
    for wrong in (
        (index + 1, leaf.to_bytes(), envelope),
        (index - 1, leaf.to_bytes(), envelope),
        (index, leaf.to_bytes(), envelope + b" "),
        (index, leaf.to_bytes() + b" ", envelope),
        (index, b"{}", envelope),
    ):
        with pytest.raises(LogInconsistentError):
            bare.view.apply(*wrong)
    assert bare.view.size == index
    assert bare.view.apply(index, leaf.to_bytes(), envelope) is not None


def test_first_leaf_is_the_pinned_registry(bare: MemoryZone) -> None:
    view = ZoneView(bare.view.genesis, {}, min_key_bits=SMALL_BITS)
    other = bare.envelope(bare.registry(), "authority")
    leaf = Leaf(kind="registry", actor="authority", time=1, digest=sha256(other).hex()).to_bytes()
    with pytest.raises(LogInconsistentError, match="pinned"):
        view.apply(0, leaf, other)


@pytest.mark.parametrize("said", [{"actor": "bank-b"}, {"kind": "audit"}])
def test_leaf_that_misnames_its_statement_makes_it_void(bare: MemoryZone, said: dict[str, str]) -> None:
    envelope = bare.envelope(refusal("bank-a"), "bank-a")
    fields = {"kind": "refusal", "actor": "bank-a"} | said
    assert bare.append(envelope, fields["actor"], fields["kind"]) is None
    assert type(bare.view.void[len(bare.entries) - 1]) is WrongSignerError


def test_genesis_must_be_a_registry(bare: MemoryZone) -> None:
    with pytest.raises(StatementFormatError):
        ZoneView(bare.envelope(refusal("bank-a"), "bank-a"), {})


# --- who may say what ---


def test_registry_is_stated_once(founded: MemoryZone) -> None:
    refused(founded, founded.registry(), "authority", WrongSignerError)
    assert founded.append(founded.view.genesis, "authority", "registry") is None


def test_refusal_in_another_members_name_is_refused(bare: MemoryZone) -> None:
    refused(bare, refusal("bank-a"), "bank-b", WrongSignerError)


def test_only_an_auditor_notes_a_verdict(bare: MemoryZone) -> None:
    note = AuditNote(zone=ZONE, nonce=fresh_nonce(), size=1, verdict="pass", findings=0)
    refused(bare, note, "authority", WrongSignerError)
    bare.say(note, "auditor")


def test_only_the_authority_admits_models_and_members(founded: MemoryZone) -> None:
    refused(founded, founded.admission(), "coordinator", WrongSignerError)
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=founded.keys.member("bank-b"))
    refused(founded, change, "bank-a", WrongSignerError)


def test_model_is_admitted_under_its_own_name(founded: MemoryZone) -> None:
    refused(founded, altered(founded.admission(), id="other"), "authority", WrongModelError)
    refused(founded, altered(founded.admission(), version="2"), "authority", WrongModelError)


# --- members ---


def member_change(zone: MemoryZone, action: str, name: str) -> MemberChange:
    made = MemberChange(zone=ZONE, nonce=fresh_nonce(), action=action, member=zone.keys.member(name))  # type: ignore[arg-type]
    return zone.approved(made)


def test_member_that_left_speaks_no_more(bare: MemoryZone) -> None:
    bare.say(member_change(bare, "leave", "bank-b"), "authority")
    refused(bare, refusal("bank-b"), "bank-b", SignerUnknownError)
    with pytest.raises(AudienceUnknownError):
        bare.view.sealing_key("bank-b")


def test_new_keys_replace_the_old_and_the_leaf_that_registered_them(bare: MemoryZone) -> None:
    old = bare.fork()
    bare.keys.make("bank-b")
    logged = bare.say(member_change(bare, "rekey", "bank-b"), "authority")
    assert bare.view.sealing_key("bank-b") == (bare.keys.sealing("bank-b"), logged.index)
    bare.say(refusal("bank-b"), "bank-b")
    with pytest.raises(SignerUnknownError):
        bare.view.judge(old.envelope(refusal("bank-b"), "bank-b"), bare.now)


def test_member_may_come_back(bare: MemoryZone) -> None:
    bare.say(member_change(bare, "leave", "bank-b"), "authority")
    bare.say(member_change(bare, "join", "bank-b"), "authority")
    bare.say(refusal("bank-b"), "bank-b")
    assert bare.view.registry.member("bank-b").id == "bank-b"


@pytest.mark.parametrize("action", ["leave", "rekey"])
def test_only_members_leave_or_change_keys(bare: MemoryZone, action: str) -> None:
    bare.say(member_change(bare, "leave", "bank-b"), "authority")
    refused(bare, member_change(bare, action, "bank-b"), "authority", SignerUnknownError)


@pytest.mark.parametrize("action", ["join", "rekey"])
def test_key_of_another_member_cannot_be_registered(bare: MemoryZone, action: str) -> None:
    """It would take the other member's voice; and the view must stay as it was."""
    change = member_change(bare, action, "bank-b")
    taken = altered(change, member=altered(change.member, keys=bare.keys.member("bank-a").keys))
    refused(bare, taken, "authority", WrongSignerError)
    bare.say(refusal("bank-a"), "bank-a")
    bare.say(refusal("bank-b"), "bank-b")


# --- the key ---


def test_zone_has_one_key(founded: MemoryZone) -> None:
    ceremony = founded.view.ceremony
    assert ceremony is not None
    refused(founded, altered(ceremony.statement, nonce=fresh_nonce()), "authority", WrongKeyError)


def test_ceremony_is_the_authoritys(bare: MemoryZone) -> None:
    statement = bare.fork().hold_ceremony().statement
    refused(bare, statement, "coordinator", WrongSignerError)
    refused(bare, altered(statement, custodians=("tax", "credit", "bank-a")), "authority", WrongSignerError)
    refused(bare, altered(statement, custodians=("tax", "credit", "stranger")), "authority", SignerUnknownError)
    refused(bare, altered(statement, bits=2048), "authority", WrongKeyError)
    refused(bare, altered(statement, h="5"), "authority", WrongKeyError)
    bare.say(statement, "authority")


@pytest.mark.parametrize("n", ["0", "1", "ff", "10" * 64])
def test_ceremony_of_no_key_is_refused(bare: MemoryZone, n: str) -> None:
    statement = bare.fork().hold_ceremony().statement
    refused(bare, altered(statement, n=n), "authority", KeyFormatError)


def test_short_key_is_refused(bare: MemoryZone) -> None:
    statement = bare.fork().hold_ceremony().statement
    bare.view.min_key_bits = 2048
    refused(bare, statement, "authority", KeyFormatError)


def test_custodian_accepts_its_own_share_of_this_ceremony(bare: MemoryZone) -> None:
    early = bare.fork()
    ceremony = bare.hold_ceremony()
    statement = bare.acceptance(ceremony, CUSTODIANS[0])
    refused(early, statement, CUSTODIANS[0], WrongKeyError)
    refused(bare, statement, CUSTODIANS[1], WrongSignerError)
    refused(bare, altered(statement, index=2), CUSTODIANS[0], WrongKeyError)
    refused(bare, altered(statement, index=0), CUSTODIANS[0], WrongKeyError)
    refused(bare, altered(statement, index=99), CUSTODIANS[0], WrongKeyError)
    refused(bare, altered(statement, ceremony=OTHER), CUSTODIANS[0], WrongKeyError)
    refused(bare, altered(statement, custodian="bank-a"), "bank-a", WrongKeyError)
    bare.say(statement, CUSTODIANS[0])


# --- roster, stages, opening ---


def test_roster_is_market_supervisions(founded: MemoryZone, opened: MemoryZone) -> None:
    refused(founded, founded.roster_statement(), "authority", WrongSignerError)
    refused(opened, opened.roster_statement(), "market", EpochDefinitionError)


def test_stages_are_their_owners_over_the_compiled_roster(founded: MemoryZone, opened: MemoryZone) -> None:
    statement = founded.stages_statement()
    refused(founded, statement, "tax", EpochDefinitionError)  # no roster yet
    founded.say(founded.roster_statement(), "market")
    refused(founded, statement, "science", WrongSignerError)
    refused(founded, altered(statement, model=OTHER), "tax", WrongModelError)
    refused(founded, altered(statement, roster=OTHER), "tax", EpochDefinitionError)
    refused(founded, altered(statement, count=3), "tax", EpochDefinitionError)
    refused(founded, altered(statement, epoch="another"), "tax", EpochDefinitionError)
    founded.say(statement, "tax")
    refused(opened, opened.stages_statement(), "tax", EpochDefinitionError)


def test_epoch_opens_over_what_is_in_the_log(founded: MemoryZone) -> None:
    founded.say(founded.roster_statement(), "market")
    stages = founded.say(founded.stages_statement(), "tax")
    statement = founded.opening_statement(stages.index)
    refused(founded, statement, "tax", WrongSignerError)
    for wrong, error in (
        ({"model": OTHER}, WrongModelError),
        ({"key": OTHER}, WrongKeyError),
        ({"roster": OTHER}, EpochDefinitionError),
        ({"period": "1996"}, EpochDefinitionError),
        ({"epoch": "another"}, EpochDefinitionError),
        ({"stages_leaf": stages.index - 1}, EpochDefinitionError),
        ({"stages_leaf": 10**6}, EpochDefinitionError),
        ({"slots": statement.slots - 1}, EpochDefinitionError),
        ({"slot_bits": statement.slot_bits + 1}, EpochDefinitionError),
        ({"contributors": {**statement.contributors, "rd": ("tax",)}}, EpochDefinitionError),
        ({"contributors": {}}, EpochDefinitionError),
    ):
        refused(founded, altered(statement, **wrong), "authority", error)
    founded.say(statement, "authority")
    refused(founded, altered(statement, nonce=fresh_nonce()), "authority", EpochDefinitionError)


def test_model_without_its_pack_at_hand_opens_nothing(founded: MemoryZone) -> None:
    founded.say(founded.roster_statement(), "market")
    stages = founded.say(founded.stages_statement(), "tax")
    founded.view.models = {}
    refused(founded, founded.opening_statement(stages.index), "authority", WrongModelError, "packs directory")


def test_key_is_usable_when_every_custodian_has_accepted(bare: MemoryZone) -> None:
    ceremony = bare.hold_ceremony()
    bare.say(bare.admission(), "authority")
    bare.compile()
    bare.say(bare.roster_statement(), "market")
    stages = bare.say(bare.stages_statement(), "tax")
    for name in CUSTODIANS:
        refused(bare, bare.opening_statement(stages.index), "authority", KeyNotReadyError, name)
        bare.say(bare.acceptance(ceremony, name), name)
    bare.say(bare.opening_statement(stages.index), "authority")


# --- close and release ---


def test_epoch_is_closed_once_by_the_authority(opened: MemoryZone) -> None:
    statement = EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH)
    refused(opened, statement, "coordinator", WrongSignerError)
    refused(opened, altered(statement, epoch="another"), "authority", EpochUnknownError)
    opened.say(statement, "authority")
    refused(opened, altered(statement, nonce=fresh_nonce()), "authority", EpochStateError)


def test_epoch_is_released_after_its_close_with_its_own_tickets(closed: MemoryZone, opened: MemoryZone) -> None:
    refused(opened, opened.release_statement(), "authority", EpochStateError)
    closed.open_totals()
    statement = closed.release_statement()
    refused(closed, statement, "coordinator", WrongSignerError)
    refused(closed, altered(statement, tickets=(OTHER,)), "authority", EpochDefinitionError)
    refused(closed, altered(statement, epoch="another"), "authority", EpochUnknownError)
    closed.say(statement, "authority")
    refused(closed, altered(statement, nonce=fresh_nonce()), "authority", EpochStateError)


def test_two_epochs_of_one_data_period_are_the_policys_interval_apart(small_private_key: PrivateKey) -> None:
    """Each shows its corrections as differences of totals: not more often than the zone allows [P7.2]."""
    wait = 1000
    zone = MemoryZone(small_private_key, policy=DisclosurePolicy(epoch_interval_s=wait))
    zone.found()
    first = zone.open_epoch()
    assert DisclosurePolicy().epoch_interval_s == 30 * 86_400, "the default"
    zone.compile("epoch-again")
    zone.say(zone.roster_statement(), "market")
    stages = zone.say(zone.stages_statement(), "tax")
    zone.now = first.time + wait - 1
    refused(zone, zone.opening_statement(stages.index), "authority", EpochIntervalError, "in 1 s")
    zone.now = first.time + wait
    zone.say(zone.opening_statement(stages.index), "authority")


# --- columns ---


def test_column_breaks_each_rule_with_its_error(opened: MemoryZone) -> None:
    sender, entry = opened.owed_columns()[0]
    column, opening = opened.column(sender, entry), opened.view.epoch(EPOCH).opened
    other_owners = next(item for name, item in opened.owed_columns() if name != sender)
    gate = next(item for _, item in opened.owed_columns() if item.functional != "-")
    for wrong, error in (
        ({"epoch": "another"}, EpochUnknownError),
        ({"model": OTHER}, WrongModelError),
        ({"key": OTHER}, WrongKeyError),
        ({"roster": OTHER}, WrongRosterError),
        ({"period": "1996"}, WrongRosterError),
        ({"entries": (other_owners,)}, WrongOwnerError),
        ({"entries": (Entry(indicator="unknown"),)}, WrongOwnerError),
        ({"entries": (Entry(indicator=entry.indicator, functional="total"),)}, LayoutError),
        ({"entries": (entry, entry)}, LayoutError),
        ({"entries": ()}, StatementFormatError),
        ({"slots": opening.slots + 1}, LayoutError),
        ({"slot_bits": opening.slot_bits - 1}, LayoutError),
        ({"batches": opening.batches + 1}, LayoutError),
        ({"subject": opened.subjects[0]}, LayoutError),
        ({"audience": "bank-a"}, LayoutError),
        ({"consent": OTHER}, LayoutError),
        ({"zone": "elsewhere"}, StatementFormatError),
        ({"kind": "row"}, StatementFormatError),
        ({"proof": "root"}, StatementFormatError),
        ({"sender": "credit"}, WrongSignerError),
    ):
        refused(opened, changed(column, **wrong), sender, error)
    refused(opened, column, "bank-a", WrongSignerError)
    refused(opened, changed(opened.column("credit", gate), entries=(Entry(indicator=gate.indicator),)), "credit", LayoutError)
    opened.say(column, sender)


def test_bank_contributes_nothing_of_this_model(opened: MemoryZone) -> None:
    _, entry = opened.owed_columns()[0]
    column = changed(opened.column("tax", entry), sender="bank-a")
    refused(opened, column, "bank-a", WrongOwnerError)


def test_later_revision_supersedes_and_an_equal_or_earlier_one_is_refused(opened: MemoryZone) -> None:
    sender, entry = opened.owed_columns()[0]
    first = opened.say(opened.column(sender, entry, revision=3), sender)
    refused(opened, opened.column(sender, entry, revision=3), sender, RevisionError)
    refused(opened, opened.column(sender, entry, revision=2), sender, RevisionError)
    second = opened.say(opened.column(sender, entry, revision=4), sender)
    known = opened.view.columns[EPOCH, sender, entry.indicator, entry.functional]
    assert [logged.index for logged in known] == [first.index, second.index]  # all stay in the log


def test_no_column_after_the_close(closed: MemoryZone) -> None:
    sender, entry = closed.owed_columns()[0]
    refused(closed, closed.column(sender, entry, revision=9), sender, EpochStateError)


# --- enterprises ---


def test_enrolment_is_the_registrars(released: MemoryZone) -> None:
    statement = released.enrolment(released.subjects[0])
    refused(released, statement, "enterprise", WrongSignerError)
    refused(released, altered(statement, service="bank-a"), "market", WrongSignerError)
    refused(released, altered(statement, service="stranger"), "market", SignerUnknownError)
    named = altered(statement.key, key_id="bank-a~00")
    refused(released, altered(statement, key=named), "market", WrongSignerError)
    released.say(statement, "market")
    refused(released, altered(statement, nonce=fresh_nonce(), subject=released.subjects[1]), "market", WrongSignerError)


def test_consent_breaks_each_rule_with_its_error(released: MemoryZone) -> None:
    subject, other = released.subjects[:2]
    key, other_key = released.enrol(subject), released.enrol(other)
    consent = released.consent_statement(subject)
    refused(released, consent, other_key, WrongSignerError)
    refused(released, altered(consent, service="bank-a"), key, WrongSignerError)
    refused(released, altered(consent, signed_by="service"), key, WrongSignerError)
    refused(released, altered(consent, audience="stranger"), key, AudienceUnknownError)
    refused(released, altered(consent, audience="tax"), key, ConsentScopeError)
    refused(released, altered(consent, audience=key), key, ConsentScopeError)
    refused(released, altered(consent, purpose="portrait"), key, ConsentScopeError)
    refused(released, released.consent_statement(subject, other_key), key, ConsentScopeError)
    released.say(consent, key)
    refused(released, altered(consent, nonce=fresh_nonce()), key, ConsentConflictError)


def test_service_signs_for_those_who_are_enrolled_with_it(released: MemoryZone) -> None:
    subject = released.subjects[0]
    consent = released.consent_statement(subject, signed_by="service")
    refused(released, consent, "enterprise", SubjectUnknownError)
    key = released.enrol(subject)
    refused(released, consent, "bank-b", WrongSignerError)
    refused(released, altered(consent, signed_by="enterprise"), "enterprise", WrongSignerError)
    released.say(consent, "enterprise")
    assert released.view.consents[consent.id].consent.signed_by == "service"
    assert key in released.view.enrolments


def test_service_never_consents_to_a_portrait(released: MemoryZone) -> None:
    key = released.enrol(released.subjects[0])
    portrait = released.consent_statement(released.subjects[0], key, signed_by="service")
    refused(released, portrait, "enterprise", ConsentScopeError, "own signature")


def test_revocation_is_the_enterprises_or_its_services(released: MemoryZone) -> None:
    consent = released.consent(released.subjects[0], rows=False)
    other = released.enrol(released.subjects[1])
    statement = released.revocation(consent)
    refused(released, statement, other, WrongSignerError)
    refused(released, statement, "bank-a", WrongSignerError)
    refused(released, altered(statement, subject=released.subjects[1]), other, ConsentMissingError)
    refused(released, altered(statement, consent="00" * 16), released.own_key[released.subjects[0]], ConsentMissingError)
    first = released.say(statement, "enterprise")
    released.say(released.revocation(consent), released.own_key[released.subjects[0]])
    assert released.view.consents[consent.statement.id].revoked_index == first.index  # the first one counts


# --- rows ---


def test_row_breaks_each_rule_with_its_error(released: MemoryZone) -> None:
    consent = released.consent(released.subjects[0], rows=False)
    row: Any = released.row("tax", consent)
    entries = row.header.entries
    for wrong, error in (
        ({"consent": OTHER}, ConsentMissingError),
        ({"subject": released.subjects[1]}, ConsentScopeError),
        ({"audience": "bank-b"}, ConsentScopeError),
        ({"epoch": "another"}, EpochUnknownError),
        ({"model": OTHER}, WrongModelError),
        ({"key": OTHER}, WrongKeyError),
        ({"roster": OTHER}, WrongRosterError),
        ({"entries": (Entry(indicator="rd"),)}, WrongOwnerError),
        ({"entries": entries * 2, "batches": 2 * len(entries)}, LayoutError),
        ({"entries": (), "batches": 0}, LayoutError),
        ({"batches": len(entries) + 1}, LayoutError),
        ({"slots": 2}, LayoutError),
        ({"slot_bits": 8}, LayoutError),
        ({"kind": "column"}, StatementFormatError),
    ):
        refused(released, changed(row, **wrong), "tax", error)
    refused(released, row, "science", WrongSignerError)
    released.say(row, "tax")
    refused(released, released.row("tax", consent, revision=0), "tax", RevisionError)  # type: ignore[arg-type]
    released.say(released.row("tax", consent, revision=1), "tax")  # type: ignore[arg-type]


def test_row_of_the_gates_owner_carries_a_gate_for_each_functional(released: MemoryZone) -> None:
    consent = released.consent(released.subjects[0], rows=False)
    row: Any = released.row("credit", consent)
    assert [(entry.indicator, entry.functional) for entry in row.header.entries] == [("gate", "total")]
    refused(released, changed(row, entries=(Entry(indicator="gate"),)), "credit", LayoutError)
    released.say(row, "credit")


def test_no_row_under_a_revoked_or_expired_consent(released: MemoryZone) -> None:
    revoked = released.consent(released.subjects[0], rows=False)
    row: Any = released.row("tax", revoked)
    released.say(released.revocation(revoked), "enterprise")
    refused(released, row, "tax", ConsentRevokedError)
    expired = released.consent(released.subjects[1], rows=False)
    later: Any = released.row("tax", expired)
    released.now = expired.statement.not_after + 1
    refused(released, later, "tax", ConsentExpiredError)


def test_first_ticket_freezes_the_rows(released: MemoryZone) -> None:
    consent = released.consent(released.subjects[0])
    released.say(released.asked(consent).ticket, "coordinator")
    correction: Any = released.row("tax", consent, revision=1)
    refused(released, correction, "tax", RowFrozenError, "froze")


# --- look-ups ---


def test_statement_is_found_by_leaf_and_by_envelope(released: MemoryZone) -> None:
    logged = released.say(refusal("bank-a"), "bank-a")
    assert released.view.at(logged.index) is logged
    assert released.view.by_envelope(logged.envelope) is logged
    assert released.view.by_envelope(b"something else") is None
    void = released.say_void(refusal("bank-a"), "bank-b")
    with pytest.raises(KeyError):
        released.view.at(void)


def test_keys_that_may_sign_requests_are_members_and_enrolled_enterprises(released: MemoryZone) -> None:
    key = released.enrol(released.subjects[0])
    keys = released.view.request_keys()
    assert {keys[key].key_id, keys[released.keys.signers["bank-a"].key_id].key_id} == {key, released.keys.signers["bank-a"].key_id}
    released.say(member_change(released, "leave", "bank-a"), "authority")
    assert released.keys.signers["bank-a"].key_id not in released.view.request_keys()


def test_skipped_leaf_leaves_the_view_as_it_was(bare: MemoryZone) -> None:
    known = dict(bare.view.statements)
    bare.view.skip()
    assert bare.view.size == len(bare.entries) + 1
    assert bare.view.statements == known
