"""Whatever the order of tickets, revisions and epochs: no audience holds a combination that shows one owner's indicators [P7.2].

The oracle knows nothing of ranks: it tries every combination with small coefficients. Weights are small enough that, of the few entries
that a bank may hold, one that isolates has coefficients within its reach.
"""

from __future__ import annotations

from collections import Counter
from itertools import product

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scoring.disclosure.ledger import DisclosureLedger, Entry, Part, Release
from scoring.errors import DisclosureFrozenError, DisclosureIsolatesError, DisclosureLimitError
from scoring.statements import DisclosurePolicy

OWNERS = {"a": "tax", "b": "tax", "c": "science", "d": "ip"}
AUDIENCES, SUBJECTS, STAGES, PERIODS = ("bank-a", "bank-b"), ("one", "two"), ("S1", "S2"), ("2023", "2024")
REACH = 4
POLICY = DisclosurePolicy(bank_functionals=2)
weights = st.tuples(*[st.integers(0, 2)] * len(OWNERS))


class Tickets(RuleBasedStateMachine):
    """Models are drawn once; the coordinator tries any ticket, with any revision, in any of the epochs that were opened."""

    @initialize(forms=st.lists(st.tuples(weights, weights), min_size=3, max_size=3))
    def begin(self, forms: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
        self.ledger = DisclosureLedger()
        self.forms = {(f"f{place}", stage): form for place, both in enumerate(forms) for stage, form in zip(STAGES, both, strict=True)}
        self.epochs = {"e0": PERIODS[0]}
        self.leaf = 0
        self.rows: dict[tuple[str, str, str], list[int]] = {}  # epoch, audience, subject -> first leaf of each revision
        self.accepted: list[Release] = []

    @rule(period=st.sampled_from(PERIODS))
    def open_epoch(self, period: str) -> None:
        self.epochs[f"e{len(self.epochs)}"] = period

    @rule(data=st.data())
    def resubmit(self, data: st.DataObject) -> None:
        """All departments send the rows of an enterprise again."""
        key = (data.draw(st.sampled_from(sorted(self.epochs))), data.draw(st.sampled_from(AUDIENCES)), data.draw(st.sampled_from(SUBJECTS)))
        self.rows.setdefault(key, []).append(self.leaf)
        self.leaf += len(OWNERS)

    @rule(data=st.data(), audience=st.sampled_from(AUDIENCES), subject=st.sampled_from(SUBJECTS), stage=st.sampled_from(STAGES))
    def ticket(self, data: st.DataObject, audience: str, subject: str, stage: str) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.epochs)))
        revisions = self.rows.setdefault((epoch, audience, subject), [])
        if not revisions:
            revisions.append(self.leaf)
            self.leaf += len(OWNERS)
        leaf = data.draw(st.sampled_from(revisions))
        names = data.draw(st.lists(st.sampled_from(["f0", "f1", "f2"]), min_size=1, max_size=2))
        entries = tuple(self.entry(name, stage, epoch, leaf) for name in names)
        release = Release(audience, subject, epoch, self.epochs[epoch], stage, entries)
        self.leaf += 1
        try:
            self.ledger.check(release, POLICY)
        except DisclosureFrozenError:
            assert any(self.same_page(item, release) and item.epoch == epoch for item in self.accepted)
        except DisclosureLimitError:
            held = {item.name for other in self.accepted if self.same_page(other, release) for item in other.entries}
            assert len(held | set(names)) > POLICY.bank_functionals
        except DisclosureIsolatesError:
            pass
        else:
            self.ledger.enter(release, self.leaf)
            self.accepted.append(release)

    def entry(self, name: str, stage: str, epoch: str, leaf: int) -> Entry:
        form = self.forms[name, stage]
        parts = tuple(
            Part(item, "-", OWNERS[item], weight, leaf + place, 0) for place, (item, weight) in enumerate(zip(OWNERS, form, strict=True)) if weight
        )
        return Entry(epoch, name, f"{name} {stage} {form}", parts)

    @staticmethod
    def same_page(one: Release, other: Release) -> bool:
        return (one.audience, one.subject, one.period) == (other.audience, other.subject, other.period)

    def pages(self) -> dict[tuple[str, str, str], list[Release]]:
        found: dict[tuple[str, str, str], list[Release]] = {}
        for item in self.accepted:
            found.setdefault((item.audience, item.subject, item.period), []).append(item)
        return found

    @invariant()
    def no_combination_is_of_one_owner(self) -> None:
        for page in self.pages().values():
            entries = [item for other in page for item in other.entries if item.parts]
            forms = list({tuple(sorted((part.indicator, part.weight) for part in item.parts)): item for item in entries}.values())
            assert len(forms) <= POLICY.bank_functionals * len(STAGES), "more would be out of the oracle's reach"
            for coefficients in product(range(-REACH, REACH + 1), repeat=len(forms)):
                total: Counter[str] = Counter()
                for coefficient, item in zip(coefficients, forms, strict=True):
                    for part in item.parts:
                        total[part.indicator] += coefficient * part.weight
                owners = {OWNERS[name] for name, weight in total.items() if weight}
                assert len(owners) != 1, (coefficients, forms)

    @invariant()
    def each_epoch_has_one_stage_and_one_set_of_leaves(self) -> None:
        seen: dict[tuple[str, str, str], tuple[str, dict[str, int]]] = {}
        for item in self.accepted:
            stage, leaves = seen.setdefault((item.audience, item.subject, item.epoch), (item.stage, {}))
            assert stage == item.stage
            for part in (part for entry in item.entries for part in entry.parts):
                assert leaves.setdefault(part.indicator, part.leaf) == part.leaf

    @invariant()
    def no_bank_holds_more_functionals_than_the_policy_allows(self) -> None:
        """Of those that say something of what is protected: one without parts is known to the bank anyway, or always zero."""
        for page in self.pages().values():
            assert len({item.name for other in page for item in other.entries if item.parts}) <= POLICY.bank_functionals


TestTickets = Tickets.TestCase
TestTickets.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
