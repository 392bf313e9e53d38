"""The audience's side of an opening: only what custodians signed about this ticket, opening and share is combined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from crypto.errors import PartialError
from crypto.keygen import PrivateKey
from crypto.paillier import check_opening
from crypto.sealing import public_key, seal
from crypto.threshold import combine, partial
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.custody.generations import first_generation
from scoring.exchange.view import verify_key
from scoring.release.opening import Opener, SealedPartial
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import Partial, Refusal, Statement, Ticket
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone, released_zone


@dataclass
class Case:
    """A logged ticket for a bank, with its aggregate and the bank's opener."""

    zone: MemoryZone
    ticket: Ticket
    digest: str
    aggregate: int
    opener: Opener

    def partial(self, custodian: str, /, **said: Any) -> Partial:
        """What a custodian states, parts of it said otherwise."""
        share = self.zone.shares[CUSTODIANS.index(custodian)]
        x = partial(self.zone.sharing, share, self.aggregate)
        fields: dict[str, Any] = {
            "zone": ZONE, "nonce": fresh_nonce(), "ticket": self.digest, "opening": 0, "aggregate": self.ticket.openings[0].aggregate,
            "custodian": custodian, "index": share.index, "generation": 0, "x": f"{x:x}",
        }  # fmt: skip
        return Partial(**(fields | said))

    def sealed(self, statement: Statement, custodian: str, *, signer: str = "", opening: int = 0, generation: int = 0) -> SealedPartial:
        """A statement signed and sealed to the bank as ``custodian``'s."""
        envelope = sign_statement(statement, self.zone.keys.signers[signer or custodian])
        info, aad = sealing_info(self.digest, custodian, generation), sealing_aad(opening)
        assert isinstance(self.opener.private, bytes)
        return SealedPartial(custodian, opening, *seal(public_key(self.opener.private), info, aad, envelope))


@pytest.fixture(scope="module")
def case(small_private_key: PrivateKey) -> Case:
    zone = released_zone(small_private_key)
    asked = zone.asked(zone.consent(zone.subjects[0]))
    logged = zone.say(asked.ticket, "coordinator")
    assert zone.view.ceremony is not None
    ceremony = zone.view.ceremony.statement
    keys = {name: [verify_key(key) for key in member.keys] for name, member in zone.view.registry.members.items()}
    opener = Opener(first_generation(ceremony, zone.public_key), zone.keys.hpke["bank-a"], keys.__getitem__)
    return Case(zone, asked.ticket, logged.digest, asked.aggregates[0], opener)


def test_any_threshold_of_true_partials_opens_the_aggregate(case: Case) -> None:
    sealed = [case.sealed(case.partial(name), name) for name in CUSTODIANS[1:]]
    answers = case.opener.answers(case.ticket, case.digest, sealed)
    assert answers.unusable == []
    assert set(answers.signed[0]) == set(CUSTODIANS[1:])
    check_opening(case.zone.public_key, case.aggregate, combine(case.opener.sharing, case.aggregate, answers.usable[0]))


BAD: dict[str, Callable[[Case], SealedPartial]] = {
    "about another ticket": lambda c: c.sealed(c.partial("tax", ticket="00" * 32), "tax"),
    "about another opening": lambda c: c.sealed(c.partial("tax", opening=1), "tax"),
    "about another aggregate": lambda c: c.sealed(c.partial("tax", aggregate="00" * 32), "tax"),
    "another custodian's statement": lambda c: c.sealed(c.partial("credit"), "tax", signer="credit"),
    "another custodian's share": lambda c: c.sealed(c.partial("tax", index=2), "tax"),
    "of another generation": lambda c: c.sealed(c.partial("tax", generation=1), "tax"),
    "sealed as another generation": lambda c: c.sealed(c.partial("tax"), "tax", generation=1),
    "signed by another": lambda c: c.sealed(c.partial("tax"), "tax", signer="bank-b"),
    "of somebody who is no custodian": lambda c: c.sealed(c.partial("tax", custodian="bank-b"), "bank-b"),
    "out of range": lambda c: c.sealed(c.partial("tax", x="0"), "tax"),
    "not below n": lambda c: c.sealed(c.partial("tax", x=f"{c.zone.public_key.n:x}"), "tax"),
    "another kind of statement": lambda c: c.sealed(Refusal(zone=ZONE, nonce=fresh_nonce(), member="tax", reason="NO_REASON"), "tax"),
    "for an opening that the ticket lacks": lambda c: replace(c.sealed(c.partial("tax"), "tax"), opening=7),
    "sealed for another opening": lambda c: c.sealed(c.partial("tax"), "tax", opening=1),
    "changed": lambda c: replace(c.sealed(c.partial("tax"), "tax"), ciphertext=b"x" * 64),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_an_answer_that_does_not_hold_is_left_out_and_named(case: Case, make: Callable[[Case], SealedPartial]) -> None:
    bad = make(case)
    good = [case.sealed(case.partial(name), name) for name in CUSTODIANS[1:]]
    answers = case.opener.answers(case.ticket, case.digest, [bad, *good])
    assert answers.unusable == [bad.custodian]
    assert sorted(answers.usable[0]) == [2, 3]
    check_opening(case.zone.public_key, case.aggregate, combine(case.opener.sharing, case.aggregate, answers.usable[0]))


def test_fewer_than_the_threshold_open_nothing(case: Case) -> None:
    answers = case.opener.answers(case.ticket, case.digest, [case.sealed(case.partial("tax"), "tax")])
    with pytest.raises(PartialError):
        combine(case.opener.sharing, case.aggregate, answers.usable[0])


def test_a_signed_partial_that_cannot_be_one_is_kept_as_evidence_alone(case: Case) -> None:
    for x in ("0", f"{case.zone.public_key.n:x}"):
        answers = case.opener.answers(case.ticket, case.digest, [case.sealed(case.partial("tax", x=x), "tax")])
        assert (answers.usable, answers.unusable, list(answers.signed[0])) == ([{}], ["tax"], ["tax"])


def test_another_audience_cannot_read_a_partial(case: Case) -> None:
    other = replace(case.opener, private=case.zone.keys.hpke["bank-b"])
    sealed = [case.sealed(case.partial(name), name) for name in CUSTODIANS]
    answers = other.answers(case.ticket, case.digest, sealed)
    assert (answers.usable, answers.signed, answers.unusable) == ([{}], [{}], list(CUSTODIANS))
