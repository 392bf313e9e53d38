"""What every statement of the exchange is made of: a closed, frozen record of bounded fields, with a kind and a nonce."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from crypto.encoding import canonical_json

PAYLOAD_TYPE_PREFIX = "application/vnd.xinqiao."
Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Hex16 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
HexInt = Annotated[str, StringConstraints(pattern=r"^(0|[1-9a-f][0-9a-f]*)$", max_length=4096)]
HexBytes = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", max_length=1 << 20)]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=1 << 17)]  # exact bytes of an embedded envelope
LongInt = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9a-f][0-9a-f]*)$", max_length=1 << 16)]  # signed hex; a proof over the integers
MemberId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]{1,62}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.~-]{1,80}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
StageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]  # models name stages S1, S2 …
Audience = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.~-]{1,80}$")]
Time = Annotated[int, Field(ge=0, lt=1 << 40)]
Index = Annotated[int, Field(ge=0, lt=1 << 53)]


def _whole(value: object) -> object:
    """A literal 1 is equal to 1.0 and to true, of which a statement would have more than one spelling."""
    if type(value) is not int:
        raise ValueError("the version is the number 1")
    return value


class Record(BaseModel):
    """Base of every parsed document: frozen, strict, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Statement(Record):
    """Payload of a DSSE envelope. ``kind`` names its leaf kind and its payload type."""

    kind: ClassVar[str]
    v: Annotated[Literal[1], BeforeValidator(_whole)] = 1
    zone: Name
    nonce: Hex16  # random, so that a digest cannot be guessed [L2]

    def payload(self) -> bytes:
        """Canonical JSON bytes to be signed. Verification always uses the bytes received, never this."""
        return canonical_json(self.model_dump(mode="json"))

    @classmethod
    def payload_type(cls) -> str:
        return f"{PAYLOAD_TYPE_PREFIX}{cls.kind}.v1+json"


class Title(Record):
    zh: str
    en: str
