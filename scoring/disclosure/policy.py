"""A zone's disclosure policy: the thresholds of the admission lint, as data [P7.1].

A zone states its own in ``public/disclosure-policy.yaml``; where there is none, the defaults of P7.1 hold.
"""

from __future__ import annotations

from typing import Annotated, Literal

from gmpy2 import mpq
from pydantic import Field as Declared
from pydantic import ValidationError

from scoring.errors import DisclosurePolicyError, ModelError
from scoring.indicators.document import parse_document
from scoring.rules.values import Number, Part

FILE = "disclosure-policy.yaml"
Share = Annotated[Number, Declared(ge=0, le=1)]


class Policy(Part):
    """Thresholds. Shares are of firms or of error, from 0 to 1.

    ``ratio_at_least`` and ``pinned_at_most`` bind under the uniform prior; under any other, more than ``prior_pinned_at_most`` pinned
    firms need a named exposure. ``functionals_per_bank`` bounds the functionals that a bank may be given, proportional ones counted once.
    A joint distribution of up to ``exact_cells`` cells is computed exactly; beyond it integer combinations with coefficients up to
    ``coefficients_up_to`` stand in, at most ``combinations_at_most`` of them. A new model is linted together with that many
    ``previous_models`` of the same data period.
    """

    format: Literal["xinqiao/disclosure-policy/v1"] = "xinqiao/disclosure-policy/v1"
    ratio_at_least: Share = mpq(1, 2)
    pinned_at_most: Share = mpq(1, 50)
    prior_pinned_at_most: Share = mpq(1, 20)
    functionals_per_bank: Annotated[int, Declared(ge=1, le=64)] = 2
    exact_cells: Annotated[int, Declared(ge=1, le=1 << 26)] = 1 << 26
    coefficients_up_to: Annotated[int, Declared(ge=1, le=64)] = 16
    combinations_at_most: Annotated[int, Declared(ge=1, le=100_000)] = 1000
    previous_models: Annotated[int, Declared(ge=0, le=8)] = 2


def parse_policy(data: bytes) -> Policy:
    """The policy in a file's bytes, in the strict YAML of packs. Raises DisclosurePolicyError naming line and path."""
    try:
        document = parse_document(data)
    except ModelError as error:
        raise DisclosurePolicyError(str(error)) from error
    try:
        return Policy.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        line, path = document.locate(first["loc"])
        raise DisclosurePolicyError(f"line {line}, {path}: {first['msg'].removeprefix('Value error, ')}") from error
