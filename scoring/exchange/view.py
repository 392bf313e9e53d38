"""ZoneView: the zone as its log tells it. Every rule about who may say what, and when, in one pure class.

Coordinator, custodians and auditors each replay the log through their own view; nobody asks another what is true [P5.3].
A statement that breaks a rule stays in the log but has no effect: ``apply`` records it under ``void`` with the reason, which is
an auditor's finding. ``judge`` applies the same rules to a statement before it is logged. Disk, network and ciphertexts are
outside: ``crypto.contribution`` checks ciphertexts, ``scoring.release.aggregate`` aggregates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.paillier import PublicKey
from crypto.statements import check_signature, parse_envelope
from scoring.custody.generations import Generation
from scoring.custody.rounds import PendingRound
from scoring.disclosure.ledger import DisclosureLedger
from scoring.draws.failures import FailureState
from scoring.draws.rules import DrawState, close_windows
from scoring.errors import (
    AudienceUnknownError,
    ConsentMissingError,
    EpochUnknownError,
    LogInconsistentError,
    ScoringError,
    SignerUnknownError,
    StatementFormatError,
    StatementReplayedError,
    WrongKeyError,
    WrongModelError,
    WrongSignerError,
    ZoneMismatchError,
)
from scoring.exchange.claims import ClaimProgress
from scoring.exchange.consent import ConsentState
from scoring.exchange.effects import EFFECTS
from scoring.exchange.epoch import EpochState
from scoring.exchange.judgement import RULES
from scoring.exchange.loans import LoanState
from scoring.exchange.logged import Judged, Logged, Signer, verify_key
from scoring.exchange.publications import PublicationProgress
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.validity import Validity, check_in_force
from scoring.indicators.model import Model
from scoring.statements import Leaf, Registry, SigningKey, kind_of, parse_leaf, parse_statement

__all__ = ["Judged", "Logged", "Signer", "ZoneView", "verify_key"]


@dataclass
class ZoneView:
    """Pure replay state. ``genesis`` is the pinned registry envelope; ``models`` the packs at hand, by sha256 of their bytes.

    ``pinned``: members to begin with, for whoever replays a part of the log that leaf 0 is not in; ``genesis`` is then not read.
    """

    genesis: bytes
    models: Mapping[str, Model]
    size: int = 0
    registry: MemberRegistry = field(init=False)
    member_changes: list[Logged] = field(default_factory=list)
    validity: Validity = field(default_factory=Validity)  # of the registry
    ceremony: Logged | None = None
    public_key: PublicKey | None = None
    shares: set[str] = field(default_factory=set)
    generations: list[Generation] = field(default_factory=list)  # of the key's shares, the present one last
    round: PendingRound | None = None  # that renews them
    round_steps: list[Logged] = field(default_factory=list)  # what was said in it so far
    renewals: list[tuple[Logged, ...]] = field(default_factory=list)  # every step of each round that took effect
    demands: dict[str, Logged] = field(default_factory=dict)  # for proofs of partials, by digest
    partial_proofs: dict[tuple[str, str], Logged] = field(default_factory=dict)  # demand, custodian
    blamed: dict[tuple[str, int, str], Logged] = field(default_factory=dict)  # ticket, opening, custodian
    admitted: dict[str, Logged] = field(default_factory=dict)  # by model sha256
    accepted: dict[str, frozenset[str]] = field(default_factory=dict)  # by model sha256: the members that countersigned it
    rosters: dict[str, Logged] = field(default_factory=dict)  # by epoch
    stages: dict[int, Logged] = field(default_factory=dict)  # by leaf
    epochs: dict[str, EpochState] = field(default_factory=dict)
    enrolments: dict[str, Logged] = field(default_factory=dict)  # by key id
    enrolled: dict[str, str] = field(default_factory=dict)  # subject -> newest key id
    consents: dict[str, ConsentState] = field(default_factory=dict)  # by consent id
    consent_ids: dict[str, str] = field(default_factory=dict)  # by digest of the consent envelope
    columns: dict[tuple[str, str, str, str], list[Logged]] = field(default_factory=dict)  # epoch, sender, indicator, functional
    rows: dict[tuple[str, str, str, str], list[Logged]] = field(default_factory=dict)  # epoch, sender, subject, audience
    contributions: dict[int, Logged] = field(default_factory=dict)  # by leaf
    statements: dict[int, Logged] = field(default_factory=dict)  # every one that holds, by leaf
    leaf_of: dict[str, int] = field(default_factory=dict)  # envelope digest -> leaf, for those that hold
    said: set[bytes] = field(default_factory=set)  # ``Judged.said`` of those that hold
    tickets: dict[str, Logged] = field(default_factory=dict)  # by digest
    requests: dict[tuple[str, str], str] = field(default_factory=dict)  # (request hash, subject) -> its ticket; a batch asks for many
    nonces: dict[tuple[str, str], str] = field(default_factory=dict)  # (audience, request nonce) -> request hash
    first_tickets: dict[tuple[str, str, str], Logged] = field(default_factory=dict)  # audience, subject, epoch
    ledger: DisclosureLedger = field(default_factory=DisclosureLedger)
    bulk: dict[tuple[str, str, int], Logged] = field(default_factory=dict)  # epoch, functional, batch
    refusals: list[Logged] = field(default_factory=list)
    draws: dict[str, DrawState] = field(default_factory=dict)  # by digest of the commitment
    windows: set[str] = field(default_factory=set)  # draws of rows whose time has not come
    failures: dict[str, FailureState] = field(default_factory=dict)  # by digest of the report
    publications: dict[str, PublicationProgress] = field(default_factory=dict)
    recognitions: dict[str, Logged] = field(default_factory=dict)  # of other zones' credentials, by digest of how each was shown
    claims: dict[str, ClaimProgress] = field(default_factory=dict)  # of policies' awards, by claim id
    catalog: dict[tuple[str, str], Logged] = field(default_factory=dict)  # newest terms, by institution and product
    loans: dict[str, LoanState] = field(default_factory=dict)  # by application id
    void: dict[int, Exception] = field(default_factory=dict)  # leaf -> why it has no effect
    min_key_bits: int = 2048
    pinned: InitVar[MemberRegistry | None] = None

    def __post_init__(self, pinned: MemberRegistry | None) -> None:
        if pinned is not None:
            self.registry = pinned.copied()
            return
        envelope = parse_envelope(self.genesis)
        statement = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(statement, Registry):
            raise StatementFormatError("the pinned genesis is not a registry statement")
        self.registry = MemberRegistry(statement)

    @property
    def zone(self) -> str:
        return self.registry.genesis.zone

    # --- the two ways in ---

    def apply(self, index: int, leaf_bytes: bytes, envelope: bytes) -> Logged | None:
        """Take leaf ``index`` into the view; the statement, or None when it is void (``void[index]`` says why).

        Raises LogInconsistentError when index, leaf, digest or genesis contradict each other: then the log, not a member, is at fault.
        """
        if index != self.size:
            raise LogInconsistentError(f"expected leaf {self.size}, got {index}")
        leaf = self._leaf(leaf_bytes)
        if sha256(envelope).hex() != leaf.digest:
            raise LogInconsistentError(f"leaf {index}: the envelope's digest is not the leaf's")
        if index == 0 and envelope != self.genesis:
            raise LogInconsistentError("leaf 0 is not the pinned registry")
        self.size += 1
        if self.windows:
            close_windows(self, leaf.time, leaf.actor)
        try:
            judged = self.judge(envelope, leaf.time)
            if (judged.actor, judged.statement.kind) != (leaf.actor, leaf.kind):
                raise WrongSignerError(f"leaf says {leaf.kind} by {leaf.actor}, the envelope is {judged.statement.kind} by {judged.actor}")
        except (ScoringError, CryptoError) as error:
            self.void[index] = error
            return None
        logged = Logged(judged.statement, index, leaf.time, judged.actor, judged.digest, leaf_bytes, envelope)
        EFFECTS[type(judged.statement)](self, logged)
        self.statements[index] = logged
        self.said.add(judged.said)
        self.leaf_of[logged.digest] = index
        return logged

    def skip(self, until: int | None = None) -> None:
        """Leave the next leaf out, or all before leaf ``until``: the statement is not at hand, or is not the one that its leaf names. For those
        who only judge the log, or who may not read all of it."""
        self.size = self.size + 1 if until is None else until

    def judge(self, envelope: bytes, time: int) -> Judged:
        """The statement in ``envelope``, signed by whoever may make it, and allowed by the rules at Unix time ``time``.

        A statement counts once: the same signed bytes in another envelope (a further signature, another encoding of the first) would be
        a second leaf, and could bring back a member that left. Raises StatementFormatError, EnvelopeFormatError, SignerUnknownError,
        WrongSignerError, SignatureError, ZoneMismatchError, StatementReplayedError, and then the error of the rule that it breaks.
        Changes nothing.
        """
        parsed = parse_envelope(envelope)
        kind_of(parsed.payload_type)
        statement = parse_statement(parsed.payload_type, parsed.payload)
        if statement.zone != self.zone:
            raise ZoneMismatchError(f"the statement belongs to zone {statement.zone!r}, this is {self.zone!r}")
        rule = RULES.get(type(statement))
        if rule is None:
            raise StatementFormatError(f"a {statement.kind} is never logged")
        key_id = parsed.signatures[0][0]
        signer = self._signer(key_id)
        check_signature(parsed, verify_key(signer.key))
        if parsed.said in self.said:
            raise StatementReplayedError(f"this {statement.kind} statement is in the log already")
        check_in_force(self, statement, time)
        rule(self, statement, signer, time)
        actor = getattr(statement, "service", "") if signer.subject else signer.member
        return Judged(statement, actor or signer.member, sha256(envelope).hex(), envelope, key_id, parsed.said)

    # --- look-ups that callers share ---

    def at(self, index: int) -> Logged:
        """The statement at leaf ``index``. Raises KeyError for a void or later leaf."""
        return self.statements[index]

    def by_envelope(self, envelope: bytes) -> Logged | None:
        """The logged statement with exactly these bytes, if it is there and holds."""
        index = self.leaf_of.get(sha256(envelope).hex())
        return None if index is None else self.statements[index]

    def epoch(self, epoch_id: str) -> EpochState:
        """Raises EpochUnknownError."""
        state = self.epochs.get(epoch_id)
        if state is None:
            raise EpochUnknownError(f"no epoch {epoch_id!r} is in the log")
        return state

    def model(self, sha: str) -> Model:
        """An admitted model whose pack is at hand. Raises WrongModelError."""
        if sha not in self.admitted:
            raise WrongModelError(f"model {sha} is not admitted")
        if sha not in self.models:
            raise WrongModelError(f"the pack of model {sha} is not at hand: put its YAML into the public packs directory")
        return self.models[sha]

    def generation(self, number: int | None = None) -> Generation:
        """The key's present generation of shares, or an earlier one. Raises WrongKeyError when there is none."""
        if not self.generations or not (number is None or 0 <= number < len(self.generations)):
            raise WrongKeyError("the zone has no key" if not self.generations else f"the key has no generation {number}")
        return self.generations[-1 if number is None else number]

    def consent_by_digest(self, digest: str) -> ConsentState:
        """Raises ConsentMissingError."""
        consent_id = self.consent_ids.get(digest)
        if consent_id is None:
            raise ConsentMissingError("the consent named is not in the log")
        return self.consents[consent_id]

    def consent(self, consent_id: str, subject: str) -> ConsentState:
        """Raises ConsentMissingError when there is none of this id for this subject."""
        state = self.consents.get(consent_id)
        if state is None or state.consent.subject != subject:
            raise ConsentMissingError("no such consent of this enterprise is in the log")
        return state

    def enrolment_behind(self, consent: ConsentState) -> Logged:
        """The enrolment by which others can check who signed a consent: that of the signing key, or the subject's newest."""
        signer = parse_envelope(self.at(consent.index).envelope).key_ids[0]
        return self.enrolments.get(signer) or self.enrolments[self.enrolled[consent.consent.subject]]

    def request_keys(self) -> dict[str, SigningKey]:
        """Every key that may sign a request now: members' and enterprises' newest, by key id."""
        keys = {key.key_id: key for member in self.registry.members.values() for key in member.keys}
        keys.update({key_id: self.enrolments[key_id].statement.key for key_id in self.enrolled.values()})
        return keys

    def sealing_key(self, audience: str) -> tuple[bytes, int]:
        """(X25519 public key, leaf that registered it) of a member or an enterprise's key id. Raises AudienceUnknownError."""
        if audience in self.enrolments:
            logged = self.enrolments[audience]
            return bytes.fromhex(logged.statement.hpke), logged.index
        if audience in self.registry.members:
            return bytes.fromhex(self.registry.members[audience].hpke), self.registry.audience_leaf(audience)
        raise AudienceUnknownError(f"{audience!r} has no registered sealing key")

    def subject_behind(self, logged: Logged) -> str:
        """The enterprise whose own key signed a logged statement; empty when a member did."""
        enrolment = self.enrolments.get(parse_envelope(logged.envelope).key_ids[0])
        return "" if enrolment is None else str(enrolment.statement.subject)

    # --- signers ---

    def _leaf(self, data: bytes) -> Leaf:
        try:
            return parse_leaf(data)
        except StatementFormatError as error:
            raise LogInconsistentError(f"leaf {self.size}: {error}") from error

    def _signer(self, key_id: str) -> Signer:
        enrolment = self.enrolments.get(key_id)
        if enrolment is not None:
            if self.enrolled[enrolment.statement.subject] != key_id:
                raise SignerUnknownError(f"the enterprise has enrolled a newer key than {key_id!r}")
            return Signer(enrolment.statement.key, enrolment.statement.service, enrolment.statement.subject)
        entry = self.registry.key(key_id)
        return Signer(entry.key, entry.member.id, "")
