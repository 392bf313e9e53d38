"""The signed statements of the exchange: one pydantic model for each kind of log leaf.

A statement is the payload of one DSSE envelope; the log holds only its leaf (``Leaf``), whose digest is the SHA-256 of
the envelope's exact bytes [L2]. Parsing happens here, once; inside the program these types are trusted. This module
checks shape, not truth: who may say what, and when, is judged by ``scoring.exchange.view``.

Conventions: bytes are lower-case hex; times are integer Unix seconds UTC; leaf indices and counts are ints; big integers
are hex without leading zeros (``HexInt``).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from crypto.encoding import canonical_json, sha256
from scoring.errors import StatementFormatError

PAYLOAD_TYPE_PREFIX = "application/vnd.xinqiao."
T = TypeVar("T", bound="Record")

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Hex16 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
HexInt = Annotated[str, StringConstraints(pattern=r"^(0|[1-9a-f][0-9a-f]*)$", max_length=4096)]
HexBytes = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", max_length=1 << 20)]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=1 << 17)]  # exact bytes of an embedded envelope
LongInt = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9a-f][0-9a-f]*)$", max_length=1 << 16)]  # signed hex; a proof over the integers
MemberId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]{1,62}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.~-]{1,80}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
StageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]  # models name stages S1, S2 …
Audience = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.~-]{1,80}$")]
Time = Annotated[int, Field(ge=0, lt=1 << 40)]
Index = Annotated[int, Field(ge=0, lt=1 << 53)]


class Record(BaseModel):
    """Base of every parsed document: frozen, strict, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Statement(Record):
    """Payload of a DSSE envelope. ``kind`` names its leaf kind and its payload type."""

    kind: ClassVar[str]
    v: Literal[1] = 1
    zone: Name
    nonce: Hex16  # random, so that a digest cannot be guessed [L2]

    def payload(self) -> bytes:
        """Canonical JSON bytes to be signed. Verification always uses the bytes received, never this."""
        return canonical_json(self.model_dump(mode="json"))

    @classmethod
    def payload_type(cls) -> str:
        return f"{PAYLOAD_TYPE_PREFIX}{cls.kind}.v1+json"


# --- registry and keys -------------------------------------------------------------------------------------------------


class Title(Record):
    zh: str
    en: str


Role = Literal[
    "authority", "coordinator", "log", "gateway", "department", "custodian", "bank", "enterprise-service", "auditor", "witness", "registrar"
]


class SigningKey(Record):
    key_id: KeyId
    algorithm: Literal["ed25519", "ecdsa-p256-sha256"]
    public: HexBytes  # ed25519: 32 raw bytes; ecdsa: 65 bytes uncompressed point


class Member(Record):
    """One organisation of the zone. ``hpke`` is its X25519 public key; ``uri`` its only TLS identity (URI SAN)."""

    id: MemberId
    title: Title
    roles: tuple[Role, ...]
    division: str = ""  # GB/T 2260, six digits, where the role has a territory
    level: Literal["", "province", "city", "county"] = ""
    department: str = ""  # for role department: tax, market, science, insurance, ip, credit …
    keys: tuple[SigningKey, ...]
    hpke: Hex32
    uri: str


class WitnessPolicy(Record):
    """w of W witness cosignatures make a checkpoint usable for releases [L5]. Keys are C2SP verifier-key lines, each named after the
    member that holds it. ``faulty``: how many lying witnesses are reckoned with; ``outside``: those that bodies outside the zone run;
    ``development`` lifts what production demands, and every process says so. ``scoring.exchange.registry`` judges a policy."""

    witnesses: tuple[str, ...]
    required: int
    max_age_s: int
    faulty: int = 0
    outside: tuple[MemberId, ...] = ()
    development: bool = False


TenThousandths = Annotated[int, Field(ge=0, le=10_000)]


class DisclosurePolicy(Record):
    """What the zone lets models and tickets disclose [P7.1, P7.2].

    The admission lint's thresholds: under the uniform prior ``ratio_at_least`` and ``pinned_at_most`` bind; under any other, more than
    ``prior_pinned_at_most`` need a named exposure. A joint distribution of up to ``exact_cells`` is computed exactly; beyond it at most
    ``combinations_at_most`` integer combinations with coefficients up to ``coefficients_up_to`` stand in. A model is linted together with
    that many ``previous_models`` of its data period.
    """

    bank_functionals: Annotated[int, Field(ge=1, le=64)] = 2  # that one bank may learn of one enterprise in one data period
    epoch_interval_s: Annotated[int, Field(ge=0, lt=1 << 40)] = 30 * 86_400  # between the openings of two epochs of one data period
    ratio_at_least: TenThousandths = 5000
    pinned_at_most: TenThousandths = 200
    prior_pinned_at_most: TenThousandths = 500
    exact_cells: Annotated[int, Field(ge=1, le=1 << 26)] = 1 << 26
    coefficients_up_to: Annotated[int, Field(ge=1, le=64)] = 16
    combinations_at_most: Annotated[int, Field(ge=1, le=100_000)] = 1000
    previous_models: Annotated[int, Field(ge=0, le=8)] = 2


class Registry(Statement):
    """Genesis: the zone's members, log key, witness policy and times. Signed by the authority; leaf 0; pinned by everyone."""

    kind = "registry"
    title: Title
    members: tuple[Member, ...]
    log_vkey: str
    witness_policy: WitnessPolicy
    clock_tolerance_s: int = 5
    request_max_age_s: int = 120
    ticket_max_life_s: int = 3600
    disclosure: DisclosurePolicy = DisclosurePolicy()


class MemberChange(Statement):
    """A member joined, left, or changed its keys after genesis. Signed by the authority.

    ``approvals``: envelopes of ``ChangeApproval``, without which a change that adds an audience, a role or a key has no effect [P7.1].
    """

    kind = "member"
    action: Literal["join", "leave", "rekey"]
    member: Member
    approvals: Annotated[tuple[Base64, ...], Field(max_length=64)] = ()

    def digest(self) -> str:
        """SHA-256, hex, of the change without its approvals: what they approve. The nonce is in it, so that they serve one change."""
        return sha256(self.model_copy(update={"approvals": ()}).payload()).hex()


class ChangeApproval(Statement):
    """A custodian agrees to exactly one change of the registry [P7.1]. Never logged by itself: it travels inside the change."""

    kind = "change-approval"
    change: Hex32  # MemberChange.digest
    custodian: MemberId


class Ceremony(Statement):
    """Public transcript of the key ceremony [P1.5], signed by the dealer and its witnesses."""

    kind = "ceremony"
    bits: int
    n: HexInt
    h: HexInt
    threshold: int
    custodians: tuple[MemberId, ...]  # position i holds share i+1
    key_proof: tuple[HexInt, ...]  # n-th roots proving gcd(n, phi(n)) = 1
    base: HexInt  # v of the paper: a public square
    v_i: tuple[HexInt, ...]
    sealed_shares: tuple[HexBytes, ...]  # HPKE to each custodian; enc ‖ ciphertext


class ShareAccepted(Statement):
    """A custodian checked its share against v_i and keeps it. The key is usable when all have [P1.5]."""

    kind = "share-accepted"
    ceremony: Hex32  # digest of the ceremony envelope
    custodian: MemberId
    index: int
    generation: int = 0


class ModelAcceptance(Statement):
    """An owner of indicators agrees that this model is used, and to the exposures that it names [P7.1]. Never logged by itself: it
    travels inside the model's admission."""

    kind = "model-acceptance"
    id: Name
    version: str
    sha256: Hex32  # of the pack's exact bytes: indicators, functionals, audiences and products
    report: Hex32 | Literal[""] = ""  # SHA-256 of the lint report that the owner read
    exposures: Annotated[tuple[Name, ...], Field(max_length=256)] = ()  # indicators whose named exposures the owner accepts
    member: MemberId


class ModelAdmitted(Statement):
    """An indicator model: hash of the pack's exact YAML bytes [M1]. Signed by the authority.

    ``acceptances``: envelopes of ``ModelAcceptance``, one of each owner of an indicator [P7.1].
    """

    kind = "model"
    id: Name
    version: str
    sha256: Hex32
    acceptances: Annotated[tuple[Base64, ...], Field(max_length=64)] = ()


# --- the key over time ---------------------------------------------------------------------------------------------------


class KeyRound(Statement):
    """The custodians' shares are to be renewed [P1.7]. Signed by the authority; nothing changes before ``key-activate``."""

    kind = "key-round"
    action: Literal["refresh", "reshare"]
    generation: Annotated[int, Field(ge=1, lt=1 << 31)]  # the one that it leads to
    threshold: int
    custodians: tuple[MemberId, ...]  # position i receives share i + 1; in a refresh those of the present generation
    dealers: tuple[MemberId, ...]  # of the present custodians: all in a refresh, t in a re-sharing


class KeyReceiver(Statement):
    """A custodian takes part in a round, with an X25519 key for it alone, which it erases when the round is over [P1.7]."""

    kind = "key-receiver"
    round: Hex32  # digest of the round's envelope
    custodian: MemberId
    hpke: Hex32


class KeyDeal(Statement):
    """A dealer's commitments, and a value for each receiver, sealed to its key of the round [P1.7]."""

    kind = "key-deal"
    round: Hex32
    dealer: MemberId
    commitments: tuple[HexInt, ...]
    sealed: tuple[HexBytes, ...]  # enc ‖ ciphertext, in the order of the round's custodians


class KeyAcknowledged(Statement):
    """A custodian checked all deals of a round and holds its share of the next generation on disk [P1.7]."""

    kind = "key-ack"
    round: Hex32
    custodian: MemberId
    deals: Hex32  # sha256 of the deals' digests, in the order of the round's dealers


class KeyActivated(Statement):
    """The round takes effect: partials are of its generation from here, older shares are erased [P1.7]. Signed by the authority."""

    kind = "key-activate"
    round: Hex32
    generation: int
    acknowledgements: tuple[Hex32, ...]  # digests of every custodian's, in the order of the round


class KeyAbandoned(Statement):
    """A round is given up; the present generation stays [P1.7]. Signed by the authority."""

    kind = "key-abandon"
    round: Hex32


class ProofDemand(Statement):
    """An audience could not open with these custodians' partials and asks them for proofs [P1.4]. Signed by the audience, or its service."""

    kind = "proof-demand"
    ticket: Hex32
    opening: Annotated[int, Field(ge=0, lt=1 << 31)]
    generation: Annotated[int, Field(ge=0, lt=1 << 31)]
    custodians: tuple[MemberId, ...]
    answer_by: Time


class PartialProof(Statement):
    """A custodian's proof that its partial comes from its share [P1.4]. The partial itself is not in it: t of those would be the opening."""

    kind = "partial-proof"
    demand: Hex32
    custodian: MemberId
    challenge: HexInt
    response: LongInt


class Blame(Statement):
    """A custodian signed a partial and its proof fails, or did not come [P1.4]. Signed by whoever demanded it; anyone can check."""

    kind = "blame"
    demand: Hex32
    custodian: MemberId
    fault: Literal["failed", "withheld"]
    partial: HexBytes  # the custodian's envelope of its partial
    aggregate: HexInt  # what was to be opened; its hash is in the ticket


# --- epoch -------------------------------------------------------------------------------------------------------------


class RosterCompiled(Statement):
    """The set of subject ids with division, sorted by id; the document is a blob [P3.1]. Signed by market supervision."""

    kind = "roster"
    epoch: Name
    period: str
    count: int
    sha256: Hex32


class StagesPublished(Statement):
    """Stage of every subject [P3.2]. The document lists subjects in final order (stage, then id); merkle_root is over its rows."""

    kind = "stages"
    epoch: Name
    period: str
    model: Hex32
    roster: Hex32  # sha256 of the compiled roster document
    count: int
    sha256: Hex32
    merkle_root: Hex32


class EpochOpen(Statement):
    """Freezes model, key, roster order and stages [P3.3]. ``roster`` is the sha256 of the stages document (the ordered roster)."""

    kind = "epoch-open"
    epoch: Name
    period: str
    model: Hex32
    key: Hex32  # key hash
    roster: Hex32
    stages_leaf: Index
    slot_bits: int
    slots: int
    batches: int
    contributors: dict[Name, tuple[MemberId, ...]]  # indicator -> its owners (one; several for `sum`)


class EpochClose(Statement):
    """No column counts from here. ``absent`` names expected columns that are missing: [indicator, functional or –, member]."""

    kind = "epoch-close"
    epoch: Name
    absent: tuple[tuple[str, str, MemberId], ...] = ()


class Band(Record):
    """One percentile band: totals in [low, high) hundredths, edges rounded outward to 0.5 point; percentile [from, to]."""

    low: int
    high: int
    percentile_from: int
    percentile_to: int


class QuantileTable(Record):
    """Frozen bands of one functional in one stage [P7.3]; ``bands`` empty for cohorts under 20."""

    functional: Name
    functional_hash: Hex32
    stage: StageId
    cohort: int
    bands: tuple[Band, ...]


class EpochRelease(Statement):
    """The epoch's published result: quantile tables and counts; totals stay with the authority. Signed by the authority."""

    kind = "epoch-release"
    epoch: Name
    tables: tuple[QuantileTable, ...]
    tickets: tuple[Hex32, ...]


# --- contributions -----------------------------------------------------------------------------------------------------


class Entry(Record):
    indicator: Name
    functional: str = "-"  # a gate's functional, else "-"


class KnowledgeProof(Record):
    """Batched proof of knowledge of the plaintexts [P4.6]; hex integers."""

    type: Literal["djn", "root"]
    t: HexInt
    z1: HexInt
    z2: HexInt


class ContributionHeader(Record):
    """What a contribution is. Canonical JSON of this (with merkle_root) enters the proof's challenge [P4.1, P4.6]."""

    sender: MemberId
    zone: Name
    key: Hex32
    kind: Literal["column", "row"]
    epoch: Name
    period: str
    model: Hex32
    roster: Hex32
    entries: tuple[Entry, ...]  # column: exactly one; row: one per ciphertext
    revision: Annotated[int, Field(ge=0, lt=1 << 31)]
    slot_bits: int  # row: 0
    slots: int  # row: 1
    batches: int  # column: number of ciphertexts; row: len(entries)
    proof: Literal["djn", "root"]
    subject: str = ""  # row only: 32 hex digits
    audience: str = ""  # row only
    consent: str = ""  # row only: digest of the consent envelope
    merkle_root: Hex32


class Column(Statement):
    """One indicator over the whole roster, packed [P4.1]. Ciphertext b covers batch b of the ordered roster."""

    kind = "column"
    header: ContributionHeader
    proof: KnowledgeProof


class Row(Statement):
    """All the sender's indicators (and gates) of one consented subject, unpacked [P4.2]. Ciphertext j belongs to entries[j]."""

    kind = "row"
    header: ContributionHeader
    proof: KnowledgeProof


# --- consent and release -----------------------------------------------------------------------------------------------


class Enrolment(Statement):
    """A subject's own keys, registered by the county registrar (market supervision) [P5.0]. No USCC in it."""

    kind = "enrolment"
    subject: Hex16
    key: SigningKey  # key_id "e-" + 16 hex digits; is also the audience id of the subject's portraits
    hpke: Hex32
    service: MemberId  # enterprise service that submitted it


class Consent(Statement):
    """An enterprise's permission for one audience [P5.0]. Signed by the enrolled key. ``sealed_binding`` is HPKE to the audience:
    {uscc, county's signed binding}; empty for a portrait (audience = own key id)."""

    kind = "consent"
    id: Hex16
    subject: Hex16
    audience: Audience
    purpose: Literal["loan", "portrait", "insurance", "guarantee", "lease", "investment"]
    products: tuple[Name, ...]
    functionals: tuple[Name, ...]
    open_indicators: tuple[Name, ...] = ()
    not_before: Time
    not_after: Time
    service: MemberId
    signed_by: Literal["enterprise", "service"]
    sealed_binding: str = ""  # hex


class Revocation(Statement):
    kind = "revocation"
    consent: Hex16  # consent id
    subject: Hex16
    service: MemberId


class Input(Record):
    """One ciphertext of an opening: contribution leaf and position (row: index in entries; column: the batch, so -1 here)."""

    indicator: Name
    functional: str = "-"
    leaf_index: Index
    position: int


class TicketOpening(Record):
    """One aggregate to open. Slots > 1 means Horner packing with 2^slot_bits [P5.6]: functionals[k] sits in slot k."""

    functionals: tuple[Name, ...]
    functional_hashes: tuple[Hex32, ...]
    slot_bits: int  # 0 when not packed
    batch: int  # column batch, -1 for rows
    aggregate: Hex32  # sha256 of the aggregate's fixed-width bytes


class Ticket(Statement):
    """Exactly what may be opened, for whom, why [P5.2]. Signed by the coordinator. ``inputs`` are shared by its openings."""

    kind = "ticket"
    epoch: Name
    model: Hex32
    audience: Audience
    audience_leaf: Index  # leaf that registered the audience's HPKE key
    purpose: Literal["epoch", "loan", "portrait", "insurance", "guarantee", "lease", "investment"]
    subject: str = ""  # rows
    stage: StageId
    consent: str = ""  # digest of the consent envelope; bulk: ""
    request: Hex32  # sha256 of the request document; bulk: digest of the epoch-close envelope
    request_nonce: str
    openings: tuple[TicketOpening, ...]
    inputs: tuple[Input, ...]
    not_after: Time


class Refusal(Statement):
    """A refusal by any member; public codes never tell gated, vetoed or out of range [P5.3]."""

    kind = "refusal"
    member: MemberId
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{2,40}$")]
    about: str = ""  # digest of the request or ticket refused
    count: int = 1  # unauthenticated callers: number within the minute


class Partial(Statement):
    """Signed partial opening [P1.4]; never logged: sealed to the audience."""

    kind = "partial"
    ticket: Hex32  # digest of the ticket envelope
    opening: int  # index in ticket.openings
    aggregate: Hex32
    custodian: MemberId
    index: int  # share number 1..l
    generation: int
    x: HexInt


class Binding(Statement):
    """The county's signed binding of USCC to subject id; never logged: sealed to the bank in the consent [P5.0]."""

    kind = "binding"
    subject: Hex16
    uscc: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]
    service: MemberId


class Head(Statement):
    """The newest checkpoint that a follower of the log has, posted for the others to compare; never logged [L5]. ``held``: digests of the
    revocations that it keeps though the log does not show them: they bind it [P5.0]."""

    kind = "head"
    member: MemberId
    time: Time
    checkpoint: Annotated[str, StringConstraints(max_length=1 << 14)]  # the log's signed note, with the cosignatures it has
    held: Annotated[tuple[Hex32, ...], Field(max_length=1024)] = ()


class AuditNote(Statement):
    """An auditor's logged verdict on a range of the log."""

    kind = "audit"
    size: Index
    verdict: Literal["pass", "fail"]
    findings: int


# --- draws and failures ------------------------------------------------------------------------------------------------


class AuditCommit(Statement):
    """An auditor will draw contributions of an epoch by a number R that it has fixed, and shows later [P6].

    ``columns``: ``count`` batches of every column, drawn by the close. ``rows``: ``count`` rows of every department, of those from leaf
    ``since`` up to the first leaf of somebody else at or after Unix time ``until``. R and the outcome are due ``due_s`` seconds after that leaf.
    ``final``: this auditor draws nothing of the epoch's rows after this, so that the node's secret may be erased [P4.4].
    """

    kind = "audit-commit"
    epoch: Name
    draw: Literal["columns", "rows"]
    count: Annotated[int, Field(ge=1, le=64)]
    commitment: Hex32  # SHA-256(R)
    due_s: Annotated[int, Field(ge=1, le=30 * 86_400)]
    since: Index = 0  # rows
    until: Time = 0  # rows
    final: bool = False  # rows


class AuditReveal(Statement):
    """R of a commitment, once the draw is fixed [P6]."""

    kind = "audit-reveal"
    commit: Hex32  # digest of the commitment's envelope
    r: Hex32


Outcome = Literal["AGREES", "MISSING", "REFUSED", "OPENING_INVALID", "VALUE_IMPOSSIBLE", "RECORD_DIFFERS", "ROW_DIFFERS"]


class DrawnItem(Record):
    """What became of one drawn batch of a column, or row (position -1), or of one input of a failed ticket."""

    leaf_index: Index
    position: Annotated[int, Field(ge=-1, lt=1 << 31)]
    outcome: Outcome


class AuditResult(Statement):
    """What an auditor was shown, and what of it agrees [P6, P2.4]. ``cause``: the commitment, or the failure, by its envelope's digest.

    ``size`` and ``root``: the tree that fixed the draw; 0 and empty for a failure.
    """

    kind = "audit-result"
    cause: Hex32
    size: Index
    root: Hex32 | Literal[""]
    items: tuple[DrawnItem, ...]


class Failure(Statement):
    """An audience opened a value that its model cannot give; it does not say which, nor how [P2.4]. Signed by the ticket's audience.

    ``batches``: of a bulk ticket, those that failed.
    """

    kind = "failure"
    ticket: Hex32
    batches: tuple[Annotated[int, Field(ge=0, lt=1 << 31)], ...] = ()


LOGGED: tuple[type[Statement], ...] = (
    Registry, MemberChange, Ceremony, ShareAccepted, ModelAdmitted, RosterCompiled, StagesPublished, EpochOpen, EpochClose,
    EpochRelease, Column, Row, Enrolment, Consent, Revocation, Ticket, Refusal, AuditNote,
    AuditCommit, AuditReveal, AuditResult, Failure,
    KeyRound, KeyReceiver, KeyDeal, KeyAcknowledged, KeyActivated, KeyAbandoned, ProofDemand, PartialProof, Blame,
)  # fmt: skip
PRIVATE: tuple[type[Statement], ...] = (Partial, Binding, ModelAcceptance, ChangeApproval, Head)
BY_KIND: dict[str, type[Statement]] = {cls.kind: cls for cls in (*LOGGED, *PRIVATE)}


class Leaf(Record):
    """Public record of one statement in the log [L2]: canonical JSON {actor, digest, kind, time, v}."""

    v: Literal[1] = 1
    kind: str
    actor: MemberId
    time: Time
    digest: Hex32

    def to_bytes(self) -> bytes:
        return canonical_json(self.model_dump(mode="json"))


def kind_of(payload_type: str) -> str:
    """Kind named by a payload type. Raises StatementFormatError when it is none of ours."""
    if payload_type.startswith(PAYLOAD_TYPE_PREFIX) and payload_type.endswith(".v1+json"):
        kind = payload_type[len(PAYLOAD_TYPE_PREFIX) : -len(".v1+json")]
        if kind in BY_KIND:
            return kind
    raise StatementFormatError(f"payload type {payload_type!r} is not one of the exchange")


def parse_statement(payload_type: str, payload: bytes) -> Statement:
    """Statement held in a DSSE payload. Raises StatementFormatError for anything that does not fit its schema exactly."""
    return _parse(BY_KIND[kind_of(payload_type)], payload)


def parse_record(cls: type[T], data: bytes) -> T:
    """A record or an unsigned payload that a person hands over as JSON. Raises StatementFormatError."""
    return _parse(cls, data)


def parse_leaf(data: bytes) -> Leaf:
    """Leaf from its bytes, which must be canonical. Raises StatementFormatError."""
    leaf = _parse(Leaf, data)
    if leaf.to_bytes() != data:
        raise StatementFormatError("leaf is not canonical JSON")
    return leaf


def _parse(cls: type[T], data: bytes) -> T:
    try:
        _DECODER.decode(data.decode())
        return cls.model_validate_json(data)
    except (ValidationError, ValueError, RecursionError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise StatementFormatError(f"{cls.__name__}: {detail}") from error


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's pairs as a dict: an ``object_pairs_hook``. Raises ValueError when a name stands twice, since two readers could differ."""
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a JSON object repeats a name")
    return out


_DECODER = json.JSONDecoder(object_pairs_hook=unique_names)  # one for all: making it costs as much as a small statement
