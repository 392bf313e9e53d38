"""A pack that extends another: what is inherited, replaced, removed; what is refused, and in which file."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crypto.encoding import sha256
from scoring.errors import ModelError
from scoring.indicators.describe import describe
from scoring.indicators.document import parse_document
from scoring.indicators.extending.extension import Source, resolve
from scoring.indicators.extending.text import yaml_text
from scoring.indicators.model import Model, load_pack
from tests.oracles import small_pack

Pack = dict[str, Any]
BASE = small_pack.to_bytes(small_pack.document())
NOTE = [{"of": ["name", "rule", "weights"], "status": "illustrative"}]


def extension(base: bytes = BASE, **parts: Any) -> Pack:
    """A pack that extends ``base`` and says what every extension has to."""
    named = {"id": "small", "version": "1", "sha256": sha256(base).hex()}
    head = {"format": "xinqiao/model/v1", "id": "wide", "version": "1", "title": small_pack.TITLE, "zone": "any", "valid_from": "2025-01-01"}
    return head | {"extends": named | parts.pop("extends", {})} | parts


RESOLVED_TEXT = r"""id: x-1
title:
  zh: "研发投入"
  en: "R&D, per head"
none: null
yes: true
"null": "null"
empty: ""
of: []
by: {}
numbers:
  - 1
  - -2
  - 0.50
  - 1000
nested:
  - - a
    - b
  - from: 0
    to:
      points:
        - 1
odd: "a\tb \"c\" \\ \u007f\u2028"
"say: it": "- no"
"""


def resolved(pack: Pack, base: bytes = BASE) -> bytes:
    def bases(name: str, version: str) -> Source | None:
        return Source("base.yaml", base) if (name, version) == ("small", "1") else None

    return resolve(Source("wide.yaml", small_pack.to_bytes(pack)), bases)


def loaded(pack: Pack) -> Model:
    return load_pack(resolved(pack))


def test_what_an_extension_does_not_name_is_the_bases() -> None:
    base, model = load_pack(BASE), loaded(extension())
    assert (model.id, model.pack.valid_from) == ("wide", "2025-01-01")
    assert (model.pack.records, model.pack.indicators, model.pack.products) == (base.pack.records, base.pack.indicators, base.pack.products)
    assert [source.id for source in model.pack.resolved_from] == ["small", "wide"]
    assert model.pack.resolved_from[0].sha256 == sha256(BASE).hex()


def test_a_pack_that_extends_nothing_is_its_own_bytes() -> None:
    assert resolve(Source("base.yaml", BASE), lambda *_: None) == BASE


def test_the_same_files_give_the_same_bytes_wherever_they_lie() -> None:
    first = resolved(extension())
    source = Source("/elsewhere/x.yaml", small_pack.to_bytes(extension()))
    assert resolve(source, lambda *_: Source("y.yaml", BASE)) == first
    assert yaml_text(parse_document(first).value).encode() == first  # type: ignore[arg-type]


def test_new_parts_follow_the_bases_and_an_override_stays_in_its_place() -> None:
    added = small_pack.indicator({"kind": "linear", "of": "y", "reference": 10, "points": 10})
    model = loaded(extension(indicators={"third": added, "first": {"weights": {"small": 9, "large": 1}, "provenance": NOTE}}))
    assert list(model.indicators) == ["first", "second", "closed", "third"]
    assert [model.indicators["first"].weight(stage) for stage in ("small", "large")] == [9, 1]
    assert model.indicators["first"].spec.rule == load_pack(BASE).indicators["first"].spec.rule
    shown = {item["id"]: item["packs"] for item in describe(model)["indicators"]}
    assert shown == {"first": ["small@1", "wide@1"], "second": ["small@1"], "closed": ["small@1"], "third": ["wide@1"]}
    said = model.pack.resolved_from[1]
    assert (said.adds, said.changes, said.removes) == (("indicators.third",), ("indicators.first",), ())


def test_fields_of_a_record_are_taken_by_name() -> None:
    fields = {"z": {"title": small_pack.TITLE, "type": "integer"}, "grade": {"title": small_pack.TITLE, "type": "category", "values": ["X"]}}
    model = loaded(extension(records={"books": {"fields": fields}}))
    assert list(model.fields) == [*load_pack(BASE).fields, "z"]
    assert model.fields["grade"].spec.values == ("X",)


def test_what_is_removed_is_named_at_the_head_and_a_product_goes_with_its_provenance() -> None:
    removed = {"indicators": ["second"], "products": ["line"], "fields": ["listed"]}
    model = loaded(extension(extends={"remove": removed}))
    assert (list(model.indicators), list(model.products)) == (["first", "closed"], [])
    assert "listed" not in model.fields
    assert model.pack.product_provenance == {}
    assert model.pack.resolved_from[1].removes == ("indicators.second", "products.line", "fields.listed")


def test_an_acceptance_of_the_base_is_none_of_the_extension() -> None:
    base = small_pack.document()
    base["exposures"] = [
        {"indicator": "first", "audiences": ["bank"], "stages": ["small"], "pinned_at_most": 1, "reason": small_pack.TITLE,
         "accepted_by": small_pack.OWNER}
    ]  # fmt: skip
    data = small_pack.to_bytes(base)
    assert load_pack(data).pack.exposures
    assert load_pack(resolved(extension(data), data)).pack.exposures == ()


def test_a_chain_is_resolved_from_its_first_base_and_says_what_each_did() -> None:
    middle = small_pack.to_bytes(extension(indicators={"first": {"weights": 2, "provenance": NOTE}}))
    last = extension(indicators={"first": {"weights": 3, "provenance": NOTE}}) | {"id": "last"}
    last["extends"] = {"id": "wide", "version": "1", "sha256": sha256(middle).hex()}
    sources = {"small": Source("base.yaml", BASE), "wide": Source("wide.yaml", middle)}
    model = load_pack(resolve(Source("last.yaml", small_pack.to_bytes(last)), lambda name, _: sources.get(name)))
    assert model.indicators["first"].weight("small") == 3
    assert describe(model)["indicators"][0]["packs"] == ["small@1", "wide@1", "last@1"]


def _drop_provenance(pack: Pack) -> None:
    pack["indicators"] = {"first": {"weights": 2}}


def _part(**parts: Any) -> Callable[[Pack], None]:
    return lambda pack: pack.update(parts)


def _extends(**parts: Any) -> Callable[[Pack], None]:
    return lambda pack: pack["extends"].update(parts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop_provenance, r"^wide.yaml, line \d+, indicators.first: overridden without provenance"),
        (_part(products={"line": {"term_months": 6}}), r"^wide.yaml, line \d+, products.line: overridden without product_provenance.line"),
        (_part(staging=small_pack.document()["staging"]), r"^wide.yaml, line \d+, staging: replaced without staging_provenance"),
        (_part(indicators={"fourth": {"weights": 1}}), r"^wide.yaml, line \d+, indicators.fourth.title: is required"),
        (_part(dimensionz={}), r"^wide.yaml, line \d+, dimensionz: is not a name of the format"),
        (_part(resolved_from=[]), "only a resolved pack says"),
        (_extends(sha256="0" * 64), r"^wide.yaml, line \d+, extends.sha256: base.yaml has sha256 [0-9a-f]{64}: it is another pack"),
        (_extends(version="2"), r"^wide.yaml, line \d+, extends: there is no pack small@2 beside this one"),
        (_extends(id="Small"), r"^wide.yaml, line \d+, extends.id: "),
        (_extends(remove={"indicators": ["ninth"]}), r"^wide.yaml, line \d+, extends.remove.indicators\[0\]: the base has no ninth"),
        (_extends(remove={"fields": ["x"]}), r"^base.yaml, line \d+, indicators.first.rule: x is not a field of record books"),
        (_extends(remove={"staging": []}), "nothing is removed from staging"),
        (
            _part(functionals={"total": {"gates": ["nobody"]}}),
            r"^wide.yaml, line \d+, functionals.total.gates: nobody is not an indicator of role gate",
        ),
        (_part(indicators=[]), r"^wide.yaml, line \d+, indicators: "),
        (_part(records={"books": None}), r"^wide.yaml, line \d+, records.books: "),
    ],
)
def test_a_fault_is_told_in_the_file_where_it_lies(change: Callable[[Pack], None], said: str) -> None:
    pack = extension()
    change(pack)
    with pytest.raises(ModelError, match=said):
        resolved(pack)


def test_the_second_line_of_a_fault_names_its_own_file() -> None:
    pack = extension(extends={"remove": {"fields": ["x"]}}, functionals={"total": {"gates": ["nobody"]}})
    with pytest.raises(ModelError) as caught:
        resolved(pack)
    files = [line.partition(",")[0] for line in str(caught.value).splitlines()]
    assert files == ["base.yaml", "wide.yaml"]


def test_a_base_that_is_no_yaml_and_one_that_calls_itself_otherwise_are_named() -> None:
    with pytest.raises(ModelError, match=r"^base.yaml, line 2: not YAML"):
        resolved(extension(b"a: [1\nb: 2\n"), b"a: [1\nb: 2\n")
    other = small_pack.to_bytes(small_pack.document() | {"id": "other"})
    with pytest.raises(ModelError, match=r"extends.id: base.yaml calls itself otherwise"):
        resolved(extension(other), other)


def test_four_bases_in_a_row_are_resolved_and_five_are_refused() -> None:
    sources = {"small": BASE}
    before, name = BASE, "small"
    for place in range(1, 6):
        pack: Pack = extension(before) | {"id": f"over-{place}"}
        pack["extends"]["id"] = name
        before, name = small_pack.to_bytes(pack), f"over-{place}"
        sources[name] = before

    def of(name: str) -> bytes:
        return resolve(Source(name, sources[name]), lambda base, _: Source(base, sources[base]))

    assert len(load_pack(of("over-4")).pack.resolved_from) == 5
    with pytest.raises(ModelError, match="at most 4 packs in a row"):
        of("over-5")


def test_an_extension_by_itself_is_no_model() -> None:
    with pytest.raises(ModelError, match=r"line \d+, extends: this pack extends another: resolve it first"):
        load_pack(small_pack.to_bytes(extension()))


def test_text_that_yaml_would_read_otherwise_is_quoted() -> None:
    value: dict[str, object] = {"true": "null", "a: b": "1", "c": ("-", "# no", 'say "x"', "line\nline", "\x85\u2028", "~", " x "), "d": None}
    assert parse_document(yaml_text(value).encode()).value == value


def test_the_bytes_of_a_resolved_pack_never_change() -> None:
    """Owners have signed the hashes of such texts (docs/adr/0017): a change here is a change of every extension's identity."""
    value: dict[str, object] = {
        "id": "x-1", "title": {"zh": "研发投入", "en": "R&D, per head"}, "none": None, "yes": True, "null": "null", "empty": "", "of": (), "by": {},
        "numbers": (1, -2, Decimal("0.50"), Decimal("1E+3")), "nested": (("a", "b"), {"from": 0, "to": {"points": (1,)}}),
        "odd": "a\tb \"c\" \\ \x7f\u2028", "say: it": "- no",
    }  # fmt: skip
    assert yaml_text(value) == RESOLVED_TEXT
