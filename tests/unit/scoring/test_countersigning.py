"""A model is admitted with every owner's acceptance, a change that adds power with the custodians' approvals; nothing less has effect [P7.1]."""

from __future__ import annotations

from typing import Any

import pytest

from crypto.keygen import PrivateKey
from nodes.ceremony.countersigning import accept_model, approve_change
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.disclosure.countersigning import embed, exposures_of, owners_of
from scoring.errors import AcceptanceError, ApprovalError, ScoringError, SignerUnknownError, StatementReplayedError, WrongKeyError, WrongModelError
from scoring.statements import Member, MemberChange, ModelAcceptance, Refusal
from tests.support.ledger import THRESHOLD
from tests.support.members import CUSTODIANS, DEPARTMENTS, ZONE
from tests.support.zone import MemoryZone

OTHER = "ab" * 32


@pytest.fixture(scope="module")
def made(small_private_key: PrivateKey) -> MemoryZone:
    zone = MemoryZone(small_private_key)
    ceremony = zone.hold_ceremony()
    for name in CUSTODIANS:
        zone.say(zone.acceptance(ceremony, name), name)
    return zone


@pytest.fixture
def zone(made: MemoryZone) -> MemoryZone:
    """The key is there, no model is admitted."""
    return made.fork()


def void(zone: MemoryZone, statement: Any, error: type[ScoringError], match: str | None = None) -> None:
    """The authority's statement is refused, and has no effect in the log."""
    with pytest.raises(error, match=match) as caught:
        zone.judge(statement, "authority")
    assert type(caught.value) is error
    admitted, members = dict(zone.view.admitted), dict(zone.view.registry.members)
    zone.say_void(statement, "authority")
    assert (zone.view.admitted, zone.view.registry.members) == (admitted, members)


# --- models ---


def accepted(given: MemoryZone, name: str, signer: str = "", **changes: Any) -> bytes:
    """An acceptance in the name of ``name`` that says something else, or is signed by another."""
    model = given.model
    said: dict[str, Any] = {"zone": ZONE, "nonce": fresh_nonce(), "id": model.id, "version": model.version, "sha256": model.sha256, "member": name}
    said["exposures"] = exposures_of(given.view.registry, model).get(name, ())
    return sign_statement(ModelAcceptance.model_validate(said | changes), given.keys.signers[signer or name])


def instead(zone: MemoryZone, envelope: bytes | None, name: str = "tax") -> Any:
    """The admission with ``envelope`` in place of the acceptance of ``name``."""
    others = [accepted(zone, other) for other in DEPARTMENTS if other != name]
    return zone.admission().model_copy(update={"acceptances": embed([*others, *([] if envelope is None else [envelope])])})


def test_every_owner_of_an_indicator_gate_or_veto_has_to_accept(zone: MemoryZone) -> None:
    assert set(owners_of(zone.view.registry, zone.model)) == set(DEPARTMENTS)
    for absent in DEPARTMENTS:
        void(zone, instead(zone, None, absent), AcceptanceError, absent)
    void(zone, zone.admission([]), AcceptanceError)
    zone.say(zone.admission(), "authority")


def test_an_epoch_under_a_model_that_an_owner_did_not_accept_is_not_opened(zone: MemoryZone) -> None:
    zone.say_void(zone.admission(DEPARTMENTS[1:]), "authority")
    with pytest.raises(WrongModelError):
        zone.open_epoch()


def test_an_acceptance_is_of_exactly_this_model_by_its_own_member_and_key(zone: MemoryZone) -> None:
    """Its signer could otherwise declare everything open, in a pack of which the owners saw another version."""
    stranger = zone.fork()
    stranger.keys.make("tax")
    for envelope in (
        accepted(zone, "tax", sha256=OTHER),
        accepted(zone, "tax", version="2"),
        accepted(zone, "tax", id="other"),
        accepted(zone, "tax", zone="other-zone"),
        accepted(zone, "tax", signer="science"),
        accepted(zone, "science"),
        accepted(stranger, "tax"),
        zone.envelope(Refusal(zone=ZONE, nonce=fresh_nonce(), member="tax", reason="NOT_READY"), "tax"),
        zone.envelope(zone.admission(), "authority"),
        b"no envelope",
    ):
        void(zone, instead(zone, envelope), AcceptanceError)
    zone.say(instead(zone, accepted(zone, "tax")), "authority")


def test_an_owner_names_the_exposures_of_its_indicators_or_has_not_accepted(zone: MemoryZone) -> None:
    exposed = exposures_of(zone.view.registry, zone.model)
    assert exposed
    for name, indicators in exposed.items():
        void(zone, instead(zone, accepted(zone, name, exposures=indicators[1:]), name), AcceptanceError, indicators[0])
        void(zone, instead(zone, accepted(zone, name, exposures=()), name), AcceptanceError)


def test_an_acceptance_under_a_key_that_the_owner_lost_does_not_count(zone: MemoryZone) -> None:
    before = zone.admission()
    zone.keys.make("tax")
    zone.say(zone.approved(change(zone, "rekey", "tax"), ("credit", "notary")), "authority")
    void(zone, before, AcceptanceError)
    zone.say(zone.admission(), "authority")


def test_an_acceptance_is_not_logged_by_itself(zone: MemoryZone) -> None:
    envelope = accept_model(zone.model, ZONE, "tax", zone.keys.signers["tax"])
    assert zone.append(envelope, "tax", "model-acceptance") is None


# --- changes of the registry ---


def change(zone: MemoryZone, action: str, name: str, **fields: Any) -> MemberChange:
    """A change of the registry that nobody has approved yet."""
    member = zone.keys.member(name).model_copy(update=fields)
    return MemberChange.model_validate({"zone": ZONE, "nonce": fresh_nonce(), "action": action, "member": member})


def new_bank(zone: MemoryZone) -> MemberChange:
    zone.keys.make("bank-c")
    signing, hpke = zone.keys.signing("bank-c"), zone.keys.sealing("bank-c").hex()
    member = zone.keys.member("bank-b").model_copy(update={"id": "bank-c", "keys": (signing,), "hpke": hpke, "uri": f"xinqiao://{ZONE}/bank-c"})
    return MemberChange(zone=ZONE, nonce=fresh_nonce(), action="join", member=member)


def test_a_new_audience_needs_the_approval_of_t_custodians(zone: MemoryZone) -> None:
    joining = new_bank(zone)
    for count in range(THRESHOLD):
        void(zone, zone.approved(joining, CUSTODIANS[:count]), ApprovalError, f"{count} of {THRESHOLD}")
    zone.say(zone.approved(joining, CUSTODIANS[:THRESHOLD]), "authority")
    assert zone.view.registry.member("bank-c").roles == ("bank",)


def test_before_the_ceremony_more_than_half_of_the_founding_custodians_approve(small_private_key: PrivateKey) -> None:
    bare = MemoryZone(small_private_key)
    joining = new_bank(bare)
    void(bare, bare.approved(joining, CUSTODIANS[: len(CUSTODIANS) // 2]), ApprovalError)
    bare.say(bare.approved(joining, CUSTODIANS[: len(CUSTODIANS) // 2 + 1]), "authority")


def test_every_way_to_add_power_needs_approval(zone: MemoryZone) -> None:
    added = zone.keys.fork()
    added.make("bank-b")
    for name, fields in (
        ("bank-b", {"keys": (added.signing("bank-b"),)}),
        ("bank-b", {"keys": (zone.keys.signing("bank-b"), added.signing("bank-b"))}),
        ("bank-b", {"hpke": added.sealing("bank-b").hex()}),
        ("bank-b", {"roles": ("bank", "authority")}),
        ("bank-b", {"roles": ("authority",)}),
        ("tax", {"department": "credit"}),
        ("tax", {"level": "county"}),
        ("bank-b", {"uri": f"xinqiao://{ZONE}/bank-a"}),
    ):
        for action in ("join", "rekey"):
            void(zone, change(zone, action, name, **fields), ApprovalError)
            zone.fork().say(zone.approved(change(zone, action, name, **fields)), "authority")


def test_the_authority_alone_takes_keys_roles_and_membership_away(zone: MemoryZone) -> None:
    """A lost key must not wait for a quorum."""
    zone.say(change(zone, "rekey", "bank-b", keys=()), "authority")
    with pytest.raises(SignerUnknownError):
        zone.judge(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="NOT_READY"), "bank-b")
    void(zone, change(zone, "rekey", "bank-b"), ApprovalError)
    zone.say(change(zone, "rekey", "market", roles=("department",)), "authority")
    zone.say(change(zone, "leave", "bank-a"), "authority")
    void(zone, change(zone, "join", "bank-a"), ApprovalError)


def test_an_approval_is_of_exactly_this_change_and_serves_once(zone: MemoryZone) -> None:
    joining = new_bank(zone)
    for other in (
        joining.model_copy(update={"nonce": fresh_nonce()}),
        joining.model_copy(update={"action": "rekey"}),
        joining.model_copy(update={"member": joining.member.model_copy(update={"roles": ("bank", "authority")})}),
    ):
        approvals = embed(approve_change(other, name, zone.keys.signers[name]) for name in CUSTODIANS)
        void(zone, joining.model_copy(update={"approvals": approvals}), ApprovalError, "another change")
    approved = zone.approved(joining)
    zone.say(approved, "authority")
    zone.say(change(zone, "leave", "bank-b", id="bank-c", keys=joining.member.keys, hpke=joining.member.hpke), "authority")
    again = approved.model_copy(update={"approvals": approved.approvals[:THRESHOLD]})  # not the same bytes: approved by fewer
    void(zone, again, StatementReplayedError, "serve once")


def test_only_custodians_approve_each_once_and_under_their_own_key(zone: MemoryZone) -> None:
    joining = new_bank(zone)
    signers = zone.keys.signers
    first = approve_change(joining, "tax", signers["tax"])
    for second in (
        first,
        approve_change(joining, "tax", signers["tax"]),
        approve_change(joining, "science", signers["science"]),
        approve_change(joining, "authority", signers["authority"]),
        approve_change(joining, "credit", signers["tax"]),
        accept_model(zone.model, ZONE, "credit", signers["credit"]),
        b"no envelope",
    ):
        void(zone, joining.model_copy(update={"approvals": embed([first, second])}), ApprovalError)


def test_a_custodian_that_left_approves_nothing_and_does_not_lower_the_threshold(zone: MemoryZone) -> None:
    joining = new_bank(zone)
    gone = zone.approved(joining, ("tax", "credit"))
    zone.say(change(zone, "leave", "credit"), "authority")
    void(zone, gone, ApprovalError)
    void(zone, zone.approved(joining, ("tax",)), ApprovalError, f"1 of {THRESHOLD}")
    zone.say(zone.approved(joining, ("tax", "notary")), "authority")


def test_a_custodian_that_joined_later_holds_no_share_and_approves_nothing(zone: MemoryZone) -> None:
    late: Member = zone.keys.member("science").model_copy(update={"roles": ("department", "custodian")})
    zone.say(zone.approved(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=late)), "authority")
    void(zone, zone.approved(new_bank(zone), ("tax", "science")), ApprovalError)


def test_a_ceremony_names_more_than_half_of_its_custodians_as_its_threshold(small_private_key: PrivateKey) -> None:
    zone = MemoryZone(small_private_key)
    ceremony = zone.fork().hold_ceremony().statement
    for threshold in (0, 1, len(CUSTODIANS) + 1):
        void(zone, ceremony.model_copy(update={"threshold": threshold}), WrongKeyError)
    zone.say(ceremony, "authority")
