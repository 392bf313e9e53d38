from __future__ import annotations

import hashlib
import hmac
import warnings

import pytest

from crypto.errors import SubjectError
from crypto.subjects import CHARSET, OuterCheckCharacterWarning, check_uscc, make_uscc, outer_character, subject_id

REAL = ["91330100799655058B", "914403001922038216", "9144030071526726XG", "91110000802100433B"]
EARLY = ["91350100M0001TGQXM", "91350211M0000XUF46"]  # registered with an outer character that the standard does not give


@pytest.mark.parametrize("uscc", REAL)
def test_registered_codes_hold_without_a_warning(uscc: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_uscc(uscc)


@pytest.mark.parametrize("uscc", EARLY)
def test_codes_whose_outer_character_alone_is_wrong_warn_and_pass(uscc: str) -> None:
    with pytest.warns(OuterCheckCharacterWarning, match=f"expected '{outer_character(uscc[:17])}'"):
        check_uscc(uscc)


@pytest.mark.parametrize("uscc", REAL)
def test_every_other_outer_character_warns(uscc: str) -> None:
    for character in CHARSET.replace(uscc[17], ""):
        with pytest.warns(OuterCheckCharacterWarning):
            check_uscc(uscc[:17] + character)


@pytest.mark.parametrize("uscc", REAL)
def test_every_single_wrong_character_is_noticed(uscc: str) -> None:
    """The two sums together catch every substitution of one character."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for position in range(18):
            for character in CHARSET.replace(uscc[position], ""):
                with pytest.raises((SubjectError, OuterCheckCharacterWarning)):
                    check_uscc(uscc[:position] + character + uscc[position + 1 :])


def test_a_wrong_inner_character_is_refused_by_name() -> None:
    with pytest.raises(SubjectError, match="inner check character of the organisation is '9', expected '8'"):
        check_uscc(REAL[0][:16] + "9" + REAL[0][17])


@pytest.mark.parametrize("uscc", ["", REAL[0][:17], REAL[0] + "0", REAL[0] * 2])
def test_wrong_lengths_are_refused_by_name(uscc: str) -> None:
    with pytest.raises(SubjectError, match="length"):
        check_uscc(uscc)


@pytest.mark.parametrize("position", range(18))
@pytest.mark.parametrize("character", ["I", "O", "S", "V", "Z", "a", " ", "-", "杭", "\uff11", "\n"])
def test_characters_outside_the_charset_are_refused_by_name(position: int, character: str) -> None:
    uscc = REAL[0][:position] + character + REAL[0][position + 1 :]
    with pytest.raises(SubjectError, match="charset"):
        check_uscc(uscc)


def test_a_division_that_is_not_digits_is_refused_by_name() -> None:
    with pytest.raises(SubjectError, match="division"):
        check_uscc("91A30100799655058B")


@pytest.mark.parametrize("uscc", REAL)
def test_codes_are_made_of_their_parts(uscc: str) -> None:
    assert make_uscc(uscc[0], uscc[1], uscc[2:8], uscc[8:16]) == uscc


def test_parts_that_do_not_fit_are_refused() -> None:
    for parts in (
        ("", "1", "330108", "MA27U0KX"),
        ("9", "11", "330108", "MA27U0KX"),
        ("9", "1", "33010", "MA27U0KX"),
        ("9", "1", "330108", "MA27U0K"),
    ):
        with pytest.raises(SubjectError, match="length"):
            make_uscc(*parts)
    with pytest.raises(SubjectError, match="charset"):
        make_uscc("9", "1", "330108", "MA27U0KI")
    with pytest.raises(SubjectError, match="division"):
        make_uscc("9", "1", "33010A", "MA27U0KX")


# --- subject ids [P3.1] --------------------------------------------------------------------------------------------------


def test_subject_id_is_the_truncated_hmac_of_label_and_code() -> None:
    message = b"".join(len(field).to_bytes(8, "big") + field for field in (b"xinqiao/subject/v1", REAL[0].encode()))
    assert subject_id(b"roster key", REAL[0]) == hmac.new(b"roster key", message, hashlib.sha256).hexdigest()[:32]


def test_subject_ids_differ_between_codes_and_roster_keys() -> None:
    ids = {subject_id(key, uscc) for key in (b"2024", b"2025") for uscc in REAL + EARLY}
    assert len(ids) == 2 * 6


@pytest.mark.parametrize("uscc", ["", REAL[0].lower(), REAL[0] + " ", "913301O0799655058B"])
def test_spellings_that_are_no_code_have_no_subject_id(uscc: str) -> None:
    with pytest.raises(SubjectError):
        subject_id(b"roster key", uscc)
