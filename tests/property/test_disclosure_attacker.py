"""The lint against an attacker who lists every firm that agrees with what was shown to him [P7.1, D3, D5].

Models are small and random: few owners, whose fields several indicators, gates and vetoes read under any rule, behind two fine indicators that
cover much; two models of one data period, in which an indicator may come back under another name, written otherwise, with another weight or
not at all. Where the attacker is certain of a protected indicator in one firm of ten, the lint must have refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nodes.packs import read_pack
from scoring.disclosure.audiences import usual
from scoring.disclosure.lint import lint
from scoring.disclosure.views import Lineage
from scoring.indicators.model import Model, load_pack
from scoring.rules.points import points
from scoring.statements import DisclosurePolicy
from tests.oracles import small_pack
from tests.support.models import document, item

OWNERS = ("tax", "science", "ip")
VALUES = ("", "0", "1", "2", "3", "4", "5")  # of every field; no rule changes beyond
CLEAR = 0.1  # share of firms: the attacker counts firms a little otherwise than the lint, whose limit is 2 %
NEED = 0.01
TITLE, NOTES = small_pack.TITLE, [{"of": ["name", "rule"], "status": "illustrative"}]


@st.composite
def rules(draw: st.DrawFn, owner: str) -> dict[str, Any]:
    """A rule over one or both of an owner's two fields."""
    one, other = draw(st.permutations((f"x_{owner}_a", f"x_{owner}_b")))
    kind = draw(st.sampled_from(("tiers", "tiers", "linear", "count", "best_of", "sum")))
    edges = sorted(draw(st.sets(st.integers(1, 4), min_size=1, max_size=3)), reverse=True)
    scale = draw(st.sampled_from((1, 2, 3)))
    stepped = {"kind": "tiers", "of": one, "tiers": [{"at_least": edge, "points": scale * edge} for edge in edges], "otherwise": 0}
    if kind == "tiers":
        return stepped
    if kind == "linear":
        return {"kind": "linear", "of": one, "reference": 4, "points": 4 * scale}
    if kind == "count":
        return {"kind": "count", "each": {one: 1, other: scale}, "cap": 4}
    flat = {"kind": "tiers", "of": other, "tiers": [{"more_than": edges[-1], "points": scale}], "otherwise": 0}
    return {"kind": kind, "rules": [stepped, flat]}


def rewritten(rule: dict[str, Any]) -> dict[str, Any]:
    """The same function of whole numbers, written otherwise."""
    if rule["kind"] != "tiers":
        return rule
    first, *_ = rule["tiers"]
    tiers = [{"at_least": tier["at_least"] - 0.5, "points": tier["points"]} for tier in rule["tiers"]]
    return rule | {"tiers": [first | {"at_least": first["at_least"] + 1}, *tiers]}


FINE = {"fine-tax": "tax", "fine-ip": "ip"}  # 41 points each, over fields of their own
STEPS = 40


@st.composite
def packs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One model, or two of one data period; newest first."""
    scored: dict[str, Any] = {name: (owner, fine(name), 1, "d", False) for name, owner in FINE.items()}
    for place in range(draw(st.integers(1, 3))):
        owner = draw(st.sampled_from(OWNERS))
        scored[f"i{place}"] = (owner, draw(rules(owner)), draw(st.integers(1, 3)), draw(st.sampled_from("de")), draw(st.integers(0, 9)) == 0)
    singles = {}
    for place in range(draw(st.integers(0, 2))):
        owner = draw(st.sampled_from(OWNERS))
        singles[f"s{place}"] = (draw(st.sampled_from(("gate", "veto"))), owner, draw(rules(owner)))
    first = pack(scored, singles, draw(st.integers(0, 3)) == 0, "1")
    if draw(st.booleans()):
        return [first]
    after = {}
    for name, (owner, rule, weight, part, is_open) in scored.items():
        match draw(st.sampled_from(("same", "renamed", "renamed", "rewritten", "reweighted", "left out"))):
            case "same":
                after[name] = owner, rule, weight, part, is_open
            case "renamed":
                after[f"n-{name}"] = owner, rule, weight, part, is_open
            case "rewritten":
                after[f"w-{name}"] = owner, rewritten(rule), weight, part, is_open
            case "reweighted":
                after[name] = owner, rule, weight + 1, part, is_open
    return [pack(after, singles, False, "2"), first] if after else [first]


def fine(name: str) -> dict[str, Any]:
    return {"kind": "linear", "of": f"x_{name}".replace("-", "_"), "reference": STEPS, "points": STEPS}


def pack(scored: dict[str, Any], singles: dict[str, Any], line: bool, version: str) -> dict[str, Any]:
    shell = {name: item(owner, {"kind": "linear", "points": 1}, weight, dimension=part) for name, (owner, _, weight, part, _) in scored.items()}
    gates = [name for name, (role, _, _) in singles.items() if role == "gate"]
    forms: dict[str, Any] = {"total": {"disclosed_to": ["authority", "bank"], "gates": gates}}
    if line:
        forms["line"] = {"disclosed_to": ["bank"], "dimensions": ["d"]}
    made = document(shell, forms, version)
    title = {"title": TITLE, "definition": TITLE}
    for owner in OWNERS:
        names = [f"x_{owner}_a", f"x_{owner}_b", *(f"x_{name}".replace("-", "_") for name, of in FINE.items() if of == owner)]
        fields = {name: {"title": TITLE, "type": "integer"} for name in names}
        made["records"][f"of-{owner}"] = {"title": TITLE, "owner": {"department": owner, "level": "city"}, "fields": fields}
    made["staging"]["owner"] = {"department": "tax", "level": "city"}
    made["dimensions"] = dict.fromkeys("de", TITLE)
    for name, (_, rule, _, _, is_open) in scored.items():
        made["indicators"][name] |= {"rule": rule, "bounds": [0, 40], "open_to": ["bank"] if is_open else []}
    for name, (role, owner, rule) in singles.items():
        shown = {"bounds": [0, 20], "open_to": ["bank"]} if role == "veto" else {}
        made["indicators"][name] = title | {"role": role, "record": f"of-{owner}", "rule": rule, "provenance": NOTES} | shown
    return made


Key = tuple[str, str]  # version of the model, indicator
Table = dict[Key, NDArray[np.int64]]


class Attacker:
    """Every firm that there can be: what can be told apart of each part of a record, in all combinations."""

    def __init__(self, models: list[Model], kind: str) -> None:
        self.models, self.kind = models, kind
        self.items = {(model.version, name): part for model in models for name, part in model.indicators.items()}
        parts = [self._part([f"x_{owner}_a", f"x_{owner}_b"], VALUES) for owner in OWNERS]
        parts += [self._part([f"x_{name}".replace("-", "_")], [str(number) for number in range(STEPS + 1)]) for name in FINE]
        self.sizes = [len(next(iter(part.values()))) if part else 1 for part in parts]
        self.axis = {key: axis for axis, part in enumerate(parts) for key in part}
        self.points = {key: self._along(axis, part[key]) for axis, part in enumerate(parts) for key in part}

    def _part(self, names: list[str], values: Sequence[str]) -> Table:
        """The distinct points of all indicators that read these fields."""
        keys = [key for key, part in self.items.items() if {item.name for item in part.fields} <= set(names)]
        of = {model.version: model for model in self.models}
        records = [dict(zip(names, chosen, strict=True)) for chosen in product(values, repeat=len(names))]
        found = dict.fromkeys(tuple(points(of[version], name, record, "all") for version, name in keys) for record in records)
        return {key: np.array([line[place] for line in found], dtype=np.int64) for place, key in enumerate(keys)}

    def _along(self, axis: int, values: NDArray[np.int64]) -> NDArray[np.int64]:
        return values.reshape([-1 if place == axis else 1 for place in range(len(self.sizes))])

    def views(self) -> NDArray[np.int64]:
        """A number for each firm: the same for firms that look the same."""
        seen = np.zeros(self.sizes, dtype=np.int64)
        for model in self.models:
            for name, spec in model.functionals.items():
                if self.kind not in spec.disclosed_to:
                    continue
                terms = [term for term in model.forms[name, "all"].terms if term.functional == "-"]
                total = sum((term.weight * self.points[model.version, term.indicator] for term in terms), np.zeros(self.sizes, dtype=np.int64))
                for gate in spec.gates:
                    total = np.where(self.points[model.version, gate] > 0, -1, total)
                seen = self._also(seen, total)
            for name, part in model.indicators.items():
                if self.kind in part.open_to:
                    seen = self._also(seen, self.points[model.version, name])
        return seen.reshape(-1)

    def _also(self, seen: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
        whole = np.broadcast_to(more, self.sizes) + 1
        _, place = np.unique(seen * (int(whole.max()) + 1) + whole, return_inverse=True)
        found: NDArray[np.int64] = place.reshape(self.sizes)
        return found

    def certain(self) -> dict[Key, float]:
        """Of each protected indicator in which firms differ, the share of firms that show it for certain: its points equally likely, and what
        else can be told apart too."""
        seen, found = self.views(), {}
        for key, part in self.items.items():
            values = self.points[key].reshape(-1)
            if part.role != "points" or self.kind in part.open_to or len(set(values.tolist())) == 1:
                continue
            every = np.broadcast_to(self.points[key], self.sizes).reshape(-1)
            least, most = np.full(seen.max() + 1, 1 << 40), np.full(seen.max() + 1, -1)
            np.minimum.at(least, seen, every)
            np.maximum.at(most, seen, every)
            sure = (least == most)[seen]
            found[key] = float(np.mean([sure[every == value].mean() for value in set(values.tolist())]))
        return found


def columns(models: list[Model], kind: str) -> Callable[[Key], str]:
    """The lint's column of an indicator."""
    audience = next(audience for audience in usual(models) if audience.name == kind)
    same = Lineage(tuple(models)).view(audience, ("all",) * len(models)).knowledge.same
    return lambda key: same[next(model.sha256 for model in models if model.version == key[0]), key[1], 0]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(packs(), st.sampled_from(("authority", "bank")))
def test_where_an_exhaustive_attacker_is_certain_the_lint_has_refused(documents: list[dict[str, Any]], kind: str) -> None:
    models = [load_pack(small_pack.to_bytes(made)) for made in documents]
    report = lint(models[0], models[1:], policy=DisclosurePolicy(ratio_at_least=0))
    audience = next(part for part in report.audiences if part.audience == kind)
    pinned = {leak.indicator: leak.pinned / 10_000 for stage in audience.stages for leak in stage.leaks}
    refused = {name for finding in report.findings if finding.audience == kind and finding.outcome == "refused" for name in finding.indicators}
    column_of = columns(models, kind)
    sure = {column_of(key): share for key, share in Attacker(models, kind).certain().items()}
    for column, share in sure.items():
        if column in audience.known:
            continue  # the same function is open under another name
        assert not share or pinned[column], (column, share, documents)
        assert share < CLEAR or column in refused, (column, share, pinned[column], documents)
    event(f"refused: {bool(refused)}; of that without need: {bool(refused) and max(sure.values(), default=0) < NEED}")


@pytest.mark.parametrize(
    ("model", "beside"), [("policy-neeq", "policy-high-growth"), ("policy-high-growth", "policy-neeq"), ("policy-high-growth", "national-htc")]
)
def test_the_numbers_of_flags_of_a_policy_and_a_library_pin_as_many_flags_as_owners_were_told(model: str, beside: str) -> None:
    """An official reads two numbers of each enterprise by name and subtracts: every combination of flags that gives them is enumerated."""
    pair = (read_pack(model), read_pack(beside))
    flags = [[(item.owner, repr(item.rules), item.fields) for item in each.indicators.values()] for each in pair]
    every = list(dict.fromkeys(flag for each in flags for flag in each))
    fitting: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for values in product((0, 1), repeat=len(every)):
        met = dict(zip(every, values, strict=True))
        fitting.setdefault(tuple(sum(met[flag] for flag in each) for each in flags), []).append(values)
    told = {leak.indicator: leak.pinned for leak in lint(pair[0], [pair[1]]).audiences[0].stages[0].leaks}
    for name, flag in zip(pair[0].indicators, flags[0], strict=True):
        place = every.index(flag)
        certain = sum(len(worlds) for worlds in fitting.values() if len({world[place] for world in worlds}) == 1)
        assert told[name] == -(-10_000 * certain // 2 ** len(every)), name
