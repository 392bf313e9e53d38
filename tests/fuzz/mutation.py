"""What hypothesis makes of true documents: bytes changed, cut and put in; in JSON any value anywhere, members missing or repeated."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["0", "-1", "9" * 4000, "9" * 5000, "00", "A" * 64, "AAAA", "../../etc/passwd", "\ud800", "\0", "1e9", "", -1, 1 << 31, 1 << 63, 1 << 64]
    ),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)
DEEP = [b"[" * 100_000, b'{"a":' * 100_000, b"- " * 5_000, b"[" * 5_000 + b"]" * 5_000, b"&a [*a]", b"a: &x [" + b"*x," * 9 + b"]"]


def mutations(seeds: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Bytes near one of the ``seeds``, and bytes that are near nothing."""
    near = st.sampled_from(seeds).flatmap(_near)
    return st.one_of(near, near, near, st.binary(max_size=200))


def _near(seed: bytes) -> st.SearchStrategy[bytes]:
    head, line, body = seed.partition(b"\n")
    changed = [_bytes_changed(seed)]
    for before, part in ((b"", seed), (head + line, body)):
        document = _json(part)
        if document is not None:
            changed += [_json_changed(before, document)] * 2
    return st.one_of(changed)


def _json(text: bytes) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


@st.composite
def _bytes_changed(draw: st.DrawFn, seed: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 1, 1, 2, 8, 32, len(data)]))
        again = bytes(data[at : at + 64])
        data[at : at + cut] = draw(st.one_of(st.binary(max_size=4), st.sampled_from([b"\n", b"\xff", b"\0", b'"', b"," * 40, again])))
    return bytes(data)


@st.composite
def _json_changed(draw: st.DrawFn, before: bytes, document: Any) -> bytes:
    changed = json.loads(json.dumps(document))
    *way, last = draw(st.sampled_from(places_in(changed)))
    inner = changed
    for key in way:
        inner = inner[key]
    what = draw(st.sampled_from(["put", "put", "put", "drop", "add"]))
    if what == "put":
        inner[last] = draw(VALUES)
    elif what == "drop":
        del inner[last]
    elif isinstance(inner, dict):
        inner[draw(st.text(max_size=8))] = draw(VALUES)
    else:
        inner.append(draw(VALUES))
    return before + json.dumps(changed).encode()


def places_in(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a JSON document."""
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [(*path, key) for key, _ in items] + [found for key, value in items for found in places_in(value, (*path, key))]
