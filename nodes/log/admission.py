"""Who may put what into the log, and who may read which envelope: registered keys and roles, nothing more [L2].

The log checks form, signer and submitter. Whether a statement holds (its epoch is open, its consent stands) is judged by those who replay the
log: ``scoring.exchange.view``. Who is a member, and whose approvals count, is judged here by the same rules: the log itself relies on it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.paillier import DEFAULT_MIN_BITS
from crypto.statements import Envelope, VerifyKey, check_signature, parse_envelope
from nodes.errors import MemberLeftError, MemberUnknownError, RoleMissingError
from nodes.log.sequencer import Submission
from nodes.log.storage import Entry
from nodes.runtime import logging
from protos.errors import WireFormatError
from scoring.custody.rules import RULES as CUSTODY_RULES
from scoring.errors import (
    ScoringError,
    StatementFormatError,
    StatementReplayedError,
    WrongSignerError,
    ZoneMismatchError,
)
from scoring.exchange.membership import MEMBERSHIP, Membership
from scoring.exchange.peers import PEER, readable_kinds
from scoring.exchange.registry import MemberRegistry, is_enterprise_key
from scoring.statements import (
    LOGGED,
    Column,
    Consent,
    Enrolment,
    Failure,
    LoanStep,
    Member,
    MemberChange,
    PolicyStep,
    ProductTerms,
    PublicationStep,
    Registry,
    Revocation,
    RosterCompiled,
    Row,
    SigningKey,
    StagesPublished,
    Statement,
    parse_statement,
)

KEY_CHANGING_KINDS = (*sorted(MEMBERSHIP), Enrolment.kind)
PUBLIC_KINDS = MEMBERSHIP | {"registry", "model", "registry-renewal", "registry-extension"}
"""Kinds whose envelopes every member may read: they say who the zone is, who holds its key and who may change it."""

READERS_OF_ALL = frozenset({"custodian", "auditor", "coordinator", "gateway", "authority"})
_WITH_MATERIAL = (Column, Row, RosterCompiled, StagesPublished)
"""Statements that name ciphertexts or a document: logged without them they would block whoever needs these."""

_JUDGED: tuple[type[Statement], ...] = (*CUSTODY_RULES, ProductTerms, LoanStep, PublicationStep)
"""Steps that make sense one after the other only: of the key's custody, which change who approves [P1.7, P1.4], of credit [E4], and of
what is published [N2]."""

_LONGEST_KEY = 128
CHANGE_VOID = "change.void"
_log = logging.logger("admission")


@dataclass(frozen=True, slots=True)
class _Signer:
    """A registered key's owner: a member, or an enterprise of the service ``member`` when ``enrolled``."""

    key: SigningKey
    member: str
    enrolled: bool


class Admission:
    """Members and keys as the log has them. Thread-safe; ``apply`` follows the tree, in order."""

    def __init__(self, genesis: bytes, min_key_bits: int = DEFAULT_MIN_BITS) -> None:
        """``genesis``: the pinned registry envelope; ``min_key_bits``: the shortest key that a ceremony may make. Raises StatementFormatError,
        SignerUnknownError or SignatureError when it is no registry."""
        envelope = parse_envelope(genesis)
        statement = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(statement, Registry):
            raise StatementFormatError("the pinned genesis is not a registry statement")
        self.genesis = genesis
        self.registry_statement = statement
        self._lock = threading.Lock()
        self._membership = Membership(MemberRegistry(statement), min_key_bits=min_key_bits)
        self._enrolled: dict[str, Enrolment] = {}
        self._left: set[str] = set()
        self._said: set[bytes] = set()  # changes of keys that were made: each counts once, whatever envelope it comes in
        self.authority = self._check_signer(envelope).member
        self._require_role(self.authority, "authority")

    @property
    def zone(self) -> str:
        return self.registry_statement.zone

    def apply(self, entry: Entry) -> None:
        """Take a logged change of keys or custodians into account, if it holds; other kinds change nothing."""
        if entry.kind not in KEY_CHANGING_KINDS:
            return
        envelope = parse_envelope(entry.envelope)
        with self._lock:
            if envelope.said in self._said:
                return
            self._said.add(envelope.said)
            if entry.kind in MEMBERSHIP:
                self._apply_membership(entry)
                return
            statement = parse_statement(envelope.payload_type, envelope.payload)
            if isinstance(statement, Enrolment):
                self._enrolled.setdefault(statement.key.key_id, statement)

    def _apply_membership(self, entry: Entry) -> None:
        try:
            said = self._membership.take(entry.index, entry.leaf, entry.envelope).statement
        except (ScoringError, CryptoError) as error:  # admitted together with one that contradicts it: in the log, but without effect
            _log.warning(CHANGE_VOID, leaf_index=entry.index, kind=entry.kind, error=str(error))
            return
        if isinstance(said, MemberChange):
            (self._left.add if said.action == "leave" else self._left.discard)(said.member.id)

    @property
    def _registry(self) -> MemberRegistry:
        return self._membership.registry

    def check_member(self, member_id: str) -> None:
        """Returns when ``member_id`` may call. Raises MemberLeftError, MemberUnknownError."""
        with self._lock:
            if member_id in self._registry.members:
                return
            left = member_id in self._left
        raise MemberLeftError(f"{member_id} has left the zone") if left else MemberUnknownError(f"{member_id} is not a member of the zone")

    def has_role(self, member_id: str, *roles: str) -> bool:
        """Whether the member holds one of ``roles`` now."""
        with self._lock:
            member = self._registry.members.get(member_id)
        return member is not None and not set(roles).isdisjoint(member.roles)

    def may_read(self, member_id: str, entry: Entry) -> bool:
        """Whether the member may read the entry's envelope: readers of all, its own parties, everybody the zone's own facts, and a peer
        zone what its entry says [F3]."""
        if entry.kind in PUBLIC_KINDS or member_id in entry.parties or self.has_role(member_id, *READERS_OF_ALL):
            return True
        member = self.member(member_id)
        return member is not None and member.peer is not None and entry.kind in readable_kinds(member.peer)

    def member(self, member_id: str) -> Member | None:
        """The member's entry as it is now; None when there is none."""
        with self._lock:
            return self._registry.members.get(member_id)

    def peer_witnesses(self) -> list[str]:
        """Verifier keys of the peer zones' witnesses, whether the policy of genesis counts them or not."""
        with self._lock:
            peers = [member.peer for member in self._registry.with_role(PEER)]
        return [peer.witness_vkey for peer in peers if peer is not None and peer.witness_vkey]

    def admit(self, caller: str, raw: bytes, key: str) -> Submission:
        """The submission of an envelope by ``caller`` under idempotency ``key``.

        Raises WireFormatError for a missing or overlong key, EnvelopeFormatError and StatementFormatError for bytes that are no
        statement to be logged, ZoneMismatchError, SignerUnknownError, SignatureError, WrongSignerError when the signer may not
        make it, StatementReplayedError for a change of keys in a new envelope, RoleMissingError when the caller may not submit it.
        """
        if not 0 < len(key) <= _LONGEST_KEY:
            raise WireFormatError(f"an idempotency key has 1 to {_LONGEST_KEY} characters")
        envelope = parse_envelope(raw)
        statement = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(statement, LOGGED):
            raise StatementFormatError(f"a {statement.kind} is never logged")
        if statement.zone != self.zone:
            raise ZoneMismatchError(f"the statement belongs to zone {statement.zone!r}, this is {self.zone!r}")
        signer = self._check_signer(envelope)
        actor = self._check_kind(statement, signer, raw)
        if isinstance(statement, _JUDGED) and not self.has_role(caller, "coordinator"):
            raise RoleMissingError(f"a {statement.kind} is submitted by the coordinator, which has judged it: void ones would only be in the way")
        if isinstance(statement, _WITH_MATERIAL) and not self.has_role(caller, "coordinator"):
            raise RoleMissingError(f"a {statement.kind} is submitted by the coordinator, which has stored and checked what it names [P4.1]")
        with self._lock:
            if envelope.said in self._said:
                raise StatementReplayedError(f"this {statement.kind} statement is in the log already")
        if caller != actor and not self.has_role(caller, "coordinator"):
            raise RoleMissingError(f"a statement of {actor} is submitted by {actor} or by the coordinator, not by {caller}")
        parties = tuple(sorted({actor, caller, signer.member}))
        return Submission(caller, key, raw, sha256(raw), statement.kind, actor, parties)

    def parties_of(self, actor: str, raw: bytes) -> tuple[str, ...]:
        """Members whose own a logged envelope is, where it is not known who submitted it: the coordinator submits whatever is not the submitter's
        own. Raises SignerUnknownError, EnvelopeFormatError."""
        signer = self._signer(parse_envelope(raw).key_ids[0])
        with self._lock:
            coordinators = {member.id for member in self._registry.with_role("coordinator")}
        return tuple(sorted({actor, signer.member, *coordinators}))

    def _check_signer(self, envelope: Envelope) -> _Signer:
        """Owner of the first signature, which must verify; further ones are witnesses."""
        signer = self._signer(envelope.key_ids[0])
        check_signature(envelope, VerifyKey(signer.key.key_id, signer.key.algorithm, bytes.fromhex(signer.key.public)))
        return signer

    def _signer(self, key_id: str) -> _Signer:
        with self._lock:
            enrolment = self._enrolled.get(key_id)
            if enrolment is not None:
                return _Signer(enrolment.key, enrolment.service, True)
            entry = self._registry.key(key_id)
        return _Signer(entry.key, entry.member.id, False)

    def _check_kind(self, statement: Statement, signer: _Signer, raw: bytes) -> str:
        """The member that answers for the statement. Raises WrongSignerError when it is not this signer's to make."""
        if isinstance(statement, Consent | Revocation):
            if statement.service != signer.member:
                raise WrongSignerError(f"the statement names the service {statement.service}, its signer belongs to {signer.member}")
            return signer.member
        if isinstance(statement, PolicyStep):
            if signer.enrolled and statement.service != signer.member:
                raise WrongSignerError(f"the statement names the service {statement.service}, its signer belongs to {signer.member}")
            return signer.member
        if isinstance(statement, Failure):
            return signer.member  # an enterprise reports its own portrait; whose ticket it is, is for those who replay the log
        if signer.enrolled:
            raise WrongSignerError(f"an enterprise's key signs no {statement.kind}")
        if isinstance(statement, Registry) and raw != self.genesis:
            raise WrongSignerError("the registry is stated once, as leaf 0; later changes are member statements")
        if isinstance(statement, MemberChange):
            with self._lock:
                self._membership.check(raw)
        elif isinstance(statement, Enrolment):
            self._check_enrolment(statement, signer)
        return signer.member

    def _check_enrolment(self, statement: Enrolment, signer: _Signer) -> None:
        self._require_role(signer.member, "registrar")
        self._require_role(statement.service, "enterprise-service")
        with self._lock:
            known = self._enrolled.get(statement.key.key_id)
        if not is_enterprise_key(statement.key.key_id) or (known is not None and known != statement):
            raise WrongSignerError(f"key id {statement.key.key_id!r} is enrolled already, or not e- and 16 hex digits")

    def _require_role(self, member_id: str, role: str) -> None:
        if not self.has_role(member_id, role):
            raise WrongSignerError(f"{member_id} does not have the role {role}")
