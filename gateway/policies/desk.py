"""What the authority's people do with policies: enter and read texts, put them in force, and bring claims from comparison to payment [O1–O6]."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from crypto.encoding import canonical_json, sha256
from gateway.policies import bank_files
from gateway.policies.courier import Courier
from gateway.policies.matches import Enterprise, Matching
from gateway.policies.store import BankFile, Change, Kept, PolicyStore, Sending
from nodes.runtime.clock import Clock
from scoring.four_eyes import check_second
from scoring.policies.accounts import Account, Balance
from scoring.policies.claims import Claim, Step
from scoring.policies.errors import BudgetError, ClaimStateError, PolicyStateError, PolicyUnknownError
from scoring.policies.meaning import Meaning
from scoring.policies.policy import Policy, policy_of, published
from scoring.policies.reading.tagging import Tag, propose
from scoring.policies.review import Decision, Review, Verdict

DAY_S = 86_400
PUSHED, VIEWED = "pushed", "viewed"


@dataclass(frozen=True, slots=True)
class Begun:
    """What a data comparison began: claims of enterprises that match and had none. ``unfunded``: matches for which the budget did not last."""

    claims: int
    unfunded: int


class PolicyDesk:
    """One authority's policies. ``places``: divisions by name for reading texts, the name "" the zone's own."""

    def __init__(self, store: PolicyStore, matching: Matching, courier: Courier, now: Clock, places: Callable[[], Mapping[str, str]]) -> None:
        self._store, self._matching, self._courier, self._now, self._places = store, matching, courier, now, places

    # --- texts ---

    def add(self, document: object) -> Policy:
        """Enter a policy; its text is read into proposed tags. Raises PolicyFormatError, PolicyStateError."""
        policy = policy_of(document)
        self._store.add(policy, Review(tuple(propose(policy.text, self._places()))))
        return policy

    def decide(self, policy: str, tag: int, verdict: Verdict, by: str, meaning: Meaning | None = None, group: str = "") -> None:
        """One official's decision about one tag. Raises as ``Review.decide``."""
        _, review = self._store.policy(policy)
        self._store.put_review(policy, review.decide(Decision(tag, verdict, by, self._now(), meaning, group)), instead_of=review)

    def confirm_rest(self, policy: str, by: str) -> int:
        """Confirm every tag that is undecided; how many. Raises PolicyStateError."""
        _, review = self._store.policy(policy)
        decided = review
        for tag in review.undecided:
            decided = decided.decide(Decision(tag, "confirmed", by, self._now()))
        self._store.put_review(policy, decided, instead_of=review)
        return len(review.undecided)

    def mark(self, policy: str, tag: Tag, by: str) -> None:
        """An official's own tag. Raises as ``Review.add``."""
        known, review = self._store.policy(policy)
        self._store.put_review(policy, review.add(known.text, tag, by, self._now()), instead_of=review)

    def publish(self, policy: str) -> None:
        """Put a policy in force. Raises PolicyStateError as ``published``, and when the zone has no admitted model of the flags that it names."""
        known, review = self._store.policy(policy)
        if known.flags and known.flags not in {model.id for model in self._matching.flag_models()}:
            raise PolicyStateError(f"the zone has admitted no flag model {known.flags}")
        self._store.put_review(policy, published(known, review), instead_of=review)

    # --- claims ---

    def compare(self, policy: str, by: str) -> Begun:
        """Data comparison: a claim for every enterprise that matches and has none, as far as the budget goes, in the order of their ids.

        Raises PolicyStateError when the policy is not in force or not in time.
        """
        known, review = self._in_force(policy)
        matched = sorted(self._matching.policy(known, review).subjects())

        def plan(policy: Policy, account: Account, _kept: Mapping[str, Kept]) -> Change:
            have = {claim.subject for claim in account.claims.values()}
            sendings: list[Sending] = []
            for subject in matched:
                if subject in have:
                    continue
                claim = Claim(secrets.token_hex(16), policy.id, subject, policy.award_fen).take(Step("matched", by, self._now()))
                try:
                    account = account.admit(claim)
                except BudgetError:
                    unfunded.append(subject)
                    continue
                sendings.append(self._courier.signed(claim, ""))
            return Change(sendings)

        unfunded: list[str] = []
        begun = self._change(policy, plan).sendings
        self._store.seen_all(PUSHED, policy, [item.claim.subject for item in begun])
        return Begun(len(begun), len(unfunded))

    def notice(self, policy: str, by: str) -> int:
        """Put every confirmed or accepted claim on public notice, for the policy's days; how many. Raises PolicyUnknownError."""

        def plan(policy: Policy, _account: Account, kept: Mapping[str, Kept]) -> Change:
            step, ends = Step("noticed", by, self._now()), self._now() + policy.notice_days * DAY_S
            due = [item for item in kept.values() if item.claim.state in {"confirmed", "accepted"} and not item.busy]
            return Change([self._courier.signed(item.claim.take(step, notice_ends=ends), item.last) for item in due])

        return len(self._change(policy, plan).sendings)

    def step(self, claim: str, name: str, by: str, note: str = "") -> None:
        """One step that an official takes of one claim: accepted, rejected, disputed, upheld, dismissed or cancelled.

        Raises PolicyUnknownError, ClaimStateError, BudgetError.
        """

        def plan(_policy: Policy, account: Account, kept: Mapping[str, Kept]) -> Change:
            moved = account.move(claim, Step(name, by, self._now(), note))
            return Change([self._courier.signed(moved.claims[claim], kept[claim].last if claim in kept else "")])

        self._change(self._store.claim(claim).claim.policy, plan)

    # --- money ---

    def propose(self, policy: str, by: str) -> BankFile:
        """Propose to pay all that may be paid now, in one bank file; no order is given yet. Raises ClaimStateError when there is nothing."""

        def plan(policy: Policy, account: Account, kept: Mapping[str, Kept]) -> Change:
            proposed = {claim for item in self._store.files(policy.id) if not self.released(item) for claim in bank_files.ordered(item.content)}
            due = [name for name, item in kept.items() if not item.busy and self._payable(item.claim) and name not in proposed]
            if not due:
                raise ClaimStateError("nothing may be paid now: no claim has passed its notice undisputed that is not in a proposal")
            file = f"{datetime.fromtimestamp(self._now(), UTC):%Y%m%d}-{secrets.token_hex(4)}"
            ordered = account.order(file, due, by, self._now()).claims
            orders = bank_files.orders(file, [ordered[name] for name in due], policy.title.zh)
            return Change([], file=BankFile(file, policy.id, by, self._now(), "", orders))

        file = self._change(policy, plan).file
        assert file is not None  # the plan makes one
        return file

    def differing(self, file: BankFile) -> list[str]:
        """The claims of a file whose account is not in the name that the register has of the enterprise."""
        known, claims = self._matching.enterprises(), {item.claim.id: item.claim for item in self._store.claims(policy=file.policy)}
        due = [claims[name] for name in bank_files.ordered(file.content)]
        return [claim.id for claim in due if claim.payee is None or not claim.payee.is_named(_company(known.get(claim.subject)))]

    def release(self, file: str, by: str, *, differing_seen: bool = False) -> None:
        """Give the orders of a proposed file, exactly as they were proposed. ``differing_seen``: ``by`` was shown accounts in other names than the
        register's, and lets them go all the same.

        Raises PolicyUnknownError, FourEyesError when ``by`` proposed it, and ClaimStateError when it was released before, when one of its claims
        may not be paid any more, or has such an account that ``by`` did not say a word about.
        """
        found = self._file(file)

        def plan(policy: Policy, account: Account, kept: Mapping[str, Kept]) -> Change:
            check_second(found.by, by, f"file {file}")
            due = bank_files.ordered(found.content)
            if self.released(found) or any(kept[name].busy or not self._payable(kept[name].claim) for name in due):
                raise ClaimStateError("the file was released, or not all of its claims may be paid any more: withdraw it and propose anew")
            if not differing_seen and (others := self.differing(found)):
                raise ClaimStateError(f"the accounts of {len(others)} claims are not in the name that the register has: look at them first")
            ordered = account.order(file, due, by, self._now(), f"提出 {found.by}").claims
            return Change([self._courier.signed(ordered[name], kept[name].last) for name in due])

        self._change(found.policy, plan)

    def withdraw(self, file: str) -> None:
        """Give up a proposed file. Raises PolicyUnknownError, ClaimStateError when it was released."""
        found = self._file(file)

        def plan(_policy: Policy, _account: Account, _kept: Mapping[str, Kept]) -> Change:
            if self.released(found):
                raise ClaimStateError("its orders were given: the bank's answer is awaited")
            return Change([], withdrawn=file)

        self._change(found.policy, plan)

    def released(self, file: BankFile) -> bool:
        """Whether orders of the file were given, on their way to the log included."""
        given = [item.claim for item in self._store.claims(policy=file.policy)] + [item.claim for item in self._store.sendings()]
        return bool(file.answer) or any(claim.file == file.id for claim in given)

    def bank_file(self, file: str) -> BankFile:
        """A file to hand to the bank. Raises PolicyUnknownError, and ClaimStateError until it is released and all of its orders are in the log."""
        found = self._file(file)
        if not self.released(found):
            raise ClaimStateError("this file is proposed only: another official releases it")
        if any(item.claim.file == file for item in self._store.sendings()):
            raise ClaimStateError("orders of this file are still on their way to the log: ask again")
        return found

    def answer(self, file: str, content: bytes, by: str) -> int:
        """The bank's answer to a file taken whole; how many orders it tells of. The same again changes nothing.

        Raises PolicyUnknownError, PolicyFormatError, ReconciliationError, ClaimStateError.
        """
        found = self.bank_file(file)
        outcomes = bank_files.answer(content, file)
        digest = sha256(canonical_json(sorted([item.claim, item.amount_fen, item.result, item.reference] for item in outcomes))).hex()

        def plan(_policy: Policy, account: Account, kept: Mapping[str, Kept]) -> Change:
            after = account.answer(file, digest, outcomes, by, self._now())
            if after is account:
                return Change([])
            return Change([self._courier.signed(after.claims[item.claim], kept[item.claim].last) for item in outcomes], answered=(file, digest))

        self._change(found.policy, plan)
        return len(outcomes)

    def balance(self, policy: str) -> Balance:
        """The policy's money, steps on their way included. Raises PolicyUnknownError."""
        known, _ = self._store.policy(policy)
        return self._store.account(known).balance

    # --- within ---

    def _payable(self, claim: Claim) -> bool:
        return claim.state in {"noticed", "dismissed", "returned"} and claim.notice_ends <= self._now()

    def _change(self, policy: str, plan: Callable[[Policy, Account, Mapping[str, Kept]], Change]) -> Change:
        change = self._store.change(policy, plan)
        self._courier.sender.wake()
        return change

    def _in_force(self, policy: str) -> tuple[Policy, Review]:
        known, review = self._store.policy(policy)
        if not review.in_force or not known.in_time(self._matching.today):
            raise PolicyStateError("the policy is not in force today")
        return known, review

    def _file(self, file: str) -> BankFile:
        found = next((item for item in self._store.files() if item.id == file), None)
        if found is None:
            raise PolicyUnknownError(f"there is no bank file {file!r}")
        return found


def _company(enterprise: Enterprise | None) -> str:
    return "" if enterprise is None else enterprise.company
