"""Functionals: terms, intervals, gates, readings, hashes, disclosures."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from scoring.errors import ModelError, RangeError
from scoring.indicators.functional import Functional, functional, largest_gate
from scoring.indicators.model import Model, load_pack
from tests.oracles import small_pack


def framed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def loaded(change: dict[str, Any]) -> Model:
    """The small pack with its functional ``total`` changed."""
    pack = small_pack.document()
    pack["functionals"]["total"] |= change
    return load_pack(small_pack.to_bytes(pack))


def terms(form: Functional) -> list[tuple[str, str, int]]:
    return [(term.indicator, term.functional, term.weight) for term in form.terms]


def test_terms_stand_in_the_order_of_the_pack_without_zero_weights(small: Model) -> None:
    assert terms(functional(small, "total", "small")) == [("first", "-", 3), ("second", "-", 2), ("closed", "total", 1)]
    assert terms(functional(small, "total", "large")) == [("second", "-", 4), ("closed", "total", 1)]


def test_an_indicator_names_its_unit_functional_without_gates(small: Model) -> None:
    for stage in ("small", "large"):
        form = functional(small, "first", stage)
        assert (terms(form), form.gates, form.lo, form.hi) == ([("first", "-", 1)], 0, 0, 1000)


def test_a_gate_has_no_unit_functional(small: Model) -> None:
    with pytest.raises(ModelError, match="no functional 'closed'"):
        functional(small, "closed", "small")


def test_intervals_are_exact(small: Model) -> None:
    form = functional(small, "total", "small")
    assert (form.plain_lo, form.plain_hi) == (2 * -500, 3 * 1000)
    large = functional(small, "total", "large")
    assert (large.plain_lo, large.plain_hi) == (4 * -500, 0)


def test_a_gate_masks_every_stage_with_the_same_size(small: Model) -> None:
    bits = (3000).bit_length() + 1  # the largest |S| over both stages
    for stage in ("small", "large"):
        form = functional(small, "total", stage)
        assert form.gate_bits == bits
        assert form.lo == form.plain_lo - ((1 << bits) + (1 << (bits + 40)) - 1)
        assert form.hi == form.plain_hi


def test_a_constant_is_in_hundredths_and_part_of_the_interval() -> None:
    form = functional(loaded({"constant": 1.5}), "total", "small")
    assert (form.constant, form.plain_lo, form.plain_hi) == (150, -850, 3150)


def test_the_slot_holds_every_functional_and_two_gates_widen_it(small: Model) -> None:
    form = functional(small, "total", "small")
    lowest = functional(small, "total", "large").lo
    assert small.slot_bits == 1 + (-lowest - 1).bit_length()
    assert small.slots_per_ciphertext(3072) == 3070 // small.slot_bits
    pack = small_pack.document()
    pack["indicators"]["shut"] = small_pack.gate({"kind": "never"})
    pack["functionals"]["total"]["gates"] = ["closed", "shut"]
    two = load_pack(small_pack.to_bytes(pack))
    assert functional(two, "total", "small").lo == form.plain_lo - 2 * largest_gate(form.gate_bits)
    assert two.slot_bits == small.slot_bits + 1


def test_a_gate_draws_s_plus_forty_bits_and_is_zero_when_open(small: Model) -> None:
    asked: list[int] = []

    def draw(bits: int) -> int:
        asked.append(bits)
        return (1 << bits) - 1

    bits = functional(small, "total", "small").gate_bits
    assert small.gate_value("closed", "total", False, draw) == 0
    assert asked == []
    assert small.gate_value("closed", "total", True, draw) == -largest_gate(bits) == small.input_bounds("closed", "total")[0]
    assert asked == [bits + 40]
    assert small.gate_value("closed", "total", True, lambda _: 0) == -(1 << bits)


def test_only_a_gate_of_the_functional_has_a_gate_value(small: Model) -> None:
    for gate, name in (("first", "total"), ("closed", "first"), ("closed", "nothing")):
        with pytest.raises(ModelError, match="is not a gate of"):
            small.gate_value(gate, name, True, lambda _: 0)


@pytest.mark.parametrize("stage", ["small", "large"])
def test_an_opened_value_reads_as_itself_or_as_gated_and_never_otherwise(small: Model, stage: str) -> None:
    form = functional(small, "total", stage)
    mask, largest = 1 << form.gate_bits, largest_gate(form.gate_bits)
    for value in (form.plain_lo, 0, form.plain_hi):
        reading = small.read(form, value)
        assert (reading.value_hundredths, reading.gated) == (value, False)
        for gate in (mask, largest):
            reading = small.read(form, value - gate)
            assert (reading.value_hundredths, reading.gated) == (0, True)


@pytest.mark.parametrize("stage", ["small", "large"])
def test_an_impossible_value_is_refused_without_telling_how(small: Model, stage: str) -> None:
    form = functional(small, "total", stage)
    mask = 1 << form.gate_bits
    impossible = (form.plain_hi + 1, form.plain_lo - 1, form.plain_hi - mask + 1, form.lo - 1, 1 << 3000, -(1 << 3000))
    messages = set()
    for value in impossible:
        with pytest.raises(RangeError) as caught:
            small.read(form, value)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_without_a_gate_no_value_reads_as_gated(small: Model) -> None:
    form = functional(small, "first", "small")
    with pytest.raises(RangeError):
        small.read(form, -1)
    assert small.read(form, 1000).value_hundredths == 1000


def test_the_hash_is_over_the_models_bytes_and_the_canonical_functional(small: Model) -> None:
    model_hash = hashlib.sha256(small_pack.to_bytes(small_pack.document())).digest()
    assert small.sha256 == model_hash.hex()
    document = {
        "name": "total",
        "stage": "small",
        "constant": 0,
        "terms": [
            {"indicator": "first", "functional": "-", "weight": 3},
            {"indicator": "second", "functional": "-", "weight": 2},
            {"indicator": "closed", "functional": "total", "weight": 1},
        ],
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert functional(small, "total", "small").hash == hashlib.sha256(framed(b"xinqiao/functional/v1", model_hash, text)).hexdigest()


def test_hashes_differ_by_name_stage_and_model(small: Model) -> None:
    other = loaded({"title": {"zh": "别", "en": "other"}})
    forms = [form for model in (small, other) for form in model.forms.values()]
    assert len({form.hash for form in forms}) == len(forms) == 12


def test_disclosures_are_the_declared_functionals_then_open_indicators() -> None:
    pack = small_pack.document()
    pack["functionals"]["part"] = {"title": small_pack.TITLE, "dimensions": ["one"], "disclosed_to": ["authority"]}
    pack["indicators"]["second"]["open_to"] = ["bank"]
    model = load_pack(small_pack.to_bytes(pack))
    assert model.disclosures("authority") == ("total", "part")
    assert model.disclosures("bank") == ("total", "second")
    assert model.disclosures("enterprise") == ("total", "first", "second")


def test_a_functional_over_one_dimension_leaves_the_others_out() -> None:
    pack = small_pack.document()
    pack["dimensions"]["two"] = small_pack.TITLE
    pack["indicators"]["second"]["dimension"] = "two"
    pack["functionals"]["part"] = {"title": small_pack.TITLE, "dimensions": ["two"], "disclosed_to": ["authority"]}
    model = load_pack(small_pack.to_bytes(pack))
    assert terms(functional(model, "part", "large")) == [("second", "-", 4)]


def test_bounds_of_inputs(small: Model) -> None:
    assert small.input_bounds("second", "-") == (-500, 0)
    with pytest.raises(ModelError, match="closed is a gate"):
        _ = small.indicators["closed"].bounds
