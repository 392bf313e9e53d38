"""Everything that t − 1 custodians, coordinator, log, the authority's front, a bank and two contributors hold together after a real run:
their directories, databases, keys, and every message that they sent or received. What was not released to one of them stays undetermined.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from gmpy2 import mpq

from crypto.errors import OpeningError, PartialError
from crypto.threshold import Share, combine, partial
from nodes.custodian.shares.holding import read_holding
from nodes.runtime.files import read_private
from scoring.disclosure.audiences import AUTHORITY, BANK, Audience
from scoring.disclosure.inference.span import isolation, null_space, primitive, rank
from scoring.disclosure.views import Lineage
from scoring.indicators.model import Model
from scoring.rules.stages import Owner
from scoring.statements import Row
from simulators.adversaries.collusion import Coalition, Fact
from tests.scenario.conftest import DemoRun
from tests.scenario.test_privacy import state_of

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(400)]

CUSTODIANS, ONE_MORE = ("notary-hangzhou", "archive-zhejiang"), "university-hangzhou"  # t − 1, and the one that makes t
CONTRIBUTORS, BANKS = ("ip-zhejiang", "market-zhejiang"), ("bank-a",)
VICTIM = "science-binjiang"
PROCESSES = (*CUSTODIANS, "coordinator", "log", "gateway", *BANKS, *CONTRIBUTORS)


@pytest.fixture(scope="module")
def coalition(demo: DemoRun) -> Coalition:
    return Coalition(demo.out, CUSTODIANS, CONTRIBUTORS, BANKS)


@pytest.fixture(scope="module")
def known(coalition: Coalition) -> dict[str, list[Fact]]:
    return by_subject([*coalition.told(), *coalition.own()])


def by_subject(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    found = defaultdict(list)
    for fact in facts:
        found[fact.subject].append(fact)
    return found


def epoch_of(coalition: Coalition) -> str:
    return next(iter(coalition.view.epochs))


def model_of(coalition: Coalition) -> Model:
    return coalition.view.model(coalition.view.epochs[epoch_of(coalition)].opened.model)


def protected(model: Model, coalition: Coalition) -> list[str]:
    """Indicators that earn points, are open to none of them, and belong to none of them."""
    held = {f"{member.department}/{member.level}" for member in coalition.members()}
    closed = [item for item in model.indicators.values() if item.role == "points" and not item.open_to & {AUTHORITY, BANK}]
    return [item.id for item in closed if item.owner.name not in held]


# --- what they can open ---


def test_they_open_what_was_released_to_one_of_them_and_nothing_else(coalition: Coalition) -> None:
    theirs = {digest for digest, ticket in coalition.view.tickets.items() if ticket.statement.audience in {"authority", *BANKS}}
    assert coalition.opened.keys() == theirs
    assert coalition.view.tickets.keys() - theirs, "all was for them"


def test_with_one_more_share_they_open_everything(coalition: Coalition) -> None:
    """The control: nothing but the missing share stands between them and the rest."""
    more = replace(coalition, custodians=(*CUSTODIANS, ONE_MORE))
    assert all(more.open(ticket) is not None for digest, ticket in more.view.tickets.items() if digest not in coalition.opened)


def test_their_shares_open_no_ciphertext_of_a_contributor(coalition: Coalition) -> None:
    generation, (index, row) = coalition.view.generation(), a_row(coalition, VICTIM)
    ciphertext = coalition.ciphertext(index, 0)
    own = {share.index: partial(generation.sharing, share, ciphertext) for share in coalition.shares}
    assert len(own) == generation.sharing.threshold - 1
    with pytest.raises(PartialError):
        combine(generation.sharing, ciphertext, own)
    invented = Share(generation.share_number(ONE_MORE), secrets.randbits(coalition.shares[0].value.bit_length()), generation.number)
    with pytest.raises(OpeningError):
        combine(generation.sharing, ciphertext, {**own, invented.index: partial(generation.sharing, invented, ciphertext)})
    missing = held_by(coalition, ONE_MORE)  # the control
    opened = combine(generation.sharing, ciphertext, {**own, missing.index: partial(generation.sharing, missing, ciphertext)}).m
    entry = row.header.entries[0].indicator
    assert Fact(row.header.subject, {entry: 1}, opened) in list(replace(coalition, contributors=(VICTIM,)).own())


def a_row(coalition: Coalition, sender: str) -> tuple[int, Row]:
    rows = ((index, logged.statement) for index, logged in coalition.view.contributions.items() if isinstance(logged.statement, Row))
    return next((index, row) for index, row in rows if row.header.sender == sender)


def held_by(coalition: Coalition, custodian: str) -> Share:
    passphrase = read_private(coalition.run / "members" / custodian / "passphrase").strip()
    share = read_holding(coalition.run / "state" / custodian / "custodian" / "share.json", passphrase).share
    assert share is not None
    return share


# --- what they know ---


def test_what_was_not_released_stays_undetermined_as_the_linter_says(coalition: Coalition, known: dict[str, list[Fact]]) -> None:
    """For each firm the rows that they have are those that the linter gives an audience of this kind, and span no value of anybody else."""
    model, secret = model_of(coalition), protected(model_of(coalition), coalition)
    held = {f"{member.department}/{member.level}" for member in coalition.members()}
    owners = frozenset(item.owner for item in model.indicators.values() if isinstance(item.owner, Owner) and item.owner.name in held)
    audience = Audience("coalition", (AUTHORITY, BANK), owners)
    unknowns, equations, firms = 0, 0, 0
    for subject, _, stage in coalition.stages(epoch_of(coalition)).subjects:
        rows = stripped(known[subject], secret)
        lint = Lineage((model,)).view(audience, (stage,)).protected()
        assert rank([*rows, *lint]) == rank(lint) >= rank(rows)
        for owner in {model.indicators[name].owner for name in secret}:
            theirs = [name for name in secret if model.indicators[name].owner == owner]
            assert isolation(lint, theirs) is None
            assert isolation(rows, theirs) is None
            assert all(rank([*rows, {name: 1}]) == rank(rows) + 1 for name in theirs)
        unknowns, equations, firms = unknowns + len(secret), equations + rank(rows), firms + 1
    assert firms == len(known) > 50
    assert firms <= equations < unknowns, "of each firm they have a total or two, and not its points"


def test_two_worlds_give_them_the_same(coalition: Coalition, known: dict[str, list[Fact]]) -> None:
    """For a firm they have equations that its true points solve, and other points within the model's bounds as well."""
    model, everyone = model_of(coalition), truth(coalition)
    secret = protected(model, coalition)
    other_worlds = 0
    for subject, facts in known.items():
        true, rows = everyone[subject], [fact.row for fact in facts]
        if any(row.keys() - true.keys() for row in rows):
            continue  # a gated firm: its mask is one unknown more
        assert [value_of(row, true) for row in rows] == [fact.value for fact in facts]
        columns = list(true)
        for direction in null_space([[row.get(name, 0) for row in rows] for name in columns]):
            step = dict(zip(columns, primitive(direction), strict=True))
            for other in ({name: true[name] + sign * step[name] for name in columns} for sign in (1, -1)):
                if all(model.indicators[name].bounds[0] * 100 <= other[name] <= model.indicators[name].bounds[1] * 100 for name in secret):
                    assert [value_of(row, other) for row in rows] == [fact.value for fact in facts]
                    assert other != true
                    other_worlds += 1
    assert other_worlds > len(known) / 2


def test_with_all_contributors_but_one_they_solve_for_the_last(coalition: Coalition) -> None:
    """The control: the linter finds the combination, and it gives the victim's points of every firm."""
    everyone = departments(coalition)
    groups = {name: replace(coalition, contributors=tuple(set(everyone) - {name})) for name in everyone}
    last = next(name for name, group in groups.items() if len(protected(model_of(coalition), group)) == 1)
    all_but_one, (secret,) = groups[last], protected(model_of(coalition), groups[last])
    true = {fact.subject: fact.value for fact in replace(coalition, contributors=(last,)).own() if set(fact.row) == {secret}}
    solved = 0
    for subject, facts in by_subject([*coalition.told(), *all_but_one.own()]).items():
        found = isolation([fact.row for fact in facts], [secret])
        if found is None:
            continue
        value = sum(times * fact.value for times, fact in zip(found.coefficients, facts, strict=True))
        assert mpq(value, found.value[secret]) == true[subject]
        solved += 1
    assert 50 < solved <= len(true)


def stripped(facts: Sequence[Fact], secret: Sequence[str]) -> list[dict[str, int]]:
    """The rows without what they know themselves."""
    rows = [{name: weight for name, weight in fact.row.items() if name in secret} for fact in facts]
    return [row for row in rows if row]


def truth(coalition: Coalition) -> dict[str, dict[str, int]]:
    """Every department's points, for the controls."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for fact in replace(coalition, contributors=departments(coalition)).own():
        found[fact.subject] |= dict.fromkeys(fact.row, fact.value)
    return found


def departments(coalition: Coalition) -> tuple[str, ...]:
    return tuple(name for name, member in coalition.view.registry.members.items() if "department" in member.roles)


def value_of(row: Mapping[str, int], points: Mapping[str, int]) -> int:
    return sum(weight * points[name] for name, weight in row.items())


# --- what passed between them ---


def test_no_other_share_is_in_their_directories_or_messages(demo: DemoRun, coalition: Coalition) -> None:
    others = [held_by(coalition, name).value for name in coalition.view.generation().custodians if name not in CUSTODIANS]
    needles = [text for value in others for text in (f"{value:x}".encode()[:64], value.to_bytes(-(-value.bit_length() // 8), "big")[:32])]
    haystack = b"\0".join(part for name in PROCESSES for part in (state_of(demo.out, name), (demo.wire / f"{name}.bin").read_bytes()))
    assert len(haystack) > 1_000_000
    assert not [needle for needle in needles if needle in haystack]
    sealed = next(iter(coalition._answers.partials(next(iter(coalition.view.tickets)))))
    assert sealed.ciphertext in haystack  # the control: what is there is found
