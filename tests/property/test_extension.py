"""A pack that extends another is the same model as the pack written out; any split of a pack into base and extension resolves to it."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.encoding import sha256
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.indicators.extending.extension import Source, resolve
from scoring.indicators.extending.text import yaml_text
from scoring.indicators.model import load_pack
from tests.oracles import small_pack

NOTE = [{"of": ["name", "rule", "weights"], "status": "illustrative"}]
NAMES = [f"i{place}" for place in range(6)]
PARTS = st.fixed_dictionaries({"weights": st.integers(1, 9), "points": st.integers(1, 10), "of": st.sampled_from(["x", "y", "size"])})
HEAD = ("format", "id", "version", "title", "zone", "valid_from")


def whole(indicators: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A pack of these indicators, of the small pack's shape."""
    pack: dict[str, Any] = small_pack.document() | {"id": "wide", "zone": "here"}
    pack["indicators"] = {
        name: small_pack.indicator({"kind": "linear", "of": spec["of"], "reference": 10, "points": spec["points"]}, spec["weights"])
        for name, spec in indicators.items()
    }
    pack["functionals"]["total"]["gates"] = []
    return pack


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.sampled_from(NAMES), PARTS, min_size=1),
    st.dictionaries(st.sampled_from(NAMES), PARTS, min_size=1),
    st.booleans(),
)  # fmt: skip
def test_what_extends_is_what_is_written_out(before: dict[str, Any], after: dict[str, Any], keep_products: bool) -> None:
    base: dict[str, Any] = whole(before) | {"id": "base"}
    data = small_pack.to_bytes(base)
    written = whole({name: after[name] for name in (*(name for name in before if name in after), *(name for name in after if name not in before))})
    removed = {"indicators": [name for name in before if name not in after]}
    extension: dict[str, Any] = {name: written[name] for name in HEAD}
    if not keep_products:
        del written["products"], written["product_provenance"]
        removed["products"] = ["line"]
    extension["extends"] = {"id": "base", "version": "1", "sha256": sha256(data).hex(), "remove": removed}
    changed = {name: spec for name, spec in written["indicators"].items() if spec != base["indicators"].get(name)}
    extension["indicators"] = {
        name: {key: value for key, value in spec.items() if key == "provenance" or value != base["indicators"].get(name, {}).get(key)}
        for name, spec in changed.items()
    }
    found = load_pack(resolve(Source("wide.yaml", small_pack.to_bytes(extension)), lambda *_: Source("base.yaml", data)))
    expected = load_pack(small_pack.to_bytes(written))
    assert found.pack.model_copy(update={"resolved_from": ()}) == expected.pack
    assert list(found.indicators) == list(expected.indicators)
    assert {key: (form.terms, form.lo, form.hi) for key, form in found.forms.items()} == {
        key: (form.terms, form.lo, form.hi) for key, form in expected.forms.items()
    }


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_extension_is_refused_or_is_a_pack(data: st.DataObject) -> None:
    base = small_pack.to_bytes(small_pack.document())
    pack: dict[str, Any] = {name: small_pack.document()[name] for name in HEAD} | {"id": "wide"}
    pack["extends"] = {"id": "small", "version": "1", "sha256": sha256(base).hex(), "remove": {"indicators": ["second"]}}
    pack |= {name: small_pack.document()[name] for name in ("records", "indicators", "functionals", "products", "product_provenance")}
    pack = copy.deepcopy(pack)  # titles are shared
    part: Any = pack
    for _ in range(data.draw(st.integers(0, 4))):
        inner = [key for key, value in part.items() if isinstance(value, dict) and value]
        if not inner:
            break
        part = part[data.draw(st.sampled_from(inner))]
    part[data.draw(st.sampled_from([*part]))] = data.draw(st.sampled_from([None, 0, "x", [], {}, [1], {"x": 1}]))
    said = ""
    try:
        load_pack(resolve(Source("wide.yaml", small_pack.to_bytes(pack)), lambda *_: Source("base.yaml", base)))
    except ModelError as error:
        said = str(error)
    assert all(line.startswith(("wide.yaml, line ", "base.yaml, line ", "and ")) for line in said.splitlines()), said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.decimals(-1000, 1000, places=2) | st.text(max_size=8).filter(str.isprintable),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(tuple) | st.dictionaries(st.text("abc: #-\"'\n是", max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=5).filter(str.isprintable), VALUES, min_size=1, max_size=4))
def test_what_is_written_is_read_again(value: dict[str, object]) -> None:
    assert parse_document(yaml_text(value).encode()).value == value
