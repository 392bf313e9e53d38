"""Declarations and what was answered to them: joined by their numbers in any order, with history, status by dialect, and what needs a person."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from connectors.customs.channels import BY_CUSTOMS, DIALECTS, PHASES, TROUBLE, UNKNOWN, Channels
from connectors.customs.declarations import build_declaration
from connectors.customs.join import Case, fact_of, join
from connectors.customs.messages import read_message
from connectors.errors import MappingError
from tests.support.customs import NOTICED, declaration, failure, old_receipt, receipt, response

HOUR = timedelta(hours=1)
SENT = build_declaration(declaration())


def joined(*messages: bytes, dialect: str = "a") -> list[Case]:
    return join([fact_of(read_message(message).message) for message in messages], Channels(dialect))


def one(*messages: bytes, dialect: str = "a") -> Case:
    (case,) = joined(*messages, dialect=dialect)
    return case


def codes(case: Case) -> list[str]:
    return [step.code for step in case.history]


# --- the table ---


def test_codes_are_case_sensitive_and_differ_between_dialects() -> None:
    a, c = Channels("a"), Channels("c")
    assert (a["A"].phase, a["a"].phase) == ("exception", "quarantine")
    assert (a["C"].phase, c["C"].phase) == ("inspection", "released")
    assert (a["D"].zh, c["D"].zh) == ("海关删单", "放行后删除")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_knows_release_clearance_and_rejection(dialect: str) -> None:
    channels = Channels(dialect)
    assert [channels[code].phase for code in "PRE"] == ["released", "cleared", "rejected"]
    assert {channels[code].phase for code in channels.codes()} <= set(PHASES) - {UNKNOWN}
    assert all(channels[code].zh and channels[code].en for code in channels.codes())


def test_the_sets_of_phases_are_phases() -> None:
    assert set(PHASES) >= TROUBLE | BY_CUSTOMS


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(MappingError, match="a, b, c, d"):
        Channels("A")


# --- joining ---


def test_a_receipt_is_joined_over_the_response_in_every_order() -> None:
    messages = [SENT, response(), receipt("L"), receipt("P", at=NOTICED + HOUR)]
    whole = one(*messages)
    assert (whole.client_seq_nos, whole.seq_nos, whole.entry_ids) == (("C0001",), ("I20230000000000001",), ("290020230000000001",))
    assert codes(whole) == ["0", "L", "P"]
    for order in permutations(messages):
        assert one(*order, *order[:2]) == whole


def test_an_old_receipt_is_joined_by_its_own_name_for_the_number() -> None:
    case = one(SENT, response(seq_no="I20180000000000001"), old_receipt("P"), dialect="b")
    assert (codes(case), case.history[-1].note) == (["0", "P"], "接单交单，请递交单证")


def test_answers_without_their_declaration_wait_and_are_joined_when_it_comes() -> None:
    case = one(receipt("L"), response())
    assert (case.declared, codes(case)) == (None, ["0", "L"])
    assert one(receipt("L"), response(), SENT).declared is not None


def test_what_shares_no_number_is_not_joined() -> None:
    assert len(joined(SENT, build_declaration(declaration("C0002")), response("C0003", "I3"), receipt(seq_no="I4"))) == 4


def test_a_declaration_that_carries_the_number_needs_no_response() -> None:
    case = one(build_declaration(declaration(seq_no="I20230000000000001")), receipt("R"))
    assert case.client_seq_nos == ("C0001",)
    assert codes(case) == ["R"]


def test_a_failure_of_the_client_belongs_to_no_declaration() -> None:
    assert joined(failure()) == []


# --- history and status ---


def test_clearance_after_release_is_the_status_however_they_came() -> None:
    released, cleared = receipt("P", at=NOTICED), receipt("R", at=NOTICED + HOUR)
    for messages in ((released, cleared), (cleared, released)):
        case = one(SENT, response(), *messages)
        assert case.status is not None
        assert (case.status.code, case.status.phase) == ("R", "cleared")


def test_of_two_receipts_of_one_second_the_later_phase_decides_and_this_is_explained() -> None:
    case = one(SENT, response(), receipt("R"), receipt("P"))
    assert codes(case) == ["0", "P", "R"]
    assert [bool(step.tie) for step in case.history] == [False, True, True]


def test_the_same_receipt_in_other_bytes_is_one_step() -> None:
    again = receipt("P").replace(b"<DEC_RESULT>", b"<DEC_RESULT>\n  ")
    assert codes(one(SENT, response(), receipt("P"), again)) == ["0", "P"]


def test_an_unknown_code_is_kept_shown_and_told() -> None:
    case = one(SENT, response(), receipt("P"), receipt("ß", at=NOTICED + HOUR, note="新回执"))
    assert case.status is not None
    assert (case.status.code, case.status.phase, case.status.note) == ("ß", UNKNOWN, "新回执")
    assert [trouble.kind for trouble in case.troubles] == ["unknown-code"]


@pytest.mark.parametrize(("code", "kind"), [("E", "rejected"), ("D", "deleted"), ("H", "exception"), ("N", "exception")])
def test_what_needs_a_person_is_told_at_once(code: str, kind: str) -> None:
    case = one(SENT, response(), receipt(code))
    assert [trouble.kind for trouble in case.troubles] == [kind]
    assert one(SENT, response(), receipt(code), receipt("R", at=NOTICED + HOUR)).troubles == ()


def test_a_refused_upload_is_told_until_one_is_taken() -> None:
    refused = response(seq_no="", code="2001", error="商品编号错误")
    case = one(SENT, refused)
    assert ([trouble.kind for trouble in case.troubles], case.history[0].note) == (["rejected"], "商品编号错误")
    assert one(SENT, refused, response()).troubles == ()


def test_different_declarations_under_one_number_are_told_and_the_one_signed_last_counts() -> None:
    def signed(total: str, when: str) -> bytes:
        return build_declaration(declaration(total=total, lines=1)).replace(b"<SignDate></SignDate>", f"<SignDate>{when}</SignDate>".encode())

    case = one(signed("9.00", "2023030108000000"), signed("7.00", "2023030109000000"), response())
    assert [trouble.kind for trouble in case.troubles] == ["versions"]
    assert case.declared is not None
    assert case.declared.said["totals"] == {"USD": "7.00"}
    assert len(case.versions) == 2


def test_a_client_number_that_was_used_again_is_told() -> None:
    case = one(SENT, response(seq_no="I1"), response(seq_no="I2"))
    assert [trouble.kind for trouble in case.troubles] == ["numbers"]


def test_the_day_of_declaration_is_the_one_that_customs_states_or_that_of_the_first_receipt() -> None:
    assert one(SENT, response(), receipt("P", day="2023-02-27"), receipt("R", day="2023-02-28", at=NOTICED + HOUR)).declared_on == "2023-02-27"
    assert one(SENT, response(), receipt("L", day=""), receipt("P", day="", at=NOTICED + HOUR)).declared_on == "2023-03-01"
    assert one(SENT, response(), receipt("P", day="")).declared_on == ""
