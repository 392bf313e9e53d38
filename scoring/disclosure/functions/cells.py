"""The cells of an owner's record: what the functions that share its sources can tell apart, and their values there [D3, D5].

Functions that share a source belong to one variable, and are never taken as independent of each other. A function that shares none is a
variable by itself, whose cells are the points that it can give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

from gmpy2 import mpq

from scoring.disclosure.functions.forms import Fold, cuts, fold, sources, value
from scoring.disclosure.functions.sources import Cut, Sample, Source, cuts_of, inside, samples
from scoring.disclosure.inference.priors import Marginal
from scoring.disclosure.inference.variable import Variable
from scoring.rules.points import Rule
from scoring.rules.stages import Interval
from scoring.rules.values import FieldSpec, half_up

STATES = 1 << 15  # of one variable; beyond, its functions are not computed jointly
_STEPS = 1 << 21
Bands = Mapping[str, Sequence[tuple[Interval | None, bool]]]
"""Of each staging field: the band of the stage under each model, and whether that is the default stage."""


@dataclass(frozen=True, slots=True)
class Function:
    """One column: a rule over fields. ``reads``: what is seen of it: its ``value`` in hundredths, whether it is positive (``sign``), or all
    that rules can tell about its sources (``whole``)."""

    column: str
    rule: Rule
    fields: Mapping[str, FieldSpec]
    reads: str = "value"

    def sources(self) -> tuple[Source, ...]:
        return sources(self.rule)

    def seen(self, at: Mapping[Source, Sample]) -> Any:
        """What is seen where the sources have these samples: equal exactly when it is the same."""
        if self.reads == "whole":
            return tuple(at[source] for source in self.sources())
        return self.shown(value(self.rule, at))

    def shown(self, exact: mpq | None) -> int:
        found = 0 if exact is None else half_up(exact, 100)
        return int(found > 0) if self.reads == "sign" else found


def clusters(functions: Sequence[Function]) -> list[list[Function]]:
    """The functions taken apart into groups that share no source."""
    found: list[tuple[set[Source], list[Function]]] = []
    for function in functions:
        read, together = set(function.sources()), [function]
        rest = []
        for seen, group in found:
            if seen & read:
                read, together = read | seen, [*group, *together]
            else:
                rest.append((seen, group))
        found = [*rest, (read, together)]
    return [group for _, group in found]


def variable(functions: Sequence[Function], scored: Collection[str], bands: Bands) -> Variable | None:
    """The cells of functions that share sources, in the stages that have ``bands``: none where no firm can be in them. None when there
    are too many.

    Every combination of points of the ``scored`` columns is equally likely, and, where it is the same, every combination of the others.
    """
    states = _states(functions, bands)
    if states is None:
        return None
    numbers: dict[tuple[int, Any], int] = {}
    for state, _ in states:
        for place, seen in enumerate(state):
            numbers.setdefault((place, seen), len(numbers))

    def cell(state: tuple[Any, ...]) -> tuple[int, ...]:
        return tuple(
            numbers[place, seen] if function.reads == "whole" else seen for place, (function, seen) in enumerate(zip(functions, state, strict=True))
        )

    every, here = ({cell(state): None for state, within in states if within or anywhere} for anywhere in (True, False))
    if not here:
        return Variable({}, ())
    places = [place for place, function in enumerate(functions) if function.column in scored]
    columns = {function.column: tuple(state[place] for state in here) for place, function in enumerate(functions)}
    whole: dict[str, Marginal] = {}
    if len(every) > len(here):
        points = {functions[place].column: sorted({state[place] for state in every}) for place in places}
        whole = {column: Marginal(tuple(values), (1,) * len(values)) for column, values in points.items()}
    return Variable(columns, tuple(_evenly(list(here), places)), whole)


def _evenly(cells: Sequence[tuple[int, ...]], places: Sequence[int]) -> list[int]:
    """Frequencies by which every combination at ``places`` is equally likely."""
    keys = [tuple(cell[place] for place in places) for cell in cells]
    sizes = Counter(keys)
    whole = lcm(*sizes.values())
    return [whole // sizes[key] for key in keys]


def _states(functions: Sequence[Function], bands: Bands) -> list[tuple[tuple[Any, ...], bool]] | None:
    """What is seen of each function for every record that can be told apart, and whether the record is in the stage."""
    fields = {name: spec for function in functions for name, spec in function.fields.items()}
    order = _cuts(functions, fields)
    progress = [_Progress(function) for function in functions]
    states: dict[tuple[tuple[Any, ...], bool], None] = {(tuple(None if item.folded else () for item in progress), True): None}
    for source, places in order.items():
        axis = bands.get(source.fields[0], ()) if source.kind == "field" else ()
        choices = samples(source, {*places, *(cut for band, _ in axis for cut in cuts_of(band))}, fields)
        if len(choices) * len(states) > _STEPS:
            return None
        found: dict[tuple[tuple[Any, ...], bool], None] = {}
        for state, within in states:
            for sample in choices:
                after = tuple(item.step(before, source, sample) for item, before in zip(progress, state, strict=True))
                found[after, within and inside(sample, axis)] = None
        if len(found) > STATES:
            return None
        states = found
        for item in progress:
            item.taken(source)
    return [(tuple(item.end(before) for item, before in zip(progress, state, strict=True)), within) for state, within in states]


def _cuts(functions: Sequence[Function], fields: Mapping[str, FieldSpec]) -> dict[Source, set[Cut]]:
    found: dict[Source, set[Cut]] = {}
    for function in functions:
        for source in function.sources():
            found.setdefault(source, set())
        for source, places in cuts(function.rule, fields).items():
            if function.reads != "whole":
                found[source] |= places
    return found


class _Progress:
    """A function while its sources are taken one after the other. Its part of a state is what its fold has so far, or samples, and from its
    last source on what is seen of it."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._left = set(function.sources())
        folded = None if function.reads == "whole" else fold(function.rule)
        self._fold: Fold | None = folded if len(self._left) > 1 else None

    @property
    def folded(self) -> bool:
        return self._fold is not None

    def step(self, before: Any, source: Source, sample: Sample) -> Any:
        if source not in self._left:
            return before
        if self._fold is not None:
            return self._fold.step(before, source, sample)
        after = (*before, (source, sample))
        return self._function.seen(dict(after)) if len(self._left) == 1 else after

    def taken(self, source: Source) -> None:
        self._left.discard(source)

    def end(self, found: Any) -> Any:
        if self._fold is not None:
            return self._function.shown(self._fold.end(found))
        return self._function.seen({}) if found == () else found
