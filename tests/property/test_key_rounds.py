"""Rounds of the key in any order of steps, also wrong ones: what is in force always opens and changes only by a whole round [P1.7]."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from crypto.errors import CryptoError
from crypto.keygen import PrivateKey
from crypto.threshold import Share, check_share, combine, partial
from scoring.custody.rounds import new_share
from scoring.errors import ScoringError
from scoring.statements import Statement
from tests.support.custody import Custody
from tests.support.members import CUSTODIANS
from tests.support.zone import MemoryZone

WHO = st.one_of(st.just((*CUSTODIANS, "bank-a")), st.sampled_from((*CUSTODIANS, "bank-a")).map(lambda name: (name,)))
CIPHERTEXT_EXPONENT = 12345


def test_rounds_hold_in_any_order_of_steps(small_private_key: PrivateKey) -> None:
    founded = MemoryZone(small_private_key)
    founded.found()

    activated: list[int] = []  # E of every generation that came in force

    class Rounds(RuleBasedStateMachine):
        """Everybody tries everything at any time; the zone's rules decide what counts."""

        def __init__(self) -> None:
            super().__init__()
            self.custody = Custody(founded.fork())
            self.renewed: dict[str, Share] = {}
            self.generation = 0

        def attempt(self, statement: Statement, signer: str) -> bool:
            """Say it if the rules allow it now."""
            try:
                self.custody.zone.judge(statement, signer)
            except (ScoringError, CryptoError):
                return False
            self.custody.zone.say(statement, signer)
            return True

        @rule()
        def refresh(self) -> None:
            if self.attempt(self.custody.round(), "authority"):
                self.renewed = {}

        @rule(members=st.permutations(CUSTODIANS), size=st.integers(1, 3), threshold=st.integers(1, 3))
        def reshare(self, members: list[str], size: int, threshold: int) -> None:
            if self.attempt(self.custody.round(members[:size], threshold), "authority"):
                self.renewed = {}

        @precondition(lambda self: self.custody.zone.view.round is not None)
        @rule(names=WHO)
        def receive(self, names: tuple[str, ...]) -> None:
            for name in names:
                before = self.custody.private.get(name)
                if not self.attempt(self.custody.receiver(name), name) and before is not None:
                    self.custody.private[name] = before

        @precondition(lambda self: self.custody.zone.view.round is not None and self.custody.zone.view.round.may_deal)
        @rule(names=WHO)
        def deal(self, names: tuple[str, ...]) -> None:
            for name in names:
                if name in self.custody.shares and name in self.custody.pending.statement.dealers:
                    self.attempt(self.custody.deal(name), name)

        @precondition(lambda self: self.custody.zone.view.round is not None and self.custody.zone.view.round.is_dealt)
        @rule(names=WHO)
        def acknowledge(self, names: tuple[str, ...]) -> None:
            pending = self.custody.pending
            for name in names:
                if name in pending.statement.custodians and self.attempt(self.custody.acknowledgement(name), name):
                    self.renewed[name] = new_share(pending, name, self.custody.private[name], self.custody.shares.get(name))

        @precondition(lambda self: self.custody.zone.view.round is not None and self.custody.zone.view.round.is_complete)
        @rule()
        def activate(self) -> None:
            assert self.attempt(self.custody.activation(), "authority")
            self.custody.shares, self.generation = self.renewed, self.generation + 1
            activated.append(self.custody.zone.view.generation().sharing.factor)

        @precondition(lambda self: self.custody.zone.view.round is not None and self.custody.zone.view.round.is_dealt)
        @rule(meant=st.integers(0, 5))
        def abandon(self, meant: int) -> None:
            assert meant or self.attempt(self.custody.abandonment(), "authority")

        @precondition(lambda self: self.custody.zone.view.round is not None)
        @rule()
        def go_on(self) -> None:
            """Everybody does the next thing."""
            pending = self.custody.pending
            if not pending.may_deal:
                self.receive(pending.statement.custodians)
            elif not pending.is_dealt:
                self.deal(pending.statement.dealers)
            elif not pending.is_complete:
                self.acknowledge(pending.statement.custodians)
            else:
                self.activate()

        @invariant()
        def what_is_in_force_opens(self) -> None:
            present, key = self.custody.zone.view.generation(), self.custody.zone.public_key
            assert present.number == self.generation
            assert set(self.custody.shares) == set(present.custodians)
            ciphertext = (1 + 42 * key.n) * pow(key.h_s, CIPHERTEXT_EXPONENT, key.n2) % key.n2
            for share in self.custody.shares.values():
                check_share(present.sharing, share)
            first = list(self.custody.shares.values())[-present.sharing.threshold :]
            partials = {share.index: partial(present.sharing, share, ciphertext) for share in first}
            assert combine(present.sharing, ciphertext, partials).m == 42
            assert self.custody.zone.view.void == {}

    run_state_machine_as_test(Rounds, settings=settings(max_examples=12, stateful_step_count=50, deadline=None, derandomize=True))
    assert len(activated) > 5, "few rounds ended: the machine shows little"
    assert 1 in activated
    assert max(activated) > 1
