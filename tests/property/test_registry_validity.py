"""Renewals, extensions and the passing of time in any order: what opens is open exactly while the registry holds [P9]."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import RegistryExpiredError, ScoringError
from scoring.exchange.validity import EXTENSION_S, EXTENSIONS_IN_A_ROW
from scoring.statements import AuditNote, EpochOpen, MemberChange, RegistryExtension, RegistryRenewal, Statement
from tests.support.ledger import THRESHOLD
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone

LIFE_S = 4 * EXTENSION_S
DAYS = st.integers(-2, 45).map(lambda days: days * 86_400)


class Time(RuleBasedStateMachine):
    """The authority and the custodians try everything at any time."""

    def __init__(self, founded: MemoryZone, opening: EpochOpen, reached: set[str]) -> None:
        super().__init__()
        self.zone, self.opening, self.reached = founded.fork(), opening, reached
        self.promised = self.end  # by the authority
        self.row = 0

    @property
    def end(self) -> int:
        assert self.zone.view.validity.until is not None
        return self.zone.view.validity.until

    def attempt(self, statement: Statement, signer: str) -> bool:
        try:
            self.zone.judge(statement, signer)
        except ScoringError:
            self.zone.say_void(statement, signer)
            return False
        self.zone.say(statement, signer)
        return True

    @rule(days=st.integers(0, 40))
    def wait(self, days: int) -> None:
        self.zone.now += days * 86_400

    @rule(ahead=DAYS, from_end=st.booleans(), who=st.sampled_from(["authority", "notary"]), count=st.integers(0, len(CUSTODIANS)))
    def renew(self, ahead: int, from_end: bool, who: str, count: int) -> None:
        until = (self.end if from_end else self.zone.now) + ahead
        now, before = self.zone.now, self.end
        made = self.attempt(self.zone.approved(RegistryRenewal(zone=ZONE, nonce=fresh_nonce(), until=max(until, 0)), CUSTODIANS[:count]), who)
        allowed = who == "authority" and count >= THRESHOLD and before < until and now < until <= now + LIFE_S
        assert made == allowed
        if made:
            self.promised, self.row = until, 0
            self.reached.add("renewed")

    @rule(ahead=DAYS, number=st.integers(1, 5), who=st.sampled_from(["authority", "notary", "bank-a"]), count=st.integers(0, len(CUSTODIANS)))
    def extend(self, ahead: int, number: int, who: str, count: int) -> None:
        now, before = self.zone.now, self.end
        until = max(now, before) + ahead
        said = RegistryExtension(zone=ZONE, nonce=fresh_nonce(), number=number, until=until)
        made = self.attempt(self.zone.approved(said, CUSTODIANS[:count]), who)
        near = now >= before - EXTENSION_S
        right = number == self.row + 1 <= EXTENSIONS_IN_A_ROW and 0 < ahead <= EXTENSION_S
        assert made == (who == "notary" and count >= THRESHOLD and near and right)
        if made:
            self.row += 1
            self.reached.add(f"extended {self.row}")

    @rule()
    def bridge(self) -> None:
        """As custodians do: near the end, as far as it goes."""
        self.zone.now = max(self.zone.now, self.end - 86_400)
        self.extend(EXTENSION_S, self.row + 1, "notary", len(CUSTODIANS))

    @invariant()
    def what_opens_is_open_exactly_while_it_holds(self) -> None:
        expired = self.zone.now > self.end
        try:
            self.zone.judge(self.opening, "authority")
        except RegistryExpiredError:
            assert expired
            self.reached.add("expired")
        except ScoringError:  # the zone of this run has no roster: the rule of the epoch itself speaks
            assert not expired
        self.zone.judge(AuditNote(zone=ZONE, nonce=fresh_nonce(), size=1, verdict="pass", findings=0), "auditor")
        change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=self.zone.keys.member("bank-a"))
        self.zone.judge(change, "authority")

    @invariant()
    def custodians_alone_reach_a_bounded_time(self) -> None:
        assert self.zone.view.validity.extensions == self.row <= EXTENSIONS_IN_A_ROW
        assert self.zone.view.validity.state(self.zone.now) in {"valid", "ageing", "expired"}


def test_what_opens_is_open_exactly_while_the_registry_holds(small_private_key: PrivateKey) -> None:
    founded = MemoryZone(small_private_key, validity_s=LIFE_S)
    founded.found()
    probe = founded.fork()
    probe.open_epoch()
    opening = next(logged.statement for logged in probe.view.statements.values() if isinstance(logged.statement, EpochOpen))
    reached: set[str] = set()
    repeated = settings(max_examples=15, stateful_step_count=25, deadline=None, derandomize=True)

    class Begun(Time):
        def __init__(self) -> None:
            super().__init__(founded, opening, reached)

    run_state_machine_as_test(Begun, settings=repeated)
    assert {"renewed", "expired", "extended 1", "extended 2"} <= reached
