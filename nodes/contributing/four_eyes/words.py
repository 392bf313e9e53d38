"""A word that a person of a department signs, whatever it is about: how it is signed, and what it takes to be read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Literal, TypeVar

from pydantic import ValidationError

from crypto.encoding import canonical_json
from crypto.errors import EnvelopeFormatError, SignatureError
from crypto.statements import SignKey, VerifyKey, check_signature, parse_envelope, sign_envelope
from nodes.errors import DecisionError
from scoring.statements import MemberId, Name, Time
from scoring.statements.base import Record

W = TypeVar("W", bound="Word")


class Word(Record):
    """Base of what persons sign. It stays on the node: persons are named in it, and the exchange log knows members only.

    ``noun``: what errors call it; ``payload_type``: of its envelope.
    """

    noun: ClassVar[str]
    payload_type: ClassVar[str]

    v: Literal[1] = 1
    zone: Name
    member: MemberId
    person: Name
    time: Time


def sign_word(word: Word, key: SignKey) -> bytes:
    """Bytes of the envelope of ``word``. Raises DecisionError when ``key`` is not named after its person."""
    if key.key_id != word.person:
        raise DecisionError(f"a {word.noun} by {word.person} is not signed with the key of {key.key_id}")
    return sign_envelope(word.payload_type, canonical_json(word.model_dump(mode="json")), key)


def read_word(cls: type[W], raw: bytes, people: Mapping[str, VerifyKey]) -> W:
    """The ``cls`` in ``raw``, signed by the person that it names, who is one of ``people``.

    Raises DecisionError when it is none, when the person is not (or no longer) one of the people, or the signature is not that person's.
    """
    try:
        envelope = parse_envelope(raw)
        word = cls.model_validate_json(envelope.payload)
    except (EnvelopeFormatError, ValidationError) as error:
        raise DecisionError(f"these bytes are no {cls.noun}") from error
    if envelope.payload_type != cls.payload_type or envelope.key_ids != (word.person,):
        raise DecisionError(f"a {cls.noun} carries one signature, of the person that it names")
    key = people.get(word.person)
    if key is None:
        raise DecisionError(f"{word.person} is not one of the department's people")
    try:
        check_signature(envelope, key)
    except SignatureError as error:
        raise DecisionError(f"the {cls.noun} is not signed with the key of {word.person}") from error
    return word


def valid_words(cls: type[W], envelopes: Iterable[bytes], people: Mapping[str, VerifyKey], about: Callable[[W], bool]) -> list[W]:
    """Those of ``envelopes`` that ``people`` signed ``about`` what is in question, in order. What others said, or said of something else,
    is left out."""
    found = []
    for raw in envelopes:
        try:
            word = read_word(cls, raw, people)
        except DecisionError:
            continue
        if about(word):
            found.append(word)
    return found
