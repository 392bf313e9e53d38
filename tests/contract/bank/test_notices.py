"""Notices of consents as they come to a bank: late, foreign, or rubbish."""

from __future__ import annotations

import pytest

from crypto.encoding import canonical_json
from crypto.sealing import seal
from nodes.runtime.replica.relay import binding_info
from tests.support.bank import BankNode, bound_consent, uscc_of


def test_a_binding_that_is_not_the_registrars_is_left_out(node: BankNode) -> None:
    zone = node.site.zone
    node.told(bound_consent(zone, zone.subjects[0], uscc_of(0), signer="tax"), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


def test_a_consent_for_another_bank_is_left_out(node: BankNode) -> None:
    zone = node.site.zone
    node.told(bound_consent(zone, zone.subjects[0], uscc_of(0), audience="bank-b"), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


@pytest.mark.parametrize("sealed", ["", "zz", "信", "ab", "00" * 200])
def test_a_consent_with_rubbish_for_a_binding_does_not_stop_the_bank(node: BankNode, sealed: str) -> None:
    zone = node.site.zone
    key = zone.enrol(zone.subjects[0])
    node.told(zone.say(zone.consent_statement(zone.subjects[0], sealed_binding=sealed), key), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


@pytest.mark.parametrize("binding", ["zz", "abc", ""])
def test_a_sealed_binding_that_holds_rubbish_does_not_stop_the_bank(node: BankNode, binding: str) -> None:
    zone = node.site.zone
    key, statement = zone.enrol(zone.subjects[0]), zone.consent_statement(zone.subjects[0])
    plain = canonical_json({"uscc": uscc_of(0), "binding": binding})
    enc, ciphertext = seal(zone.keys.sealing("bank-a"), binding_info("bank-a", statement.id), b"", plain)
    node.told(zone.say(statement.model_copy(update={"sealed_binding": (enc + ciphertext).hex()}), key), 5)
    assert (node.consents.all(), node.consents.cursor()) == ([], 5)


def test_a_late_first_notice_does_not_revive_a_revoked_consent(node: BankNode) -> None:
    consent = bound_consent(node.site.zone, node.site.zone.subjects[0], uscc_of(0))
    node.told(consent, 1, revoked=True)
    node.told(consent, 2)
    assert [held.revoked for held in node.consents.all()] == [True]
