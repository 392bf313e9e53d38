"""Bytes under every hash: framing that cannot be read two ways, fixed widths, one canonical form of a JSON document."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import canonical_json, digest, frame, from_fixed, label, to_fixed, xof, xof_mod
from crypto.errors import EncodingError

TEXT = st.text(st.characters(codec="utf-8"))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


def test_a_label_names_use_and_version() -> None:
    assert label("header") == b"xinqiao/header/v1"


def test_fields_are_framed_by_their_length() -> None:
    assert frame(b"ab", b"") == b"\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\0"


@given(st.lists(st.binary(max_size=12), max_size=5), st.lists(st.binary(max_size=12), max_size=5))
def test_no_two_lists_of_fields_share_a_frame(one: list[bytes], other: list[bytes]) -> None:
    assert (frame(*one) == frame(*other)) == (one == other)


def test_digest_and_xof_are_of_the_labelled_frame() -> None:
    framed = frame(b"xinqiao/header/v1", b"ab")
    assert digest("header", b"ab") == hashlib.sha256(framed).digest()
    assert xof("header", 40, b"ab") == hashlib.shake_256(framed).digest(40)


def test_an_integer_modulo_n_takes_sixteen_bytes_more_than_n() -> None:
    n = (1 << 512) - 569
    assert xof_mod("base", n, b"ab") == int.from_bytes(xof("base", 64 + 16, b"ab"), "big") % n


def test_integers_have_a_fixed_width() -> None:
    assert to_fixed(258, 4) == b"\0\0\1\2"
    assert from_fixed(b"\0\0\1\2", 4) == 258
    for value in (-1, 1 << 32):
        with pytest.raises(EncodingError):
            to_fixed(value, 4)
    for data in (b"\0\0\1", b"\0\0\0\1\2"):
        with pytest.raises(EncodingError):
            from_fixed(data, 4)


def test_the_canonical_form_is_sorted_unspaced_utf8() -> None:
    assert canonical_json({"乙": [1, True, None], "b": {"z": "é", "a": -1}}) == '{"b":{"a":-1,"z":"é"},"乙":[1,true,null]}'.encode()


@given(DOCUMENTS)
def test_a_document_comes_back_from_its_canonical_form(document: object) -> None:
    assert json.loads(canonical_json(document)) == document
    assert canonical_json(json.loads(canonical_json(document))) == canonical_json(document)


@pytest.mark.parametrize("value", [0.5, float("nan"), [1, [2.0]], {"a": {"b": (1, 1e9)}}])
def test_a_float_has_no_canonical_form(value: object) -> None:
    with pytest.raises(EncodingError, match="float"):
        canonical_json(value)


@pytest.mark.parametrize("text", [r'"\ud800"', r'{"\udfff": 1}', r'["ok", {"a": ["\udc00\ud800"]}]'])
def test_a_lone_surrogate_has_no_canonical_form(text: str) -> None:
    """JSON can name one by an escape; UTF-8 cannot hold it."""
    with pytest.raises(EncodingError, match="surrogate"):
        canonical_json(json.loads(text))


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert canonical_json(json.loads(r'"\ud83c\udf09"')) == '"🌉"'.encode()
