"""Forms as the page's own pages send them, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from nodes.errors import FormError


async def read_form(request: Request) -> dict[str, list[str]]:
    """The fields of a form as browsers send it. Raises FormError for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise FormError("the page's own form sends application/x-www-form-urlencoded")
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000):
            found.setdefault(name, []).append(value)
    except ValueError as error:
        raise FormError("the form is not as the page's own") from error
    return found


def one(form: Mapping[str, list[str]], name: str) -> str:
    """The value of a field, empty where there is none. Raises FormError for more than one."""
    values = form.get(name, [""])
    if len(values) != 1:
        raise FormError(f"the form names {name} more than once")
    return values[0]
