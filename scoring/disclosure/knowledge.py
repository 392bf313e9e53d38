"""What an audience sees of each owner's record beside functionals, and which indicators are the same unknown [D3].

An unknown is a function of an owner's record, whatever it is called and however its rule is written: two that give the same points for
every record are one. Functions that share a source are cells of one variable. What the audience is told of a variable anyway (gates,
vetoes, open indicators, figures) is the class of its cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gmpy2 import mpq

from scoring.disclosure.functions.cells import Bands, Function, clusters, variable
from scoring.disclosure.functions.sources import Source
from scoring.disclosure.inference.span import relations
from scoring.disclosure.inference.variable import Variable
from scoring.indicators.model import Indicator
from scoring.indicators.pack import Contributors
from scoring.rules.points import Rule
from scoring.rules.stages import Owner


@dataclass(frozen=True, slots=True)
class Unknown:
    """An indicator as one model has it in one stage; ``model`` is the SHA-256. ``contributor``: whose value of it, counted from 1, where it
    is summed over banks; 0 where it has one owner."""

    model: str
    stage: str
    indicator: Indicator
    contributor: int = 0

    @property
    def owner(self) -> tuple[Owner | Contributors | str, int]:
        """Whose it is: a department's, or one bank's."""
        return self.indicator.owner if isinstance(self.indicator.owner, Owner) else self.indicator.owner.sum, self.contributor

    @property
    def rule(self) -> Rule:
        return self.indicator.rules[self.stage]

    def function(self, column: str, reads: str) -> Function:
        return Function(column, self.rule, {item.name: item.spec for item in self.indicator.fields}, reads)


Key = tuple[str, str, int]  # SHA-256 of the model, indicator, contributor


@dataclass
class Knowledge:
    """What is known of the unknowns of one view, by column.

    ``same``: the column of each indicator, by (model, id, contributor). ``variables``: those of several functions, or that the stage narrows.
    ``told_by``: names of what the audience sees of a column's variable. ``relations``: columns that are sums of others, up to what is told.
    ``covered``: columns that may follow from what is told of the same fields in other ways; they count as told. ``possible``: whether any
    firm can be in these stages.
    """

    unknowns: dict[str, Unknown] = field(default_factory=dict)
    same: dict[Key, str] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    told_by: dict[str, tuple[str, ...]] = field(default_factory=dict)
    relations: dict[str, dict[str, mpq]] = field(default_factory=dict)
    covered: set[str] = field(default_factory=set)
    possible: bool = True


def know(
    points: Sequence[Unknown], told: Sequence[tuple[Unknown, str]], known: Callable[[Unknown], bool], bands: Bands, name: Callable[[Unknown], str]
) -> Knowledge:
    """What is known where the audience has the indicators that are ``known``, and sees ``told``: each with how it reads it (``Function``).

    ``name`` gives a column's name, by the first indicator that is the same unknown.
    """
    found = Knowledge()
    for owner in dict.fromkeys(item.owner for item in points):
        of_owner = [(item, reads) for item, reads in told if item.owner == owner]
        _Record([item for item in points if item.owner == owner], of_owner, known, bands, name, found).add()
    return found


@dataclass
class _Record:
    """One owner's record of a firm."""

    points: list[Unknown]
    told: list[tuple[Unknown, str]]
    known: Callable[[Unknown], bool]
    bands: Bands
    name: Callable[[Unknown], str]
    found: Knowledge
    _scored: dict[str, list[Unknown]] = field(default_factory=dict)  # by place
    _seen: dict[str, str] = field(default_factory=dict)  # names of what is told, by place

    def add(self) -> None:
        functions = self._functions()
        for group in clusters(functions):
            scored = [function for function in group if function.column in self._scored]
            if all(self._knows(function) for function in scored):
                for function in scored:
                    self._column([function.column])
            elif scored:
                self._variable(group, scored)

    def _functions(self) -> list[Function]:
        """Each function once: those that earn points, then what is told, in the order given."""
        places: dict[tuple[str, str], str] = {}
        found = []
        everything = [(item, "points") for item in self.points] + list(self.told)
        for item, reads in everything:
            key = repr(item.rule), reads
            if key not in places:
                places[key] = str(len(places))
                found.append(item.function(places[key], "value" if reads == "points" else reads))
            if reads == "points":
                self._scored.setdefault(places[key], []).append(item)
            else:
                self._seen.setdefault(places[key], item.indicator.id)
        return found

    def _knows(self, function: Function) -> bool:
        return any(self.known(item) for item in self._scored.get(function.column, ()))

    def _variable(self, group: list[Function], scored: list[Function]) -> None:
        told = [function for function in group if function not in scored or self._knows(function)]
        axis = any(source.kind == "field" and source.fields[0] in self.bands for function in group for source in function.sources())
        joint = variable(group, {function.column for function in scored}, self.bands) if len(group) > 1 or axis else None
        if joint is not None and not joint.counts:
            self.found.possible = False
            joint = None
        equal: dict[object, list[str]] = {}
        for function in scored:
            equal.setdefault(function.column if joint is None else joint.columns[function.column], []).append(function.column)
        names = {same[0]: self._column(same) for same in equal.values()}
        hidden = [function for function in scored if function.column in names and function not in told]
        seen = tuple(dict.fromkeys(self._seen.get(function.column) or self._scored[function.column][0].indicator.id for function in told))
        self.found.told_by |= {names[function.column]: seen for function in hidden if seen}
        if len(group) > 1 and joint is None:
            self.found.covered |= {names[function.column] for function in hidden if told}
        else:
            self.found.covered |= {names[function.column] for function in hidden if self._covered(function)}
        if joint is not None:
            self._add_joint(joint, {function.column: names[function.column] for function in hidden}, [function.column for function in told])

    def _add_joint(self, joint: Variable, hidden: Mapping[str, str], told: Sequence[str]) -> None:
        classes: dict[tuple[int, ...], int] = {}
        seen = zip(*(joint.columns[column] for column in told), strict=True) if told else [()] * len(joint.counts)
        place = tuple(classes.setdefault(item, len(classes)) for item in seen)
        columns = {name: joint.columns[column] for column, name in hidden.items()}
        whole = {hidden[column]: marginal for column, marginal in joint.whole.items() if column in hidden}
        self.found.variables.append(Variable(columns, joint.counts, whole, place if len(classes) > 1 else ()))
        first = [place.index(number) for number in range(len(classes))]
        apart = {name: [value - values[first[number]] for value, number in zip(values, place, strict=True)] for name, values in columns.items()}
        self.found.relations |= relations(apart)

    def _column(self, same: Sequence[str]) -> str:
        """Name the indicators at these places, which are the same unknown."""
        items = [item for place in same for item in self._scored[place]]
        column = self.name(items[0])
        self.found.unknowns[column] = items[0]
        self.found.same |= {(item.model, item.indicator.id, item.contributor): column for item in items}
        return column

    def _covered(self, function: Function) -> bool:
        """Whether what is told through other sources may determine one of the function's: no field is left that one source alone reads."""
        told = {source for item, reads in self.told for source in item.function("", reads).sources()}
        told |= {source for same in self._scored.values() for item in same if self.known(item) for source in item.function("", "value").sources()}
        return any(_determined(source, told - {source}) for source in function.sources() if told)


def _determined(sought: Source, told: set[Source]) -> bool:
    left = {sought, *told}
    while True:
        readers = Counter(name for source in left for name in source.fields)
        free = {source for source in left if any(readers[name] == 1 for name in source.fields)}
        if sought in free or not free:
            return sought not in free
        left -= free
