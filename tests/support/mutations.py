"""Every place of a JSON document, and another value of the same form for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of every scalar of a document; of a list of strings only the first and the last."""
    items: Any = value.items() if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else ()
    if isinstance(value, list) and len(value) > 2 and all(isinstance(item, str) for item in value):
        items = [items[0], items[-1]]
    if not isinstance(value, dict | list):
        yield path
    for key, item in items:
        yield from leaves(item, (*path, key))


def changed_scalar(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, bool):
        return not value
    if value is None:
        return "0-5"
    if isinstance(value, int):
        return value + 1
    middle = len(value) // 2
    other = next(character for character in "123abc" if character != value[middle : middle + 1])
    return value[:middle] + other + value[middle + 1 :]
