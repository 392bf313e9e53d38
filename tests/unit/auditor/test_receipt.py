"""The offline verifier: a true receipt holds; whatever is changed in it is found, each kind of change under its own reason.

The receipt is a real one, made by the bank's own code over a zone in memory with 512-bit keys.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from crypto.notes import COSIGNATURE_V1, NoteSigner
from crypto.statements import sign_envelope
from nodes.bank.queries import Query
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import Roots
from scoring.errors import ReceiptError
from scoring.statements import Ticket, WitnessPolicy
from tests.support.bank import bank, bound_consent, roots_of, uscc_of
from tests.support.gateway import front
from tests.support.mutations import changed_scalar, leaves
from tests.support.zone import PRODUCT, MemoryZone, released_zone

Document = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """A true receipt and the zone that it is of."""

    zone: MemoryZone
    roots: Roots
    receipt: Document

    def changed(self, change: Callable[[Document], object]) -> bytes:
        document = copy.deepcopy(self.receipt)
        change(document)
        return json.dumps(document).encode()


@pytest.fixture(scope="module")
def case(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Case:
    zone = released_zone(small_private_key)
    directory: Path = tmp_path_factory.mktemp("receipts")
    node = bank(front(zone, directory / "gateway"), directory / "bank-a")
    for place in (0, 1):
        node.told(bound_consent(zone, zone.subjects[place], uscc_of(place)), place + 1)
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=zone.subjects[0]))
    return Case(zone, roots_of(zone), node.receipts.get(answer["receipt_id"]))


def reason(case: Case, change: Callable[[Document], object]) -> str:
    with pytest.raises(ReceiptError) as error:
        verify_receipt(case.changed(change), case.roots)
    return error.value.reason


def test_a_true_receipt_holds(case: Case) -> None:
    found = verify_receipt(case.changed(lambda _: None), case.roots)
    assert (found.subject, found.product, found.total) == (case.zone.subjects[0], PRODUCT, case.receipt["result"]["total"])


def test_no_scalar_of_a_receipt_can_be_changed_unnoticed(case: Case) -> None:
    """Every string, number and flag in turn; nothing in a receipt is mere decoration."""
    unnoticed = []
    for path in leaves(case.receipt):

        def change(document: Document, path: tuple[Any, ...] = path) -> None:
            for key in path[:-1]:
                document = document[key]
            document[path[-1]] = changed_scalar(document[path[-1]])

        try:
            verify_receipt(case.changed(change), case.roots)
        except ReceiptError:
            continue
        unnoticed.append(path)
    assert unnoticed == []


def test_no_part_of_a_receipt_can_be_left_out_or_added(case: Case) -> None:
    for name in case.receipt:
        if case.receipt[name] is not None:
            assert reason(case, lambda document, name=name: document.pop(name)) == "RECEIPT_FORMAT"  # type: ignore[misc]
    assert reason(case, lambda document: document.update(note="x")) == "RECEIPT_FORMAT"
    assert reason(case, lambda document: document["openings"].append(document["openings"][0])) == "TICKET_MISMATCH"
    assert reason(case, lambda document: document["rows"].pop()) == "INPUT_MISMATCH"


def plus_one(document: Document, *path: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = str(int(document[path[-1]]) + 1)


def swap_ciphertexts(document: Document) -> None:
    row = max(document["rows"], key=lambda item: len(item["ciphertexts"]))["ciphertexts"]
    row[0], row[1] = row[1], row[0]


def other_opening(document: Document) -> None:
    """An opening of the same form with another m: what a bank that inflates a total would write."""
    opening = document["openings"][0]
    opening["m"] = str(int(opening["m"]) + 100)


def inflated_total(document: Document) -> None:
    document["result"]["total"] = f"{float(document['result']['total']) + 1:.2f}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["rows"][0]["ciphertexts"].__setitem__(0, "12345"), "ROW_CIPHERTEXTS"),
        (swap_ciphertexts, "ROW_CIPHERTEXTS"),
        (lambda d: d["rows"][0]["ciphertexts"].append("2"), "ROW_CIPHERTEXTS"),
        (other_opening, "OPENING_INVALID"),
        (lambda d: plus_one(d, "openings", 0, "r"), "OPENING_INVALID"),
        (lambda d: d["openings"][0].update(m=str(int(d["openings"][0]["m"]) + int(d["public_key"]["n"]))), "OPENING_INVALID"),
        (lambda d: d.update(ticket_leaf_index=int(d["ticket_leaf_index"])), "RECEIPT_FORMAT"),
        (lambda d: plus_one(d, "openings", 0, "aggregate"), "AGGREGATE_MISMATCH"),
        (lambda d: plus_one(d, "openings", 0, "functional", 0, "weight"), "FUNCTIONAL_MISMATCH"),
        (lambda d: d["openings"][0]["functional"].pop(), "FUNCTIONAL_MISMATCH"),
        (lambda d: d["openings"][0].update(constant="100"), "FUNCTIONAL_MISMATCH"),
        (lambda d: d["openings"][0]["inputs"].pop(), "INPUT_MISMATCH"),
        (lambda d: d["openings"][0]["inputs"].append(d["openings"][0]["inputs"][0]), "INPUT_MISMATCH"),
        (inflated_total, "RESULT_MISMATCH"),
        (lambda d: plus_one(d, "result", "line_fen"), "LINE_MISMATCH"),
        (lambda d: d["result"].update(percentile="95-100"), "PERCENTILE_MISMATCH"),
        (lambda d: d["result"].update(stage="S2"), "TICKET_MISMATCH"),
        (lambda d: d.update(zone="other-zone"), "ZONE_MISMATCH"),
        (lambda d: plus_one(d, "public_key", "n"), "KEY_NOT_PINNED"),
        (lambda d: d["model"].update(sha256="0" * 64), "MODEL_NOT_PINNED"),
        (lambda d: d.update(audience="bank-b"), "TICKET_MISMATCH"),
        (lambda d: d.update(product="other"), "CONSENT_SCOPE"),
        (lambda d: plus_one(d, "ticket_leaf_index"), "INCLUSION_PROOF"),
        (lambda d: d["inclusion_proof"].pop(), "INCLUSION_PROOF"),
        (lambda d: d["rows"][0].update(leaf=d["rows"][1]["leaf"]), "LEAF_DIGEST"),
        (lambda d: d.update(tlog_proof=d["tlog_proof"].replace("index ", "index 1", 1)), "TLOG_PROOF"),
        (lambda d: d["stage_proof"].update(stage="S3"), "STAGE_MISMATCH"),
        (lambda d: plus_one(d, "stage_proof", "position"), "STAGE_PROOF"),
        (lambda d: d["request"].update(body=d["request"]["body"].replace("loan", "lean")), "REQUEST_MISMATCH"),
        (lambda d: d.update(quantile_table=d["stage_proof"] | {}), "RECEIPT_FORMAT"),
    ],
)
def test_each_kind_of_change_has_its_reason(case: Case, change: Callable[[Document], object], expected: str) -> None:
    assert reason(case, change) == expected


def test_statements_of_another_signer_do_not_stand_in(case: Case) -> None:
    """The same payloads, signed by a registered member that may not make them."""
    for name, signer, expected in (("ticket", "bank-a", "SIGNER_NOT_ALLOWED"), ("enrolment", "tax", "SIGNER_NOT_ALLOWED")):
        payload = json.loads(base64.b64decode(case.receipt[name]))
        raw = sign_envelope(payload["payloadType"], base64.b64decode(payload["payload"]), case.zone.keys.signers[signer])
        found = reason(case, lambda document, name=name, raw=raw: document.update({name: base64.b64encode(raw).decode()}))  # type: ignore[misc]
        assert found == expected


def test_a_ticket_that_was_never_logged_does_not_stand_in(case: Case) -> None:
    """The coordinator signs another ticket for the bank but does not log it: its leaf is the old one's."""
    payload = json.loads(base64.b64decode(case.receipt["ticket"]))
    ticket = Ticket.model_validate_json(base64.b64decode(payload["payload"]))
    raw = case.zone.envelope(ticket.model_copy(update={"nonce": "0" * 32}), "coordinator")
    assert reason(case, lambda document: document.update(ticket=base64.b64encode(raw).decode())) == "LEAF_DIGEST"


def test_another_subjects_row_does_not_stand_in(case: Case) -> None:
    """A department's true, logged and proven row of another firm of the same stage."""
    zone, place = case.zone, 0
    sender = case.receipt["rows"][place]["member"]
    other = next(
        logged for logged in zone.view.contributions.values()
        if logged.statement.kind == "row" and logged.statement.header.sender == sender and logged.statement.header.subject == zone.subjects[1]
    )  # fmt: skip
    assert case.receipt["rows"][place]["leaf_index"] != str(other.index)

    def change(document: Document) -> None:
        document["rows"][place].update(envelope=base64.b64encode(other.envelope).decode(), leaf=base64.b64encode(other.leaf).decode())

    assert reason(case, change) == "INCLUSION_PROOF"


def with_policy(roots: Roots, witnesses: tuple[str, ...], required: int) -> Roots:
    genesis = roots.registry.genesis
    policy = WitnessPolicy(witnesses=witnesses, required=required, max_age_s=300)
    registry = copy.copy(roots.registry)
    registry.genesis = genesis.model_copy(update={"witness_policy": policy})
    return dataclasses.replace(roots, registry=registry)


def test_too_few_witnesses_do_not_suffice(case: Case) -> None:
    second = NoteSigner("witness/b", COSIGNATURE_V1, bytes(32)).key.to_vkey()
    known = case.roots.registry.genesis.witness_policy.witnesses
    strict = with_policy(case.roots, (*known, second), 2)
    with pytest.raises(ReceiptError) as error:
        verify_receipt(case.changed(lambda _: None), strict)
    assert error.value.reason == "WITNESS_POLICY"


def test_a_checkpoint_of_another_log_is_refused(case: Case) -> None:
    text = case.receipt["checkpoint"]
    assert reason(case, lambda document: document.update(checkpoint=text.replace("xinqiao/", "xinqiao/x", 1))) == "CHECKPOINT_SIGNATURE"


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 5000])
def test_what_is_no_receipt_is_refused(case: Case, data: bytes) -> None:
    with pytest.raises(ReceiptError) as error:
        verify_receipt(data, case.roots)
    assert error.value.reason == "RECEIPT_FORMAT"


def test_a_receipt_that_repeats_a_name_is_refused(case: Case) -> None:
    """Two readers could take it for two receipts."""
    data = json.dumps(case.receipt).encode()
    with pytest.raises(ReceiptError) as error:
        verify_receipt(data[:-1] + b', "zone": ' + json.dumps(case.receipt["zone"]).encode() + b"}", case.roots)
    assert error.value.reason == "RECEIPT_FORMAT"


@pytest.mark.parametrize("digits", ["9" * 5_000, "9" * 4_301, "-" + "9" * 4_300])
def test_a_number_too_long_to_read_is_refused_and_not_a_crash(case: Case, digits: str) -> None:
    for change in (
        lambda document: document["public_key"].update(n=digits),
        lambda document: document["openings"][0].update(m=digits),
        lambda document: document.update(ticket_leaf_index=digits),
    ):
        assert reason(case, change) == "RECEIPT_FORMAT"
