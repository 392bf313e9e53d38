"""What a validator finds is told in words: no pattern, none of the validator's own."""

from __future__ import annotations

import doctest
import importlib
import re
from ast import literal_eval

import pytest
from pydantic import BaseModel, TypeAdapter

from connectors.mapping import ConnectorMapping
from scoring.errors import ModelError
from scoring.indicators.model import load_pack
from scoring.indicators.pack import Pack
from scoring.wording import FORMS, OTHER_FORM


@pytest.mark.parametrize("form", [Pack, ConnectorMapping])
def test_every_pattern_of_packs_and_mappings_has_words(form: type[BaseModel]) -> None:
    """The patterns are those by which the validator judges: there is no JSON schema of exact numbers to take them from."""
    text = repr(TypeAdapter(form).core_schema)
    asked = {literal_eval(quoted) for quoted in re.findall(r"'pattern': ('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", text)}
    assert len(asked) > 3
    assert asked - FORMS.keys() == set()


def test_no_message_shows_a_pattern_or_the_validators_own_words() -> None:
    pack = b"""format: xinqiao/model/v2
id: Big
version: "?"
title: {zh: x, en: 3}
zone: any
valid_from: yesterday
records: {}
dimensions: {a: b}
staging: {owner: {department: d, level: street}, default: s, axes: [x], stages: {"1": {title: {zh: x, en: y}, on: {}}}}
staging_provenance: [{of: [], status: guessed}]
indicators: {i: {rule: {kind: nothing}, weights: many}}
functionals: 3
"""
    with pytest.raises(ModelError) as caught:
        load_pack(pack)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    for line in lines[:10]:
        assert not re.search(r"Input should|String should|\^\[|pydantic", line), line
        assert OTHER_FORM not in line
        assert re.search("[一-龥]", line), line


@pytest.mark.parametrize("module", ["scoring.wording", "scoring.notation.workbook.places", "nodes.commands.models.tables"])
def test_examples_in_docstrings_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
