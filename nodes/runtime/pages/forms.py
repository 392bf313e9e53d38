"""Forms as a site's own pages send them, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request

from nodes.errors import FormError

MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form."""

    fields: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """The value of a field, empty where there is none. Raises FormError for more than one."""
        values = self.fields.get(name, ("",))
        if len(values) != 1:
            raise FormError(f"the form names {name} more than once")
        return values[0]

    def many(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return tuple(self.fields.get(name, ()))


async def read_form(request: Request) -> Form:
    """The fields of a form as browsers send it. Raises FormError for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise FormError("the page's own form sends application/x-www-form-urlencoded")
    found: dict[str, tuple[str, ...]] = {}
    try:
        for name, value in parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS):
            found[name] = (*found.get(name, ()), value)
    except ValueError as error:
        raise FormError("the form is not as the page's own") from error
    return Form(found)
