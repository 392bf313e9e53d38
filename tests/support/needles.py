"""What is looked for where it may not be: names, codes and raw values of the firms of a run, however they are wrapped."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence

from simulators.population.tables import Firm

BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}")
HEXADECIMAL = re.compile(rb"(?:[0-9a-f]{2}){12,}")
DISTINCTIVE_DIGITS = 7  # a raw value this long does not turn up by chance


def raw_values(firms: Sequence[Firm]) -> Iterator[bytes]:
    """Distinctive raw values as connectors give them, which is also how departments' own forms begin."""
    for firm in firms:
        for value in firm.values.values():
            if len(value.replace(".", "").strip("0")) >= DISTINCTIVE_DIGITS:
                yield canonical(value).encode()


def canonical(value: str) -> str:
    """A number without zeros at the end of its fraction [C1]."""
    return value.rstrip("0").rstrip(".") if "." in value else value


def unfolded(data: bytes) -> bytes:
    """The bytes, and whatever base64 and hexadecimal runs in them stand for, twice over: envelopes hold their payloads so."""
    found = [data]
    for _ in range(2):
        layer = found[-1]
        runs = [base64.b64decode(run + b"=" * (-len(run) % 4)) for run in BASE64.findall(layer) if len(run) % 4 != 1]
        runs += [bytes.fromhex(run.decode()) for run in HEXADECIMAL.findall(layer)]
        found.append(b"\x00".join(runs))
    return b"\x00".join(found)


def found_in(haystack: bytes, needles: set[bytes]) -> set[bytes]:
    """The needles that occur. Only runs of the needles' own characters are searched, since each lies within one: that is quick."""
    if not needles:
        return set()
    alphabet = b"".join(re.escape(bytes([char])) for char in sorted(set(b"".join(needles))))
    shortest = min(map(len, needles))
    runs = b"\x00".join(set(re.findall(b"[" + alphabet + b"]{%d,}" % shortest, haystack)))
    return {needle for needle in needles if needle in runs}
