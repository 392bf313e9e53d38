"""Messages from member to member through the coordinator, signed and sealed so that it carries what it can neither read nor make [P5.0].

Sealing alone would let whoever carries a message put its own in place: an enrolment of the coordinator's own key for any enterprise.
So the sender signs first, over sender, receiver and subject matter too.

Subject matters: an enterprise service asks the registrar to enrol an enterprise ("enrolment-request"), and the registrar answers
with the county's signed binding ("binding"); an auditor asks a department to open what was drawn ("audit-request"), and the department
shows it ("audit-opening", ``nodes.runtime.replica.audit_messages``); an enterprise service asks a department what it holds of an
enterprise, and answers it ("values-request", "value-answers"), and the department shows it ("values",
``nodes.runtime.replica.value_messages``); the parties of an application for credit tell each other its steps ("loan",
``nodes.lending.messages``). The sealed bytes are the HPKE encapsulation followed by the ciphertext.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypeVar

from pydantic import StringConstraints, ValidationError

from crypto.encoding import canonical_json, frame, label
from crypto.errors import EncodingError, SignatureError
from crypto.sealing import ENC_SIZE, Private, open_sealed, seal
from crypto.statements import SignKey, VerifyKey, check_signature, parse_envelope, sign_envelope
from protos.errors import WireFormatError
from scoring.statements import PAYLOAD_TYPE_PREFIX, Hex16, Hex32, HexBytes, MemberId, Record, SigningKey

ENROLMENT_REQUEST: Final = "enrolment-request"
BINDING: Final = "binding"
AUDIT_REQUEST: Final = "audit-request"
AUDIT_OPENING: Final = "audit-opening"
VALUES_REQUEST: Final = "values-request"
VALUE_ANSWERS: Final = "value-answers"
VALUES: Final = "values"
LOAN: Final = "loan"
SubjectMatter = Literal["enrolment-request", "binding", "audit-request", "audit-opening", "values-request", "value-answers", "values", "loan"]
Uscc = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]
R = TypeVar("R", bound=Record)


class EnrolmentRequest(Record):
    """An enterprise service asks: register these public keys for the enterprise with this code."""

    uscc: Uscc
    key: SigningKey  # key_id "e-" + 16 hex digits
    hpke: Hex32
    service: MemberId


class BindingAnswer(Record):
    """The registrar answers: the subject is enrolled under ``key_id``; or refuses, with a reason of the catalogue.

    ``binding`` is the hex of the DSSE envelope of the county's ``Binding`` statement, empty in a refusal; ``leaf_index`` is the
    enrolment's.
    """

    key_id: str
    subject: Hex16 | Literal[""]
    binding: HexBytes | Literal[""] = ""
    leaf_index: int = -1
    reason: str = ""


def seal_message(message: Record, public: bytes, signer: SignKey, *, sender: str, to: str, matter: SubjectMatter) -> bytes:
    """``message`` signed by ``sender`` and sealed to the member ``to``, whose X25519 key is ``public``: enc ‖ ciphertext."""
    document = {"sender": sender, "to": to, "message": message.model_dump(mode="json")}
    envelope = sign_envelope(_payload_type(matter), canonical_json(document), signer)
    enc, ciphertext = seal(public, _info(sender, to, matter), b"", envelope)
    return enc + ciphertext


def open_message(cls: type[R], sealed: bytes, private: Private, keys: Iterable[VerifyKey], *, sender: str, to: str, matter: SubjectMatter) -> R:
    """The message that ``sender``, one of whose registered ``keys`` signed it, sealed to us.

    Raises SealingError, EnvelopeFormatError, SignatureError, and WireFormatError when it is not a ``cls`` of this subject matter.
    """
    envelope = parse_envelope(open_sealed(private, _info(sender, to, matter), b"", sealed[:ENC_SIZE], sealed[ENC_SIZE:]))
    usable = [key for key in keys if key.key_id in envelope.key_ids]
    if not usable:
        raise SignatureError(f"the message is not signed by a registered key of {sender}")
    check_signature(envelope, usable[0])
    try:
        document = json.loads(envelope.payload)
        if envelope.payload_type != _payload_type(matter) or (document.pop("sender"), document.pop("to")) != (sender, to):
            raise WireFormatError(f"a sealed message says that it is not a {matter} from {sender} to {to}")
        return cls.model_validate_json(canonical_json(document.pop("message")))
    except (ValidationError, EncodingError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise WireFormatError(f"a sealed {matter} does not fit its form") from error


def binding_info(audience: str, consent: str) -> bytes:
    """HPKE info of the binding that a consent carries to its audience: audience and consent id."""
    return frame(label("sealed-binding"), audience.encode(), consent.encode())


class SealedBinding(Record):
    """What a consent's ``sealed_binding`` (hex of enc ‖ ciphertext) opens to: the code and the county's signed binding, in hex."""

    uscc: Uscc
    binding: HexBytes


def seal_binding(binding: SealedBinding, public: bytes, audience: str, consent: str) -> str:
    """``sealed_binding`` of a consent: hex."""
    enc, ciphertext = seal(public, binding_info(audience, consent), b"", canonical_json(binding.model_dump(mode="json")))
    return (enc + ciphertext).hex()


def open_binding(sealed: str, private: Private, audience: str, consent: str) -> SealedBinding:
    """The binding in a consent for us. Raises SealingError, WireFormatError."""
    try:
        data = bytes.fromhex(sealed)
    except ValueError as error:
        raise WireFormatError("a consent's sealed binding is hex") from error
    opened = open_sealed(private, binding_info(audience, consent), b"", data[:ENC_SIZE], data[ENC_SIZE:])
    try:
        return SealedBinding.model_validate_json(opened)
    except ValidationError as error:
        raise WireFormatError("a consent's sealed binding does not fit its form") from error


def _payload_type(matter: str) -> str:
    return f"{PAYLOAD_TYPE_PREFIX}relay.{matter}.v1+json"


def _info(sender: str, to: str, matter: str) -> bytes:
    return frame(label("relay"), sender.encode(), to.encode(), matter.encode())
