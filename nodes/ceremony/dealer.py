"""One run of the key ceremony: key, proofs, sealed shares, a trial opening, the signed transcript, and nothing kept [P1.5].

Python cannot promise to overwrite an integer. What is promised here: nothing secret is written to a file or a log, the primes
are made in processes that end, and the references are dropped; for the rest, the operator's guide asks for a machine booted from
RAM that is switched off afterwards.
"""

from __future__ import annotations

import gc
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto.encoding import canonical_json
from crypto.paillier import PublicKey
from crypto.statements import SignKey
from crypto.threshold import check_shape
from nodes.ceremony.primes import generate_in_parallel
from nodes.runtime.files import write_public
from nodes.runtime.peers.signing import sign_statement
from scoring.release.ceremony import Recipient, check_ceremony, make_ceremony

Progress = Callable[[str], None]
"""Hears each of STEPS as it begins, or as the prime is found."""

STEPS = ("search", "first prime", "second prime", "share", "check", "sign")


@dataclass(frozen=True, slots=True)
class CeremonyPlan:
    """What is to be made. ``bits``: 3072 (128-bit security) or 2048 (112-bit); ``recipients`` in the order of their shares."""

    zone: str
    bits: int
    threshold: int
    recipients: tuple[Recipient, ...]


def hold_ceremony(plan: CeremonyPlan, signers: Sequence[SignKey], public_dir: Path, progress: Progress) -> PublicKey:
    """Make the zone's key and leave ``ceremony.dsse.json`` and ``key.json`` in ``public_dir``; the public key.

    ``signers``: the dealer, then the witnesses who watched. Raises KeyFormatError for a threshold that is no majority,
    ValueError for an impossible key length. Nothing is written unless everything holds.
    """
    check_shape(plan.threshold, len(plan.recipients))
    progress(STEPS[0])
    private_key = generate_in_parallel(plan.bits, lambda count: progress(STEPS[count]))
    progress(STEPS[3])
    ceremony = make_ceremony(private_key, plan.zone, plan.threshold, plan.recipients, secrets.randbits)
    del private_key
    gc.collect()
    progress(STEPS[4])
    key = check_ceremony(ceremony, min_bits=plan.bits).public_key
    progress(STEPS[5])
    write_public(public_dir / "ceremony.dsse.json", sign_statement(ceremony, *signers))
    write_public(public_dir / "key.json", canonical_json(key.to_json()))
    return key
