"""Score credentials: a true one is recognised; whatever is changed in it, in its receipt or in how it is shown, it is refused."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.statements import parse_envelope
from scoring.federation.credential import MAX_CREDENTIAL_BYTES, Recognised, RecognitionPolicy, judge_credential
from scoring.federation.errors import (
    CredentialFormatError,
    CredentialReceiptError,
    CredentialTooOldError,
    FederationError,
    NotTheHolderError,
    OriginMismatchError,
    PeerUnknownError,
    PresentationAudienceError,
    PresentationExpiredError,
)
from scoring.statements import Head
from tests.support.artifacts import base64_of
from tests.support.credentials import HERE, ORIGIN, Abroad, abroad
from tests.support.mutations import changed_scalar, leaves


@pytest.fixture(scope="module")
def origin(small_private_key: PrivateKey) -> Abroad:
    return abroad(small_private_key)


def judged(origin: Abroad, credential: bytes, shown: bytes = b"", later_s: int = 120, **changes: Any) -> Recognised:
    shown = shown or origin.shown(credential)
    said: dict[str, Any] = {"peers": origin.peers(), "here": HERE, "now": origin.scored + later_s} | changes
    return judge_credential(credential, shown, **said)


def test_a_true_credential_shows_origin_model_and_date(origin: Abroad) -> None:
    credential = origin.credential()
    shown = origin.shown(credential)
    found = judged(origin, credential, shown)
    said = json.loads(origin.receipt)
    assert (found.origin, found.uscc, found.subject) == (ORIGIN, origin.uscc, origin.subject)
    assert (found.model, found.model_sha256) == (f"{origin.zone.model.id}@{origin.zone.model.version}", origin.zone.model.sha256)
    assert (found.stage, found.total, found.percentile) == (said["result"]["stage"], said["result"]["total"], said["result"]["percentile"])
    assert (found.scored, found.audience, found.shown) == (origin.scored, "bank-a", parse_envelope(shown).said.hex())


def mutations(document: dict[str, Any]) -> Iterator[bytes]:
    """The document with each of its scalars changed in turn."""
    for path in leaves(document):
        changed = copy.deepcopy(document)
        place = changed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = changed_scalar(place[path[-1]])
        yield canonical_json(changed)


def test_every_changed_field_of_a_credential_is_refused_though_the_holder_shows_it(origin: Abroad) -> None:
    for changed in mutations(json.loads(origin.credential())):
        with pytest.raises(FederationError):
            judged(origin, changed)


def test_every_changed_field_of_its_receipt_is_refused_though_the_holder_shows_it(origin: Abroad) -> None:
    """A part of the places: the verifier's own test goes through all of them."""
    for changed in islice(mutations(json.loads(origin.receipt)), 0, None, 9):
        credential = json.loads(origin.credential()) | {"receipt": base64_of(changed)}
        with pytest.raises(FederationError):
            judged(origin, canonical_json(credential))


def test_every_changed_field_of_a_presentation_is_refused(origin: Abroad) -> None:
    credential = origin.credential()
    document = json.loads(origin.shown(credential))
    payload = json.loads(base64.b64decode(document["payload"]))
    for changed in mutations(payload):
        with pytest.raises(FederationError):
            judged(origin, credential, canonical_json(document | {"payload": base64_of(changed)}))


@settings(max_examples=30)
@given(st.data())
def test_every_flipped_bit_is_refused(origin: Abroad, data: st.DataObject) -> None:
    credential = origin.credential()
    shown = origin.shown(credential)
    which = data.draw(st.sampled_from(["credential", "shown"]))
    whole = bytearray(credential if which == "credential" else shown)
    place = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[place // 8] ^= 1 << place % 8
    with pytest.raises(FederationError):
        judged(origin, bytes(whole) if which == "credential" else credential, bytes(whole) if which == "shown" else shown)


def test_a_copied_credential_is_of_no_use_to_another(origin: Abroad) -> None:
    """The thief has the file and a key of its own, which its own zone enrolled."""
    credential = origin.credential()
    other = origin.zone.own_key[origin.zone.subjects[1]]
    with pytest.raises(NotTheHolderError):
        judged(origin, credential, origin.shown(credential, signer=other))
    thief = origin.zone.fork()
    thief.keys.make(thief.own_key[origin.subject], enterprise=True)  # a key of its own under the holder's id
    with pytest.raises(NotTheHolderError):
        judged(origin, credential, Abroad(thief, origin.receipt).shown(credential))


def test_a_further_signature_does_not_make_a_holder(origin: Abroad) -> None:
    credential = origin.credential()
    document = json.loads(origin.shown(credential))
    other = json.loads(origin.shown(credential, signer=origin.zone.own_key[origin.zone.subjects[1]]))
    with pytest.raises(NotTheHolderError):
        judged(origin, credential, canonical_json(document | {"signatures": [*document["signatures"], *other["signatures"]]}))


def test_what_is_shown_to_one_zone_is_of_no_use_to_another(origin: Abroad) -> None:
    credential = origin.credential()
    with pytest.raises(PresentationAudienceError):
        judged(origin, credential, origin.shown(credential, audience="third-zone"))
    with pytest.raises(PresentationAudienceError):
        judged(origin, credential, here="third-zone")


def test_a_presentation_of_another_credential_is_refused(origin: Abroad) -> None:
    with pytest.raises(OriginMismatchError):
        judged(origin, origin.credential(), origin.shown(origin.credential()[:-1]))


@pytest.mark.parametrize("later_s", [-1, 721, 10 * 86_400])
def test_a_presentation_is_in_force_for_a_short_time(origin: Abroad, later_s: int) -> None:
    with pytest.raises(PresentationExpiredError):
        judged(origin, origin.credential(), later_s=later_s)


def test_a_presentation_for_ever_is_not_taken(origin: Abroad) -> None:
    credential = origin.credential()
    with pytest.raises(PresentationExpiredError):
        judged(origin, credential, origin.shown(credential, not_after=origin.scored + 86_400))
    with pytest.raises(PresentationExpiredError):
        judged(origin, credential, origin.shown(credential, not_after=origin.scored + 30))


def test_a_zone_that_nobody_pinned_is_refused_and_so_is_ones_own(origin: Abroad) -> None:
    with pytest.raises(PeerUnknownError, match="there is none"):
        judged(origin, origin.credential(), peers={})
    with pytest.raises(PeerUnknownError):
        judged(origin, origin.credential(), here=ORIGIN)


def test_a_receipt_of_another_zone_is_refused(origin: Abroad) -> None:
    """The credential says a pinned zone, whose registry another one imitates."""
    with pytest.raises(OriginMismatchError):
        judged(origin, origin.credential(registry="0" * 64))
    with pytest.raises(OriginMismatchError):
        judged(origin, origin.credential(model="0" * 64))
    peers = {**origin.peers(), "third-zone": origin.peers()[ORIGIN]}
    with pytest.raises(OriginMismatchError):
        judged(origin, origin.credential(zone="third-zone"), peers=peers)


def test_a_receipt_that_does_not_hold_is_refused_with_its_own_reason(origin: Abroad) -> None:
    said = json.loads(origin.receipt)
    said["result"]["total"] = "99.00"
    with pytest.raises(CredentialReceiptError, match="RESULT_MISMATCH"):
        judged(origin, origin.credential(receipt=base64_of(canonical_json(said))))


def test_a_score_older_than_the_policy_takes_is_refused(origin: Abroad) -> None:
    policy = RecognitionPolicy(max_age_s=30)
    with pytest.raises(CredentialTooOldError):
        judged(origin, origin.credential(), policy=policy)
    credential = origin.credential()
    early = origin.shown(credential, not_before=origin.scored - 1000, not_after=origin.scored)
    with pytest.raises(CredentialTooOldError):  # a score from the future: a clock that lies
        judged(origin, credential, early, later_s=-500)


def test_a_code_is_bound_by_the_origins_registrar_to_this_subject_alone(origin: Abroad) -> None:
    for binding in (origin.binding(subject=origin.zone.subjects[1]), origin.binding(signer="tax"), origin.binding(zone=HERE)):
        with pytest.raises(NotTheHolderError):
            judged(origin, origin.credential(binding=base64_of(binding)))


def test_other_forms_are_refused(origin: Abroad) -> None:
    credential = origin.credential()
    head = origin.zone.envelope(Head(zone=ORIGIN, nonce="0" * 32, member="tax", time=0, checkpoint=""), "tax")
    wrong = (
        (b"", origin.shown(b"")), (b"{}", origin.shown(b"{}")), (b" " + credential, origin.shown(b" " + credential)),
        (b"x" * (MAX_CREDENTIAL_BYTES + 1), b""), (credential, b"{}"), (credential, head),
        (origin.credential(receipt=base64_of(b"{}")), b""), (origin.credential(binding=base64_of(head)), b""),
        (origin.credential(binding=base64_of(b"{}")), b""),
    )  # fmt: skip
    for data, shown in wrong:
        with pytest.raises(CredentialFormatError):
            judged(origin, data, shown)
    assert parse_envelope(head).key_ids  # the envelope itself is well formed
