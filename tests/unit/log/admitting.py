"""Statements to admit, and admission with what follows it: an entry at the next place."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from nodes.log.admission import Admission
from nodes.log.sequencer import Submission
from nodes.log.storage import Entry
from scoring.statements import (
    Consent,
    Enrolment,
    Leaf,
    Revocation,
    SigningKey,
)
from tests.unit.log.small_zone import ZONE

SUBJECT = "ab" * 16
PLACES = itertools.count(1)


def entry(index: int, submission: Submission) -> Entry:
    leaf = Leaf(kind=submission.kind, actor=submission.actor, time=index, digest=submission.digest.hex()).to_bytes()
    return Entry(index, leaf, submission.digest, submission.kind, submission.parties, submission.envelope)


def put(admission: Admission, caller: str, envelope: bytes) -> Entry:
    """Admit and commit."""
    found = entry(next(PLACES), admission.admit(caller, envelope, "k"))
    admission.apply(found)
    return found


def enrolment(key_id: str, key: Any, service: str = "enterprise") -> Enrolment:
    signing = SigningKey(key_id=key_id, algorithm=key.algorithm, public=key.public.hex())
    return Enrolment(zone=ZONE, nonce=secrets.token_hex(16), subject=SUBJECT, key=signing, hpke="09" + "00" * 31, service=service)


def consent(service: str = "enterprise") -> Consent:
    return Consent(
        zone=ZONE, nonce=secrets.token_hex(16), id="cd" * 16, subject=SUBJECT, audience="bank-a", purpose="loan", products=(), functionals=(),
        not_before=0, not_after=1, service=service, signed_by="enterprise",
    )  # fmt: skip


def revocation(service: str = "enterprise") -> Revocation:
    return Revocation(zone=ZONE, nonce=secrets.token_hex(16), consent="cd" * 16, subject=SUBJECT, service=service)
