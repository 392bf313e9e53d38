"""What the gateway keeps of policies: texts with officials' decisions, claims with their papers, steps under way, bank files, counts of looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, LargeBinary, MetaData, String, Table, delete, func, insert, select, update

from crypto.encoding import canonical_json
from gateway.policies.records import claim_from, claim_to, review_from, review_to
from nodes.runtime.database import reading, writing
from scoring.policies.accounts import Account
from scoring.policies.claims import Claim
from scoring.policies.errors import ClaimStateError, PolicyStateError, PolicyUnknownError
from scoring.policies.policy import Policy, policy_of
from scoring.policies.review import Review

METADATA = MetaData()
POLICIES = Table(
    "policies", METADATA, Column("id", String(64), primary_key=True), Column("document", LargeBinary, nullable=False),
    Column("review", LargeBinary, nullable=False),
)  # fmt: skip
CLAIMS = Table(
    "policy_claims", METADATA, Column("id", String(32), primary_key=True), Column("policy", String(64), nullable=False, index=True),
    Column("subject", String(32), nullable=False, index=True), Column("document", LargeBinary, nullable=False),
    Column("last", String(64), nullable=False), Column("leaf", BigInteger, nullable=False),
)  # fmt: skip
PAPERS = Table(
    "policy_papers", METADATA, Column("digest", String(64), primary_key=True), Column("claim", String(32), nullable=False, index=True),
    Column("paper", LargeBinary, nullable=False), Column("envelope", LargeBinary, nullable=False), Column("leaf", BigInteger, nullable=False),
)  # fmt: skip
OUTBOX = Table(
    "policy_outbox", METADATA, Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("claim", String(32), nullable=False, unique=True), Column("document", LargeBinary, nullable=False),
    Column("paper", LargeBinary, nullable=False), Column("envelope", LargeBinary, nullable=False),
)  # fmt: skip
FILES = Table(
    "policy_bank_files", METADATA, Column("id", String(40), primary_key=True), Column("policy", String(64), nullable=False),
    Column("by", String(63), nullable=False), Column("at", BigInteger, nullable=False), Column("answer", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)  # fmt: skip
ACTIVITY = Table(
    "policy_activity", METADATA, Column("policy", String(64), primary_key=True), Column("kind", String(16), primary_key=True),
    Column("subject", String(32), primary_key=True), Column("times", Integer, nullable=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """A claim as it is kept: ``last`` is the digest of its last logged step, empty before the first; ``busy``: a step is on its way to the log."""

    claim: Claim
    last: str
    leaf: int
    busy: bool


@dataclass(frozen=True, slots=True)
class Sending:
    """A step on its way to the log: the claim as it will be, what the step says and the signed statement."""

    claim: Claim
    paper: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file of payment orders, exactly as the bank gets it. ``answer``: digest of the bank's answer that was taken, empty before."""

    id: str
    policy: str
    by: str
    at: int
    answer: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """Steps to be logged. ``file``: a new bank file; ``answered``: (bank file, digest of its answer); ``withdrawn``: a bank file given up."""

    sendings: Sequence[Sending]
    file: BankFile | None = None
    answered: tuple[str, str] | None = None
    withdrawn: str = ""


class PolicyStore:
    """The tables of policies in the gateway's database. Everything is on disk when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- policies ---

    def add(self, policy: Policy, review: Review) -> None:
        """Keep a new policy. Raises PolicyStateError when there is one of this id."""
        with writing(self._engine) as connection:
            if connection.execute(select(POLICIES.c.id).where(POLICIES.c.id == policy.id)).one_or_none() is not None:
                raise PolicyStateError(f"there is a policy {policy.id} already: a new version has an id of its own")
            document = canonical_json(policy.model_dump(mode="json"))
            connection.execute(insert(POLICIES).values(id=policy.id, document=document, review=review_to(review)))

    def policies(self) -> list[tuple[Policy, Review]]:
        """Every policy with its review, by id."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(POLICIES).order_by(POLICIES.c.id)).all()
        return [(policy_of(json.loads(row.document)), review_from(row.review)) for row in rows]

    def policy(self, policy: str) -> tuple[Policy, Review]:
        """Raises PolicyUnknownError."""
        with reading(self._engine) as connection:
            row = connection.execute(select(POLICIES).where(POLICIES.c.id == policy)).one_or_none()
        if row is None:
            raise PolicyUnknownError(f"there is no policy {policy!r}")
        return policy_of(json.loads(row.document)), review_from(row.review)

    def put_review(self, policy: str, review: Review, *, instead_of: Review) -> None:
        """Replace a review. Raises PolicyStateError when somebody else has changed it meanwhile."""
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(POLICIES).where(POLICIES.c.id == policy, POLICIES.c.review == review_to(instead_of)).values(review=review_to(review))
            )
            if changed.rowcount != 1:
                raise PolicyStateError("another official has decided at the same time: look again")

    # --- claims ---

    def claims(self, *, policy: str = "", subject: str = "") -> list[Kept]:
        """Claims of a policy, of an enterprise, or all, in the order of their first steps."""
        with reading(self._engine) as connection:
            return _claims(connection, policy, subject)

    def claim(self, claim: str) -> Kept:
        """Raises PolicyUnknownError."""
        with reading(self._engine) as connection:
            row = connection.execute(select(CLAIMS).where(CLAIMS.c.id == claim)).one_or_none()
            busy = connection.execute(select(OUTBOX.c.claim).where(OUTBOX.c.claim == claim)).one_or_none() is not None
        if row is None:
            raise PolicyUnknownError("there is no such claim")
        return Kept(claim_from(row.document), row.last, row.leaf, busy)

    def account(self, policy: Policy) -> Account:
        """The policy's money, with every step that is on its way as if it had arrived: none of it can be promised twice."""
        with reading(self._engine) as connection:
            return _account(connection, policy)

    def change(self, policy: str, plan: Callable[[Policy, Account, Mapping[str, Kept]], Change]) -> Change:
        """Keep steps to be logged, as ``plan`` makes them of the policy, its money and its claims: all or none, and nobody else plans meanwhile.

        Raises PolicyUnknownError, what ``plan`` raises, and ClaimStateError when a step of one of the claims is under way.
        """
        with writing(self._engine) as connection:
            row = connection.execute(select(POLICIES.c.document).where(POLICIES.c.id == policy).with_for_update()).one_or_none()
            if row is None:
                raise PolicyUnknownError(f"there is no policy {policy!r}")
            known = policy_of(json.loads(row.document))
            kept = {item.claim.id: item for item in _claims(connection, policy, "")}
            change = plan(known, _account(connection, known), kept)
            if any(item.claim.id in kept and kept[item.claim.id].busy for item in change.sendings):
                raise ClaimStateError("a step of this claim is under way: ask again")
            rows = [
                {"claim": item.claim.id, "document": claim_to(item.claim), "paper": item.paper, "envelope": item.envelope} for item in change.sendings
            ]
            if rows:
                connection.execute(insert(OUTBOX), rows)
            if change.file is not None:
                values = {"id": change.file.id, "policy": policy, "by": change.file.by, "at": change.file.at}
                connection.execute(insert(FILES).values(**values, answer="", content=change.file.content))
            connection.execute(delete(FILES).where(FILES.c.id == change.withdrawn))
            if change.answered is not None:
                connection.execute(update(FILES).where(FILES.c.id == change.answered[0]).values(answer=change.answered[1]))
        return change

    def sendings(self) -> list[Sending]:
        """Steps on their way to the log, the oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.place)).all()
        return [Sending(claim_from(row.document), row.paper, row.envelope) for row in rows]

    def arrived(self, sending: Sending, digest: str, leaf: int, paper: str) -> None:
        """The step is in the log at ``leaf``: the claim is what it says. Again changes nothing. ``paper``: digest of what it says."""
        claim, document = sending.claim, claim_to(sending.claim)
        with writing(self._engine) as connection:
            connection.execute(delete(OUTBOX).where(OUTBOX.c.claim == claim.id))
            if connection.execute(select(PAPERS.c.digest).where(PAPERS.c.digest == paper)).one_or_none() is not None:
                return
            connection.execute(insert(PAPERS).values(digest=paper, claim=claim.id, paper=sending.paper, envelope=sending.envelope, leaf=leaf))
            changed = connection.execute(update(CLAIMS).where(CLAIMS.c.id == claim.id).values(document=document, last=digest, leaf=leaf))
            if changed.rowcount == 0:
                values = {"id": claim.id, "policy": claim.policy, "subject": claim.subject, "document": document, "last": digest, "leaf": leaf}
                connection.execute(insert(CLAIMS).values(values))

    def refused(self, sending: Sending) -> None:
        """The log takes the step for no time: the claim stays as it is."""
        with writing(self._engine) as connection:
            connection.execute(delete(OUTBOX).where(OUTBOX.c.claim == sending.claim.id))

    # --- bank files, activity ---

    def files(self, policy: str = "") -> list[BankFile]:
        """Bank files of a policy, or all, the newest first."""
        query = select(FILES).order_by(FILES.c.at.desc(), FILES.c.id)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(FILES.c.policy == policy) if policy else query).all()
        return [BankFile(row.id, row.policy, row.by, row.at, row.answer, row.content) for row in rows]

    def seen(self, kind: str, subject: str, policies: Iterable[str]) -> None:
        """Count that policies were ``pushed`` to, or ``viewed`` by, an enterprise."""
        with writing(self._engine) as connection:
            for policy in policies:
                place = (ACTIVITY.c.policy == policy, ACTIVITY.c.kind == kind, ACTIVITY.c.subject == subject)
                if connection.execute(update(ACTIVITY).where(*place).values(times=ACTIVITY.c.times + 1)).rowcount == 0:
                    connection.execute(insert(ACTIVITY).values(policy=policy, kind=kind, subject=subject, times=1))

    def seen_all(self, kind: str, policy: str, subjects: Iterable[str]) -> None:
        """Count that a policy was ``pushed`` to these enterprises, each for the first time."""
        rows = [{"policy": policy, "kind": kind, "subject": subject, "times": 1} for subject in subjects]
        if rows:
            with writing(self._engine) as connection:
                connection.execute(insert(ACTIVITY), rows)

    def activity(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(policy, kind) -> (enterprises, times)."""
        query = select(ACTIVITY.c.policy, ACTIVITY.c.kind, func.count(), func.sum(ACTIVITY.c.times)).group_by(ACTIVITY.c.policy, ACTIVITY.c.kind)
        with reading(self._engine) as connection:
            return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in connection.execute(query)}


def _claims(connection: Connection, policy: str, subject: str) -> list[Kept]:
    query = select(CLAIMS).order_by(CLAIMS.c.leaf, CLAIMS.c.id)
    query = query.where(CLAIMS.c.policy == policy) if policy else query
    query = query.where(CLAIMS.c.subject == subject) if subject else query
    busy = set(connection.execute(select(OUTBOX.c.claim)).scalars())
    return [Kept(claim_from(row.document), row.last, row.leaf, row.id in busy) for row in connection.execute(query)]


def _account(connection: Connection, policy: Policy) -> Account:
    claims = {kept.claim.id: kept.claim for kept in _claims(connection, policy.id, "")}
    coming = [claim_from(row.document) for row in connection.execute(select(OUTBOX.c.document))]
    claims |= {claim.id: claim for claim in coming if claim.policy == policy.id}
    answers = connection.execute(select(FILES.c.id, FILES.c.answer).where(FILES.c.policy == policy.id, FILES.c.answer != ""))
    return Account(policy.id, policy.budget_fen, claims, {row.id: row.answer for row in answers})
