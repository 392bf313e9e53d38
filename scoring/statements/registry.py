"""Who is in the zone, under which policies, and which models it has admitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from crypto.encoding import sha256
from scoring.statements.base import Base64, Hex32, HexBytes, KeyId, MemberId, Name, Record, Statement, Time, Title

Role = Literal[
    "authority", "coordinator", "log", "gateway", "department", "custodian", "bank", "enterprise-service", "auditor", "witness", "registrar", "peer"
]
Grant = Literal["log", "models", "catalog", "policies", "statistics", "backup"]
"""What a zone may let a peer zone have [F1]; every one but the log is also the kind of the items that carry it."""


class SigningKey(Record):
    key_id: KeyId
    algorithm: Literal["ed25519", "ecdsa-p256-sha256"]
    public: HexBytes  # ed25519: 32 raw bytes; ecdsa: 65 bytes uncompressed point


class PeerZone(Record):
    """The other zone that a member with role peer is the peer node of [F1], as the custodians who approved it know that zone.

    ``registry``: SHA-256 of the exact bytes of its leaf 0. ``witness_vkey``: the key with which it witnesses *this* zone's log, named
    after the member; empty where it does not. ``grants``: what this zone lets it have, nothing else.
    """

    zone: Name
    registry: Hex32
    log_vkey: str
    witness_vkey: str = ""
    grants: Annotated[tuple[Grant, ...], Field(max_length=6)]


class Member(Record):
    """One organisation of the zone. ``hpke`` is its X25519 public key; ``uri`` its only TLS identity (URI SAN). ``peer``: of a peer zone's
    node only, and else no part of what is signed, so that entries of before it was there read as they did."""

    id: MemberId
    title: Title
    roles: tuple[Role, ...]
    division: str = ""  # GB/T 2260, six digits, where the role has a territory
    level: Literal["", "province", "city", "county"] = ""
    department: str = ""  # for role department: tax, market, science, insurance, ip, credit …
    keys: tuple[SigningKey, ...]
    hpke: Hex32
    uri: str
    peer: PeerZone | None = Field(default=None, exclude_if=lambda entry: entry is None)

    @field_validator("peer", mode="after")
    @classmethod
    def _is_there_or_left_out(cls, value: PeerZone | None) -> PeerZone:
        """One spelling of a member without it: what custodians approve is a digest of these bytes."""
        if value is None:
            raise ValueError("peer is an entry, or is left out")
        return value


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


ValidityS = Annotated[int, Field(ge=1, lt=1 << 32)]
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


def _is_none(value: object) -> bool:
    return value is None


class Registry(Statement):
    """Genesis: the zone's members, log key, witness policy and times. Signed by the authority; leaf 0; pinned by everyone.

    ``validity_s``: how long it holds from the time of its leaf, and how far ahead a renewal may reach [P9]; without it, without end.
    """

    kind = "registry"
    title: Title
    members: tuple[Member, ...]
    log_vkey: str
    witness_policy: WitnessPolicy
    clock_tolerance_s: int = 5
    request_max_age_s: int = 120
    ticket_max_life_s: int = 3600
    disclosure: DisclosurePolicy = DisclosurePolicy()
    validity_s: ValidityS | None = Field(default=None, exclude_if=_is_none)


class RegistryChange(Statement):
    """What custodians approve. ``approvals``: envelopes of ``ChangeApproval`` [P7.1]."""

    approvals: Annotated[tuple[Base64, ...], Field(max_length=64)] = ()

    def digest(self) -> str:
        """SHA-256, hex, of the change without its approvals: what they approve. The nonce is in it, so that they serve one change."""
        return sha256(self.model_copy(update={"approvals": ()}).payload()).hex()


class MemberChange(RegistryChange):
    """A member joined, left, or changed its keys after genesis. Signed by the authority.

    Without approvals a change that adds an audience, a role or a key has no effect [P7.1].
    """

    kind = "member"
    action: Literal["join", "leave", "rekey"]
    member: Member


class RegistryRenewal(RegistryChange):
    """The registry holds until a later time. Signed by the authority, approved by t custodians [P9]."""

    kind = "registry-renewal"
    until: Time


class RegistryExtension(RegistryChange):
    """The registry holds a little longer by the word of t custodians alone, where the authority cannot renew it. Signed by one of them [P9].

    ``number``: which one in a row it is, from 1; a renewal begins the row anew.
    """

    kind = "registry-extension"
    number: Annotated[int, Field(ge=1, le=16)]
    until: Time


class ChangeApproval(Statement):
    """A custodian agrees to exactly one change of the registry [P7.1]. Never logged by itself: it travels inside the change."""

    kind = "change-approval"
    change: Hex32  # RegistryChange.digest
    custodian: MemberId


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
