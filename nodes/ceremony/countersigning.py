"""What several members sign together, each offline with its own key: the admission of a model, a change of the registry [P7.1]."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from crypto.statements import SignKey, parse_envelope
from nodes.ceremony.told import read_told
from nodes.runtime.files import write_public
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.zone import read_ceremony, read_public
from scoring.disclosure.audiences import Party, registered
from scoring.disclosure.countersigning import check_acceptances, embed
from scoring.disclosure.lint import lint
from scoring.disclosure.report import LintReport
from scoring.errors import StatementFormatError, WrongModelError
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model, load_pack
from scoring.statements import (
    ChangeApproval,
    DisclosurePolicy,
    MemberChange,
    ModelAcceptance,
    ModelAdmitted,
    Registry,
    RegistryChange,
    Statement,
    parse_statement,
)

CHANGES = "changes"
S = TypeVar("S", bound=Statement)


def accept_model(model: Model, zone: str, member: str, signer: SignKey, exposures: Iterable[str] = (), report: str = "") -> bytes:
    """Envelope by which ``member`` accepts the model's exact bytes, and the exposures that it names. ``report``: the lint report that it
    read, by SHA-256 in hex."""
    named = {"id": model.id, "version": model.version, "sha256": model.sha256, "exposures": tuple(exposures), "report": report}
    said = ModelAcceptance.model_validate({"zone": zone, "nonce": fresh_nonce(), "member": member, **named})
    return sign_statement(said, signer)


def lint_for(members: Sequence[Party], policy: DisclosurePolicy, model: Model, previous: Sequence[Model] = ()) -> LintReport:
    """The admission lint of ``model`` as the custodians of a zone with these members and this policy make it: their reports are alike."""
    return lint(model, previous, policy=policy, audiences=registered(members, [model, *previous]))


def admit_model(
    pack: bytes, registry: MemberRegistry, report: LintReport, acceptances: Iterable[bytes], authority: SignKey, public_dir: Path
) -> ModelAdmitted:
    """Put a pack and its admission into ``public_dir``/packs, from where the authority's front logs it. ``report``: its admission lint.

    Raises ModelError; ModelLeaksError when the lint does not pass it, WrongModelError when the report is of another model; AcceptanceError or
    WrongOwnerError while an owner's acceptance is missing: nothing is written then.
    """
    model, zone = load_pack(pack), registry.genesis.zone
    if report.model.sha256 != model.sha256:
        raise WrongModelError("the lint report is of another model")
    report.check_admissible()
    statement = ModelAdmitted(zone=zone, nonce=fresh_nonce(), id=model.id, version=model.version, sha256=model.sha256, acceptances=embed(acceptances))
    check_acceptances(registry, model, statement)
    name = f"{model.id}@{model.version}"
    write_public(public_dir / "packs" / f"{name}.yaml", pack)
    write_public(public_dir / "packs" / f"{name}.dsse.json", sign_statement(statement, authority))
    return statement


def approve_change(change: RegistryChange, custodian: str, signer: SignKey) -> bytes:
    """Envelope by which a custodian approves exactly this change of the registry."""
    return sign_statement(ChangeApproval(zone=change.zone, nonce=fresh_nonce(), change=change.digest(), custodian=custodian), signer)


def sign_change(change: MemberChange, approvals: Iterable[bytes], authority: SignKey) -> bytes:
    """Envelope of the change with its approvals, to be logged."""
    return sign_statement(change.model_copy(update={"approvals": embed(approvals)}), authority)


def enact_change(change: MemberChange, registry: MemberRegistry, approvals: Iterable[bytes], authority: SignKey, public_dir: Path) -> Path:
    """Put an approved change into ``public_dir``/changes, from where the authority's front logs it; its file.

    Raises what ``MemberRegistry.check`` has against it: nothing is written then.
    """
    raw = sign_change(change, approvals, authority)
    registry.check(_change_in(raw))
    known = change_files(public_dir)
    path = public_dir / CHANGES / f"{len(known):04}-{change.action}-{change.member.id}.dsse.json"
    path.parent.mkdir(exist_ok=True)
    write_public(path, raw)
    return path


def change_files(public_dir: Path) -> list[Path]:
    """Changes of the registry that were made, in their order."""
    return sorted((public_dir / CHANGES).glob("*.dsse.json"))


def read_members(public_dir: Path) -> MemberRegistry:
    """The registry as a public directory has it: leaf 0, those who share the key by its ceremony, what was told of the log since (``members.json``),
    and the changes that were made here and are not told.

    Raises SettingsError when the registry is missing, StatementFormatError when a file is another statement, and as ``MemberRegistry.check``.
    """
    registry, told, last, known = pinned_members(public_dir), read_told(public_dir), 0, set[bytes]()
    if told is not None:
        registry = told.judged(registry, read_ceremony(public_dir)).now
        known = {envelope for _, _, envelope in told.entries()}
        last = max((item.leaf_index for item in told.statements), default=0)
    for place, path in enumerate(change_files(public_dir)):
        if (raw := path.read_bytes()) not in known:
            registry.apply(_change_in(raw), last + place + 1)
    return registry


def pinned_members(public_dir: Path) -> MemberRegistry:
    """The registry of leaf 0, with those who share the key by its ceremony. Raises SettingsError, StatementFormatError."""
    registry, ceremony = MemberRegistry(statement_in(read_public(public_dir / "registry.dsse.json"), Registry)), read_ceremony(public_dir)
    if ceremony is not None:
        registry.appoint(ceremony.custodians, ceremony.threshold)
    return registry


def statement_in(raw: bytes, kind: type[S]) -> S:
    """The statement of this kind in an envelope, its signature not checked. Raises StatementFormatError when it is another."""
    envelope = parse_envelope(raw)
    statement = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(statement, kind):
        raise StatementFormatError(f"expected a {kind.kind} statement, found {statement.kind}")
    return statement


def _change_in(raw: bytes) -> MemberChange:
    return statement_in(raw, MemberChange)
