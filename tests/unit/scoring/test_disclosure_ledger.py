"""What the disclosure ledger holds, and which combinations it refuses, on rows small enough to check by hand [P7.2]."""

from __future__ import annotations

import pytest

from scoring.disclosure.ledger import GATE, DisclosureLedger, Entry, Part, Release, Row, isolated
from scoring.errors import DisclosureFrozenError, DisclosureIsolatesError, DisclosureLimitError
from scoring.statements import DisclosurePolicy

OWNER = {"a": "tax", "b": "tax", "c": "science", "d": "ip", "g": GATE}
MANY = DisclosurePolicy(bank_functionals=64)


def entry(name: str, epoch: str = "e1", leaf: int = 1, gate: str = "", **weights: int) -> Entry:
    """A functional by its weights; ``leaf`` is the first of its contributions, each indicator has its own. ``gate``: one of its own."""
    parts = [Part(item, "-", OWNER[item], weight, leaf + ord(item) - ord("a"), 0) for item, weight in weights.items()]
    masks = [Part("g", gate, GATE, 1, leaf + 9, ord(gate[0]))] if gate else []
    return Entry(epoch, name, f"{name} {sorted(weights.items())}", (*parts, *masks))


def release(*entries: Entry, stage: str = "S1", audience: str = "bank-a", subject: str = "firm", period: str = "2023") -> Release:
    return Release(audience, subject, entries[0].epoch, period, stage, entries)


def rows(*entries: Entry) -> tuple[Row, ...]:
    """Rows over values, gates by functional."""
    numbers: dict[str, str] = {}

    def column(part: Part) -> str:
        return numbers.setdefault(part.indicator + part.functional, str(len(numbers)))

    return tuple(tuple((column(part), part.owner, part.weight) for part in item.parts) for item in entries)


# --- what a combination shows ---


@pytest.mark.parametrize(
    ("entries", "shown"),
    [
        ([entry("t", a=3, b=2, c=1, d=1)], None),
        ([entry("t", a=3, b=2)], "tax"),  # of one owner by itself
        ([entry("t", a=1, c=1), entry("u", c=1, d=1)], None),
        ([entry("t", a=1, c=1, d=1), entry("u", c=1, d=1)], "tax"),  # t − u
        ([entry("t", a=1, c=2, d=2), entry("u", b=5, c=3, d=3)], "tax"),  # 3t − 2u
        ([entry("t", a=1, c=2, d=2), entry("u", a=5, c=3, d=1)], None),
        ([entry("t", a=1, c=1), entry("u", c=1, d=1), entry("v", a=2, d=-2)], None),  # v = 2(t − u) adds nothing
        ([entry("t", a=1, c=1), entry("u", c=1, d=1), entry("v", a=2, d=-1)], "ip"),  # v − 2(t − u) = d
        ([entry("t", a=3, c=3), entry("u", a=2, c=2)], None),  # proportional
        ([entry("t"), entry("u", a=1, c=1)], None),  # nothing that is protected
        ([entry("t", gate="t", a=1, c=1), entry("u", gate="u", c=1, d=1)], None),  # a mask for each functional
        ([entry("t", gate="t", a=1, c=1, d=1), entry("u", gate="t", a=1, c=2, d=3)], "gate"),  # one mask for two: u − t is of no gate
        ([entry("t", gate="t", a=1, c=1), entry("u", a=5, d=1)], None),  # u has no gate, and says so
    ],
)
def test_a_combination_of_one_owners_indicators_or_without_a_gate_is_found(entries: list[Entry], shown: str | None) -> None:
    found = isolated(rows(*entries))
    assert (found is None) == (shown is None), found
    assert shown is None or shown in str(found)
    assert isolated(rows(*reversed(entries))) == found


# --- what is held ---


def test_what_could_be_opened_counts_in_any_order_and_once() -> None:
    ledger = DisclosureLedger()
    total, rest = entry("t", a=1, c=1, d=1), entry("u", c=1, d=1)
    for first, second in ((total, rest), (rest, total)):
        ledger = DisclosureLedger()
        ledger.enter(release(first), 50)
        ledger.enter(release(first), 51)
        assert ledger.held("bank-a", "firm", "2023") == (first,)
        ledger.check(release(first), MANY)
        with pytest.raises(DisclosureIsolatesError, match="tax"):
            ledger.check(release(second), MANY)
        assert ledger.held("bank-a", "firm", "2023") == (first,), "a check changes nothing"


def test_two_functionals_of_one_ticket_are_judged_together() -> None:
    with pytest.raises(DisclosureIsolatesError):
        DisclosureLedger().check(release(entry("t", a=1, c=1, d=1), entry("u", c=1, d=1)), MANY)


def test_other_banks_enterprises_and_data_periods_have_their_own_pages() -> None:
    ledger = DisclosureLedger()
    ledger.enter(release(entry("t", a=1, c=1, d=1)), 50)
    other = entry("u", epoch="e2", c=1, d=1)
    for page in ({"audience": "bank-b"}, {"subject": "other"}, {"period": "2024"}):
        ledger.check(release(other, **page), MANY)
    with pytest.raises(DisclosureIsolatesError):
        ledger.check(release(other), MANY)


def test_new_leaves_do_not_hide_that_the_values_are_the_same() -> None:
    ledger = DisclosureLedger()
    ledger.enter(release(entry("t", a=1, c=1, d=1)), 50)
    again = entry("t", epoch="e2", leaf=100, a=1, c=1, d=1)
    ledger.check(release(again), MANY)  # the same functional once more: what changed is what an appeal shows
    with pytest.raises(DisclosureIsolatesError):
        ledger.check(release(entry("t", epoch="e2", leaf=100, a=2, c=1, d=1)), MANY)  # other weights, as of another stage


def test_the_first_ticket_freezes_stage_and_leaves_of_its_epoch() -> None:
    ledger = DisclosureLedger()
    ledger.enter(release(entry("t", a=1, c=1)), 50)
    with pytest.raises(DisclosureFrozenError, match="stage S1"):
        ledger.check(release(entry("t", a=1, c=1), stage="S2"), MANY)
    with pytest.raises(DisclosureFrozenError, match="contribution of a"):
        ledger.check(release(entry("t", leaf=20, a=1, c=1)), MANY)
    with pytest.raises(DisclosureFrozenError, match="contribution of d"):
        ledger.check(release(entry("u", leaf=60, d=1)), MANY)  # logged after the first ticket
    ledger.check(release(entry("t", epoch="e2", leaf=60, a=1, c=1), stage="S1"), MANY)


def test_the_limit_counts_functionals_by_name() -> None:
    ledger, two = DisclosureLedger(), DisclosurePolicy()
    assert two.bank_functionals == 2
    ledger.enter(release(entry("t", a=1, c=1), entry("u", a=1, d=1)), 50)
    ledger.check(release(entry("t", a=1, c=1)), two)
    with pytest.raises(DisclosureLimitError, match="at most 2"):
        ledger.check(release(entry("v", a=2, c=1, d=1)), two)
    with pytest.raises(DisclosureLimitError):
        DisclosureLedger().check(release(entry("t", a=1, c=1), entry("u", a=1, d=1), entry("v", a=1, c=1, d=1)), two)


def test_what_is_open_to_the_bank_counts_as_no_functional() -> None:
    """Vetoes, conditions and figures are of nothing protected: as many as a product asks for are opened beside its total."""
    one = DisclosurePolicy(bank_functionals=1)
    ledger, product = DisclosureLedger(), [entry("t", a=1, c=1), *(entry(f"open-{place}") for place in range(9))]
    ledger.check(release(*product), one)
    ledger.enter(release(*product), 50)
    ledger.check(release(entry("t", a=1, c=1), entry("another")), one)
    with pytest.raises(DisclosureLimitError, match="at most 1"):
        ledger.check(release(entry("u", a=1, d=1)), one)
