"""Whose signatures a model and a change of the registry need before they have effect [P7.1]. Pure: keys come from the registry.

Countersignatures are envelopes of their own, made offline by whoever agrees, and embedded as exact bytes in the statement that they
belong to: one leaf shows everything that was agreed. Whether a model is fit to be accepted is what the linter tells its reader.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, TypeVar

from crypto.errors import CryptoError
from crypto.statements import check_signature, parse_envelope
from scoring.errors import AcceptanceError, ApprovalError, ScoringError
from scoring.rules.stages import Owner
from scoring.statements import (
    ChangeApproval,
    Member,
    MemberChange,
    ModelAcceptance,
    ModelAdmitted,
    PeerZone,
    RegistryChange,
    Statement,
    parse_statement,
)

if TYPE_CHECKING:
    from scoring.exchange.registry import MemberRegistry
    from scoring.indicators.model import Model
    from scoring.indicators.pack import Contributors

S = TypeVar("S", bound=Statement)


def owners_of(registry: MemberRegistry, model: Model) -> dict[str, Member]:
    """The owners of a model's indicators, gates and vetoes, by member id; of what is summed over banks, every bank. Raises WrongOwnerError
    where the zone has not exactly one department."""
    owners = dict.fromkeys(item.owner for item in model.indicators.values())
    return {member.id: member for owner in owners for member in _members(registry, owner)}


def exposures_of(registry: MemberRegistry, model: Model) -> dict[str, tuple[str, ...]]:
    """Indicators for which the pack names an exposure, by the member that owns them and has to accept it. Raises WrongOwnerError."""
    found: dict[str, dict[str, None]] = {}
    for exposure in model.pack.exposures:
        for member in _members(registry, model.indicators[exposure.indicator].owner):
            found.setdefault(member.id, {})[exposure.indicator] = None
    return {member: tuple(names) for member, names in found.items()}


def check_acceptances(registry: MemberRegistry, model: Model | None, admission: ModelAdmitted) -> dict[str, ModelAcceptance]:
    """The acceptances of an admission, by member: each holds, and every owner of an indicator of ``model`` gave one, in which it names
    those of its indicators for which the pack has an exposure.

    ``model`` is None where the pack is not at hand: then nothing can be done with the model, and only what is there is checked.
    Raises AcceptanceError, WrongOwnerError.
    """
    found: dict[str, ModelAcceptance] = {}
    for said, member in _embedded(registry, ModelAcceptance, admission.acceptances, admission.zone, AcceptanceError):
        if said.member != member.id or member.id in found:
            raise AcceptanceError(f"an acceptance of {said.member} is signed by {member.id}, or is there twice 签署者不符，或重复")
        if (said.id, said.version, said.sha256) != (admission.id, admission.version, admission.sha256):
            raise AcceptanceError(f"{member.id} accepted {said.id}@{said.version} {said.sha256[:16]}…, which is another model 接受的是另一个模型")
        found[member.id] = said
    if model is None:
        return found
    if missing := set(owners_of(registry, model)) - set(found):
        raise AcceptanceError(f"owners of indicators that have not accepted the model 指标所有者尚未接受该模型: {', '.join(sorted(missing))}")
    for name, exposed in exposures_of(registry, model).items():
        if silent := set(exposed) - set(found[name].exposures):
            raise AcceptanceError(f"{name} has not accepted the exposure of 尚未接受披露例外 {', '.join(sorted(silent))}")
    return found


def adds_power(before: Member | None, change: MemberChange) -> bool:
    """Whether a change lets somebody speak, read or own who could not before. Leaving, and giving up keys, roles or
    what a peer zone may have, does not."""
    after = change.member
    if change.action == "leave":
        return False
    if before is None:
        return True
    taken = {key for key in after.keys if key not in before.keys} or set(after.roles) - set(before.roles)
    peer = after.peer if _narrows(before.peer, after.peer) else before.peer
    kept = before.model_copy(update={"keys": after.keys, "roles": after.roles, "title": after.title, "peer": peer})
    return bool(taken) or kept != after


def check_approvals(registry: MemberRegistry, change: RegistryChange, custodians: Collection[str], threshold: int) -> None:
    """At least ``threshold`` of ``custodians`` approved exactly this change, each once. Raises ApprovalError."""
    digest = change.digest()
    found: set[str] = set()
    for said, member in _embedded(registry, ChangeApproval, change.approvals, change.zone, ApprovalError):
        if said.custodian != member.id or said.change != digest:
            raise ApprovalError(f"{member.id} approved another change than this one 同意的是另一项变更")
        if member.id not in custodians or "custodian" not in member.roles or member.id in found:
            raise ApprovalError(f"{member.id} is not one of the zone's custodians, or approves twice 不是本区托管方，或重复")
        found.add(member.id)
    if len(found) < threshold:
        what = f"that {change.member.id} should {change.action}" if isinstance(change, MemberChange) else f"the {change.kind}"
        raise ApprovalError(f"{len(found)} of {threshold} custodians approved {what} 同意的托管方不足")


def embed(envelopes: Iterable[bytes]) -> tuple[str, ...]:
    """Envelopes in the form in which a statement carries them."""
    return tuple(base64.b64encode(raw).decode() for raw in envelopes)


def _narrows(before: PeerZone | None, after: PeerZone | None) -> bool:
    """Whether a change of a peer's entry only takes away: grants given up, or the whole entry."""
    if before is None or after is None:
        return after is None
    return set(after.grants) <= set(before.grants) and before.model_copy(update={"grants": after.grants}) == after


def _members(registry: MemberRegistry, owner: Owner | Contributors) -> list[Member]:
    return [registry.owner(owner.department, owner.level)] if isinstance(owner, Owner) else registry.with_role(owner.sum)


def _embedded(
    registry: MemberRegistry, kind: type[S], envelopes: Iterable[str], zone: str, error: type[AcceptanceError | ApprovalError]
) -> Iterable[tuple[S, Member]]:
    """(statement, signing member) of each embedded envelope, its signature checked under a key that is registered now."""
    for text in envelopes:
        try:
            envelope = parse_envelope(base64.b64decode(text, validate=True))
            statement = parse_statement(envelope.payload_type, envelope.payload)
            entry = registry.key(envelope.key_ids[0])
            check_signature(envelope, entry.verifier)
        except (ScoringError, CryptoError, ValueError) as fault:
            raise error(f"a countersignature does not hold 会签无效: {fault}") from fault
        if not isinstance(statement, kind) or statement.zone != zone:
            raise error(f"a countersignature is a {statement.kind} of zone {statement.zone}, not a {kind.kind} of {zone} 会签文件不符")
        yield statement, entry.member
