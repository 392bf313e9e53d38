"""What several members sign together, each offline with its own key: the admission of a model, a change of the registry [P7.1]."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from crypto.statements import SignKey
from nodes.runtime.files import write_public
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.disclosure.countersigning import check_acceptances, embed
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model, load_pack
from scoring.statements import ChangeApproval, MemberChange, ModelAcceptance, ModelAdmitted


def accept_model(model: Model, zone: str, member: str, signer: SignKey, exposures: Iterable[str] = ()) -> bytes:
    """Envelope by which ``member`` accepts the model's exact bytes, and the exposures that it names."""
    said = ModelAcceptance(
        zone=zone, nonce=fresh_nonce(), id=model.id, version=model.version, sha256=model.sha256, exposures=tuple(exposures), member=member
    )
    return sign_statement(said, signer)


def admit_model(pack: bytes, registry: MemberRegistry, acceptances: Iterable[bytes], authority: SignKey, public_dir: Path) -> ModelAdmitted:
    """Put a pack and its admission into ``public_dir``/packs, from where the authority's front logs it.

    Raises ModelError, and AcceptanceError or WrongOwnerError while an owner's acceptance is missing: nothing is written then.
    """
    model, zone = load_pack(pack), registry.genesis.zone
    statement = ModelAdmitted(zone=zone, nonce=fresh_nonce(), id=model.id, version=model.version, sha256=model.sha256, acceptances=embed(acceptances))
    check_acceptances(registry, model, statement)
    name = f"{model.id}@{model.version}"
    write_public(public_dir / "packs" / f"{name}.yaml", pack)
    write_public(public_dir / "packs" / f"{name}.dsse.json", sign_statement(statement, authority))
    return statement


def approve_change(change: MemberChange, custodian: str, signer: SignKey) -> bytes:
    """Envelope by which a custodian approves exactly this change of the registry."""
    return sign_statement(ChangeApproval(zone=change.zone, nonce=fresh_nonce(), change=change.digest(), custodian=custodian), signer)


def sign_change(change: MemberChange, approvals: Iterable[bytes], authority: SignKey) -> bytes:
    """Envelope of the change with its approvals, to be logged."""
    return sign_statement(change.model_copy(update={"approvals": embed(approvals)}), authority)
