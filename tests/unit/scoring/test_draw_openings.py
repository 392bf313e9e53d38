"""Whether a shown opening agrees: with its ciphertext, however it was made; with the model's bounds; with the record [P6.6]."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.keygen import PrivateKey
from crypto.packing import pack
from crypto.paillier import Encryptor, PublicKey
from scoring.draws.openings import Drawn, Shown, judge_shown, same_value, worst
from scoring.indicators.model import Model, load_pack
from scoring.rules.points import contributed_points
from scoring.statements import Entry
from tests.support.ledger import PACK

STAGE = "S1"
PATENTS, GATE = Entry(indicator="patents"), Entry(indicator="gate", functional="total")
RECORD = {"patents": "3", "rd_musd": "4"}


@pytest.fixture(scope="module")
def model() -> Model:
    return load_pack(PACK.read_bytes())


@pytest.fixture(scope="module")
def encryptor(small_public_key: PublicKey) -> Encryptor:
    return Encryptor(small_public_key, window=4)


def record_of(model: Model, indicator: str, value: str) -> dict[str, str]:
    return {field.name: value for field in model.indicators[indicator].fields}


def points(model: Model, record: dict[str, str]) -> int:
    return contributed_points(model, "patents", record, STAGE)[0]


def column(encryptor: Encryptor, model: Model, values: list[int], records: list[dict[str, str]], entry: Entry = PATENTS) -> tuple[Drawn, Shown]:
    """A batch of a column with what its maker shows of it."""
    m, exponent = pack(values, model.slot_bits), 12_345
    drawn = Drawn(entry, STAGE, len(values), model.slot_bits, encryptor.encrypt(m, exponent))
    return drawn, Shown(m % encryptor.public_key.n, exponent, None, tuple(records))


@pytest.fixture
def honest(encryptor: Encryptor, model: Model) -> tuple[Drawn, Shown]:
    records = [record_of(model, "patents", value) for value in ("0", "2", "5")]
    return column(encryptor, model, [points(model, record) for record in records], records)


def test_an_honest_opening_agrees(encryptor: Encryptor, model: Model, honest: tuple[Drawn, Shown]) -> None:
    judged = judge_shown(encryptor.public_key, model, *honest)
    assert (judged.outcome, len(judged.values)) == ("AGREES", 3)
    assert len(set(judged.values)) > 1


@pytest.mark.parametrize("change", ["m", "exponent", "neither", "another ciphertext", "exponent out of range"])
def test_what_does_not_give_the_ciphertext_opens_nothing(encryptor: Encryptor, model: Model, honest: tuple[Drawn, Shown], change: str) -> None:
    drawn, shown = honest
    assert shown.exponent is not None
    changed = {
        "m": (drawn, replace(shown, m=shown.m + 1)),
        "exponent": (drawn, replace(shown, exponent=shown.exponent + 1)),
        "neither": (drawn, replace(shown, exponent=None)),
        "another ciphertext": (replace(drawn, ciphertext=encryptor.encrypt(0, 7)), shown),
        "exponent out of range": (drawn, replace(shown, exponent=1 << encryptor.public_key.exponent_bits)),
    }[change]
    judged = judge_shown(encryptor.public_key, model, *changed)
    assert (judged.outcome, judged.values) == ("OPENING_INVALID", ())


def test_a_sender_without_exponents_shows_the_root(encryptor: Encryptor, model: Model, honest: tuple[Drawn, Shown]) -> None:
    """As ``phe`` makes ciphertexts: r^n with an r of its own [P4.6]."""
    key, (drawn, shown), r = encryptor.public_key, honest, 987_654_321
    ciphertext = (1 + shown.m * key.n) * pow(r, key.n, key.n2) % key.n2
    assert judge_shown(key, model, replace(drawn, ciphertext=ciphertext), replace(shown, exponent=None, root=r)).outcome == "AGREES"
    wrong = judge_shown(key, model, replace(drawn, ciphertext=ciphertext), replace(shown, exponent=None, root=r + 1))
    assert wrong.outcome == "OPENING_INVALID"


def test_a_record_that_gives_other_points_is_found_at_its_place(encryptor: Encryptor, model: Model, honest: tuple[Drawn, Shown]) -> None:
    drawn, shown = honest
    first, *others = shown.records
    judged = judge_shown(encryptor.public_key, model, drawn, replace(shown, records=(record_of(model, "patents", "9"), *others)))
    assert (judged.outcome, judged.detail) == ("RECORD_DIFFERS", "places 0: the record shown gives other points")
    assert judge_shown(encryptor.public_key, model, drawn, replace(shown, records=(first,))).outcome == "RECORD_DIFFERS"


def test_missing_data_is_0_and_agrees_with_no_record(encryptor: Encryptor, model: Model) -> None:
    assert judge_shown(encryptor.public_key, model, *column(encryptor, model, [0], [{}])).outcome == "AGREES"


@pytest.mark.parametrize("off", [-1, 1])
def test_a_value_out_of_its_bounds_is_impossible(encryptor: Encryptor, model: Model, off: int) -> None:
    low, high = model.indicators["patents"].bounds
    value = low - 1 if off < 0 else high + 1
    assert judge_shown(encryptor.public_key, model, *column(encryptor, model, [value, 0], [{}, {}])).outcome == "VALUE_IMPOSSIBLE"


def test_something_beyond_the_last_slot_is_impossible(encryptor: Encryptor, model: Model) -> None:
    drawn, shown = column(encryptor, model, [0, 0, 1], [{}, {}, {}])
    assert judge_shown(encryptor.public_key, model, replace(drawn, count=2), shown).outcome == "VALUE_IMPOSSIBLE"


def test_a_gate_counts_as_closed_or_open_and_its_mask_has_its_size(encryptor: Encryptor, model: Model) -> None:
    key = encryptor.public_key
    closed = model.gate_value("gate", "total", True, lambda bits: (1 << bits) - 1)
    assert judge_shown(key, model, *column(encryptor, model, [0], [{}], GATE)).outcome == "AGREES"
    assert judge_shown(key, model, *column(encryptor, model, [closed], [{}], GATE)).outcome == "RECORD_DIFFERS"  # no record closes it
    assert judge_shown(key, model, *column(encryptor, model, [-1], [{}], GATE)).outcome == "VALUE_IMPOSSIBLE"  # no mask hides it
    assert judge_shown(key, model, *column(encryptor, model, [1], [{}], GATE)).outcome == "VALUE_IMPOSSIBLE"
    other = model.gate_value("gate", "total", True, lambda _bits: 0)
    assert same_value(model, GATE, closed, other)
    assert not same_value(model, GATE, closed, 0)
    assert not same_value(model, PATENTS, 100, 101)


@given(value=st.integers(-(1 << 20), 1 << 20), shift=st.integers(1, 1 << 20))
def test_one_ciphertext_opens_to_one_value(small_private_key: PrivateKey, value: int, shift: int) -> None:
    key, model = PublicKey.from_modulus(small_private_key.n, min_bits=512), load_once()
    ciphertext = (1 + value * key.n) * pow(key.h_s, 77, key.n2) % key.n2
    drawn = Drawn(PATENTS, STAGE, 1, 0, ciphertext)
    assert judge_shown(key, model, drawn, Shown(value % key.n, 77, None, ({},))).outcome != "OPENING_INVALID"
    assert judge_shown(key, model, drawn, Shown((value + shift) % key.n, 77, None, ({},))).outcome == "OPENING_INVALID"


_LOADED: list[Model] = []


def load_once() -> Model:
    if not _LOADED:
        _LOADED.append(load_pack(PACK.read_bytes()))
    return _LOADED[0]


def test_the_outcome_of_several_is_the_first_that_does_not_agree() -> None:
    assert worst(["AGREES", "AGREES"]) == "AGREES"
    assert worst(["AGREES", "ROW_DIFFERS", "RECORD_DIFFERS"]) == "ROW_DIFFERS"
