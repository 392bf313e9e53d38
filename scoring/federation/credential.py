"""The score credential: a receipt that an enterprise carries into another zone, with what proves whom it is about [F10–F12].

The receiving zone judges it offline, against a peer that it has pinned: it asks the zone of origin nothing. No score of the receiving zone comes
of it. The receipt itself is judged by whoever pins its zone, through ``PinnedPeer.verify``; this module judges everything around it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from pydantic import ValidationError

from crypto.encoding import canonical_json, sha256
from crypto.errors import CryptoError, SignatureError
from crypto.statements import Envelope, check_signature, parse_envelope
from scoring.custody.generations import Generation
from scoring.errors import ReceiptError, ScoringError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.federation.errors import (
    CredentialFormatError,
    CredentialReceiptError,
    CredentialTooOldError,
    NotTheHolderError,
    OriginMismatchError,
    PeerUnknownError,
    PresentationAudienceError,
    PresentationExpiredError,
)
from scoring.release.members import member_history
from scoring.release.receipt import Base64, Receipt
from scoring.statements import Binding, CredentialShown, Enrolment, Hex32, Name, Record, Statement, parse_record, parse_statement

FORMAT: Literal["xinqiao/credential/v1"] = "xinqiao/credential/v1"
MAX_CREDENTIAL_BYTES = 1 << 20
DAY_S = 86_400
S = TypeVar("S", bound=Statement)


class Credential(Record):
    """One score credential. ``zone``: of origin; ``registry`` and ``model``: SHA-256 of that zone's registry envelope and of the model's exact
    bytes, which the receiving zone must have pinned; ``receipt``: its exact bytes; ``binding``: the envelope by which the origin's registrar
    binds the receipt's subject to a code (USCC)."""

    format: Literal["xinqiao/credential/v1"]
    zone: Name
    registry: Hex32
    model: Hex32
    receipt: Base64
    binding: Base64

    def to_bytes(self) -> bytes:
        """Canonical JSON: the bytes that are shown, hashed and kept."""
        return canonical_json(self.model_dump(mode="json"))


class ReceiptShown(Protocol):
    """What a verified receipt says, as far as a credential passes it on. ``time``: of the ticket's leaf, Unix seconds."""

    @property
    def epoch(self) -> str: ...
    @property
    def audience(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def total(self) -> str: ...
    @property
    def percentile(self) -> str | None: ...
    @property
    def time(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PinnedPeer:
    """Another zone as this one pins it. ``registry_sha256``: of its registry's exact envelope. ``verify`` is the ordinary receipt verifier over
    what is pinned: it raises ReceiptError with a reason. ``first``: the generation of the pinned ceremony, where one is pinned."""

    registry: MemberRegistry
    registry_sha256: str
    verify: Callable[[bytes], ReceiptShown]
    first: Generation | None = None


@dataclass(frozen=True, slots=True)
class RecognitionPolicy:
    """What a zone takes: scores up to ``max_age_s`` old, presentations made for at most ``max_life_s``, clocks that differ by ``tolerance_s``."""

    max_age_s: int = 365 * DAY_S
    max_life_s: int = 3600
    tolerance_s: int = 60


DEFAULT_POLICY = RecognitionPolicy()


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a credential shows, once all of it holds. ``scored``: when the score was released in its zone, Unix seconds; ``model``: id and version
    there; ``audience``: the bank for which it was released; ``shown``: ``presentation_digest``."""

    origin: str
    uscc: str
    subject: str
    epoch: str
    model: str
    model_sha256: str
    audience: str
    stage: str
    total: str
    percentile: str | None
    scored: int
    shown: str


def presentation_digest(shown: bytes) -> str:
    """What names a presentation: 64 hex digits of what was signed, the same in whatever envelope it comes. Nobody guesses it: it has a nonce.
    Raises CredentialFormatError."""
    return _statement(shown, CredentialShown, "presentation")[0].said.hex()


def parse_credential(data: bytes) -> Credential:
    """A credential from its canonical bytes. Raises CredentialFormatError."""
    if len(data) > MAX_CREDENTIAL_BYTES:
        raise CredentialFormatError(f"a credential has at most {MAX_CREDENTIAL_BYTES} bytes, this one {len(data)}")
    try:
        credential = parse_record(Credential, data)
    except ScoringError as error:
        raise CredentialFormatError(str(error)) from error
    if credential.to_bytes() != data:
        raise CredentialFormatError("a credential is canonical JSON, so that one has one digest")
    return credential


def judge_credential(
    data: bytes, shown: bytes, peers: Mapping[str, PinnedPeer], *, here: str, now: int, policy: RecognitionPolicy = DEFAULT_POLICY
) -> Recognised:
    """What the credential in ``data`` shows to the zone ``here`` at ``now``; ``shown`` is the holder's presentation (a ``CredentialShown`` envelope).

    Raises, the first that applies: CredentialFormatError; PeerUnknownError for a zone that is not among ``peers``; OriginMismatchError where the
    registry is not the pinned one, or credential, receipt and presentation name different zones, models or bytes; PresentationAudienceError,
    PresentationExpiredError; NotTheHolderError where the enrolled key of the receipt did not sign the presentation; CredentialReceiptError;
    CredentialTooOldError; NotTheHolderError where the registrar's binding is not of this subject [F10–F12].
    """
    credential = parse_credential(data)
    peer = peers.get(credential.zone)
    if peer is None or credential.zone == here:
        raise PeerUnknownError(f"zone {credential.zone!r} is no peer of {here!r}: {', '.join(sorted(peers)) or 'there is none'}")
    if credential.registry != peer.registry_sha256:
        raise OriginMismatchError(f"the credential rests on another registry of {credential.zone} than the pinned one")
    receipt, raw = _receipt(credential)
    if (receipt.zone, receipt.model.sha256) != (credential.zone, credential.model):
        raise OriginMismatchError("the receipt is of another zone or model than the credential names")
    _check_presentation(shown, sha256(data).hex(), credential.zone, receipt, here, now, policy)
    try:
        found = peer.verify(raw)
    except ReceiptError as error:
        raise CredentialReceiptError(f"{error.reason}: {error}") from error
    if not now - policy.max_age_s <= found.time <= now + policy.tolerance_s:
        raise CredentialTooOldError(f"the score is of {found.time}, it is {now}: at most {policy.max_age_s // DAY_S} days are taken")
    uscc = _bound_code(credential, receipt, peer)
    return Recognised(
        credential.zone, uscc, found.subject, found.epoch, f"{receipt.model.id}@{receipt.model.version}", credential.model, found.audience,
        found.stage, found.total, found.percentile, found.time, presentation_digest(shown),
    )  # fmt: skip


def _receipt(credential: Credential) -> tuple[Receipt, bytes]:
    try:
        raw = base64.b64decode(credential.receipt, validate=True)
        return Receipt.model_validate_json(raw), raw
    except (ValidationError, ValueError, RecursionError) as error:
        raise CredentialFormatError("the credential holds no receipt") from error


def _check_presentation(shown: bytes, digest: str, origin: str, receipt: Receipt, here: str, now: int, policy: RecognitionPolicy) -> None:
    """The enterprise of the receipt shows this credential to this zone now."""
    envelope, statement = _statement(shown, CredentialShown, "presentation")
    if (statement.zone, statement.credential) != (origin, digest):
        raise OriginMismatchError("the presentation is of another zone or of another credential")
    if statement.audience != here:
        raise PresentationAudienceError(f"the credential is shown to {statement.audience!r}, this is {here!r}")
    life = statement.not_after - statement.not_before
    if not 0 <= life <= policy.max_life_s or not statement.not_before - policy.tolerance_s <= now <= statement.not_after + policy.tolerance_s:
        raise PresentationExpiredError(
            f"shown from {statement.not_before} to {statement.not_after}, it is {now}: at most {policy.max_life_s} s are taken"
        )
    _, enrolment = _statement(_bytes(receipt.enrolment), Enrolment, "enrolment")
    if envelope.key_ids != (enrolment.key.key_id,):
        raise NotTheHolderError("the presentation is signed by another key than the one enrolled for the receipt's subject")
    try:
        check_signature(envelope, verify_key(enrolment.key))
    except SignatureError as error:
        raise NotTheHolderError("the presentation's signature is not that of the key enrolled for the receipt's subject") from error


def _bound_code(credential: Credential, receipt: Receipt, peer: PinnedPeer) -> str:
    """The code that the origin's registrar bound to the receipt's subject. ``receipt`` was verified, with the changes of members in it."""
    envelope, binding = _statement(_bytes(credential.binding), Binding, "binding")
    shown = [(int(item.leaf_index), _bytes(item.leaf), _bytes(item.envelope)) for item in receipt.members]
    try:
        signer = member_history(peer.registry, shown, peer.first).key(envelope.key_ids[0], int(receipt.ticket_leaf_index))
        check_signature(envelope, verify_key(signer.key))
    except (CryptoError, ScoringError) as error:
        raise NotTheHolderError(f"the binding of code and subject does not hold: {error}") from error
    if "registrar" not in signer.member.roles:
        raise NotTheHolderError(f"{signer.member.id} is not the registrar, who alone binds codes to subjects")
    if (binding.zone, binding.subject) != (credential.zone, receipt.subject):
        raise NotTheHolderError("the binding is of another enterprise than the receipt")
    return str(binding.uscc)


def _statement(raw: bytes, kind: type[S], what: str) -> tuple[Envelope, S]:
    try:
        envelope = parse_envelope(raw)
        statement = parse_statement(envelope.payload_type, envelope.payload)
    except (CryptoError, ScoringError) as error:
        raise CredentialFormatError(f"{what}: {error}") from error
    if not isinstance(statement, kind):
        raise CredentialFormatError(f"{what}: expected a {kind.kind} statement, found {statement.kind}")
    return envelope, statement


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise CredentialFormatError("a part of the credential is not base64") from error
