"""Messages from member to member through the coordinator, sealed so that it carries what it cannot read [P5.0].

Two subject matters: an enterprise service asks the registrar to enrol an enterprise ("enrolment-request"), and the registrar answers
with the county's signed binding ("binding"). The sealed bytes are the HPKE encapsulation followed by the ciphertext.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import StringConstraints, ValidationError

from crypto.encoding import canonical_json, frame, label
from crypto.sealing import ENC_SIZE, open_sealed, seal
from nodes.errors import WireFormatError
from scoring.statements import Hex16, Hex32, MemberId, Record, SigningKey

ENROLMENT_REQUEST = "enrolment-request"
BINDING = "binding"
SubjectMatter = Literal["enrolment-request", "binding"]
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
    binding: str = ""
    leaf_index: int = -1
    reason: str = ""


def seal_message(message: Record, public: bytes, *, sender: str, to: str, matter: SubjectMatter) -> bytes:
    """``message`` sealed to the member ``to``, whose X25519 key is ``public``: enc ‖ ciphertext."""
    enc, ciphertext = seal(public, _info(sender, to, matter), b"", canonical_json(message.model_dump(mode="json")))
    return enc + ciphertext


def open_message(cls: type[R], sealed: bytes, private: bytes, *, sender: str, to: str, matter: SubjectMatter) -> R:
    """The message that ``sender`` sealed to us. Raises SealingError, WireFormatError when it is not a ``cls``."""
    data = open_sealed(private, _info(sender, to, matter), b"", sealed[:ENC_SIZE], sealed[ENC_SIZE:])
    try:
        return cls.model_validate_json(data)
    except ValidationError as error:
        raise WireFormatError(f"a sealed {matter} does not fit its form") from error


def binding_info(audience: str, consent: str) -> bytes:
    """HPKE info of the binding that a consent carries to its audience: audience and consent id."""
    return frame(label("sealed-binding"), audience.encode(), consent.encode())


class SealedBinding(Record):
    """What a consent's ``sealed_binding`` (hex of enc ‖ ciphertext) opens to: the code and the county's signed binding, in hex."""

    uscc: Uscc
    binding: str


def seal_binding(binding: SealedBinding, public: bytes, audience: str, consent: str) -> str:
    """``sealed_binding`` of a consent: hex."""
    enc, ciphertext = seal(public, binding_info(audience, consent), b"", canonical_json(binding.model_dump(mode="json")))
    return (enc + ciphertext).hex()


def open_binding(sealed: str, private: bytes, audience: str, consent: str) -> SealedBinding:
    """The binding in a consent for us. Raises SealingError, WireFormatError."""
    data = bytes.fromhex(sealed)
    opened = open_sealed(private, binding_info(audience, consent), b"", data[:ENC_SIZE], data[ENC_SIZE:])
    try:
        return SealedBinding.model_validate_json(opened)
    except ValidationError as error:
        raise WireFormatError("a consent's sealed binding does not fit its form") from error


def _info(sender: str, to: str, matter: str) -> bytes:
    return frame(label("relay"), sender.encode(), to.encode(), matter.encode())
