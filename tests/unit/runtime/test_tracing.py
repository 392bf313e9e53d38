"""What crosses the wire of a trace, and what a span may tell, whatever is put into it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.runtime.tracing import spans
from nodes.runtime.tracing.spans import Noted, Remote

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Kept:
    """A span that keeps what it is told."""

    traceparent: str = GOOD
    told: dict[str, str | int] = field(default_factory=dict)

    def rename(self, _name: str, /) -> None: ...
    def set(self, key: str, value: str | int, /) -> None:
        self.told[key] = value

    def end(self, _failed: str, /) -> None: ...


def test_a_traceparent_of_version_0_is_read() -> None:
    assert spans.parse([GOOD.encode()]) == Remote(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, True)
    unsampled = spans.parse([GOOD[:-2] + "00"])
    assert unsampled is not None
    assert not unsampled.sampled


@pytest.mark.parametrize(
    "values",
    [
        [],
        [GOOD, GOOD],
        ["01" + GOOD[2:]],
        ["ff" + GOOD[2:]],
        [GOOD.upper()],
        [GOOD + "-extra"],
        [GOOD + "\n"],
        [" " + GOOD],
        [GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)],
        [GOOD.replace("00f067aa0ba902b7", "0" * 16)],
        [GOOD.replace("4", "٤")],
        ["00-" + "a" * 1_000_000],
    ],
)
def test_whatever_is_not_exactly_one_traceparent_is_none(values: list[str]) -> None:
    assert spans.parse(values) is None


@given(st.lists(st.binary(max_size=80), max_size=3))
def test_no_bytes_make_reading_a_traceparent_fail(values: list[bytes]) -> None:
    found = spans.parse(values)
    assert found is None or (0 < found.trace < 1 << 128 and 0 < found.span < 1 << 64)


@given(st.text(max_size=100))
def test_a_span_tells_short_names_and_no_other_text(text: str) -> None:
    kept = Kept()
    Noted(kept).note(caller=text, leaf_index=7)
    assert kept.told["xinqiao.leaf_index"] == 7
    told = kept.told.get("xinqiao.caller", "bank-a")
    assert isinstance(told, str)
    assert told.isascii()
    assert len(told) <= 64
    assert not set(told) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def test_a_span_has_no_attribute_of_another_name() -> None:
    with pytest.raises(AssertionError):
        Noted(Kept()).note(total=81)


def test_nothing_goes_out_while_nothing_is_traced() -> None:
    assert spans.outgoing() is None
    with spans.within(Kept()):
        assert spans.outgoing() == (("traceparent", GOOD),)
    assert spans.outgoing() is None
