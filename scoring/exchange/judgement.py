"""The rule of each kind of statement: who may make it and when. Each raises the error of the first rule that is broken.

Rules read the view and change nothing; ``scoring.exchange.effects`` changes it. ``scoring.exchange.view`` calls both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crypto.paillier import PublicKey
from crypto.sealing import check_public_key
from scoring.custody.rules import RULES as CUSTODY_RULES
from scoring.disclosure.countersigning import check_acceptances
from scoring.draws import rules as draws
from scoring.errors import (
    ConsentConflictError,
    ConsentScopeError,
    EpochDefinitionError,
    EpochIntervalError,
    KeyNotReadyError,
    RevisionError,
    StatementFormatError,
    SubjectUnknownError,
    WrongKeyError,
    WrongModelError,
    WrongSignerError,
)
from scoring.exchange.consent import check_consent
from scoring.exchange.contributions import check_header
from scoring.exchange.epoch import Phase
from scoring.exchange.registry import is_enterprise_key
from scoring.exchange.tickets import check_ticket
from scoring.statements import (
    AuditCommit,
    AuditNote,
    AuditResult,
    AuditReveal,
    Ceremony,
    Column,
    Consent,
    Enrolment,
    EpochClose,
    EpochOpen,
    EpochRelease,
    Failure,
    MemberChange,
    ModelAdmitted,
    Refusal,
    Registry,
    Revocation,
    RosterCompiled,
    Row,
    ShareAccepted,
    StagesPublished,
    Statement,
    Ticket,
)

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView


def _require_role(view: ZoneView, signer: Signer, role: str) -> None:
    if signer.subject or role not in view.registry.member(signer.member).roles:
        raise WrongSignerError(f"only a member with role {role} may sign this, not {signer.member}")


def _require_member(signer: Signer, member: str) -> None:
    if signer.subject or signer.member != member:
        raise WrongSignerError(f"the statement names {member}, it is signed by {signer.subject or signer.member}")


def _judge_member(view: ZoneView, statement: MemberChange, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "authority")
    view.registry.check(statement)


def _judge_registry(view: ZoneView, statement: Registry, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "authority")
    if view.size > 1 or statement != view.registry.genesis:
        raise WrongSignerError("the registry is stated once, as leaf 0; later changes are member statements")


def _judge_ceremony(view: ZoneView, statement: Ceremony, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "authority")
    if view.ceremony is not None:
        raise WrongKeyError("the zone has its key already")
    if not len(statement.custodians) < 2 * statement.threshold <= 2 * len(statement.custodians):
        raise WrongKeyError(f"{statement.threshold} of {len(statement.custodians)} custodians is not more than half of them [P1.3]")
    for custodian in statement.custodians:
        if "custodian" not in view.registry.member(custodian).roles:
            raise WrongSignerError(f"{custodian} is not a custodian")
    key = PublicKey.from_modulus(int(statement.n, 16), min_bits=view.min_key_bits)
    if (key.bits, key.h) != (statement.bits, int(statement.h, 16)):
        raise WrongKeyError("h or bits are not those of n [P1.2]")


def _judge_share(view: ZoneView, statement: ShareAccepted, signer: Signer, _time: int) -> None:
    _require_member(signer, statement.custodian)
    ceremony = _ceremony(view)
    custodians = ceremony.statement.custodians
    place = statement.index - 1
    if statement.ceremony != ceremony.digest or not 0 <= place < len(custodians) or custodians[place] != statement.custodian:
        raise WrongKeyError("the acceptance names another ceremony or another share")


def _judge_model(view: ZoneView, statement: ModelAdmitted, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "authority")
    model = view.models.get(statement.sha256)
    if model is not None and (model.id, model.version) != (statement.id, statement.version):
        raise WrongModelError(f"the pack with this hash is {model.id}@{model.version}")
    check_acceptances(view.registry, model, statement)


def _judge_roster(view: ZoneView, statement: RosterCompiled, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "registrar")
    if statement.epoch in view.epochs:
        raise EpochDefinitionError(f"epoch {statement.epoch} is open: its roster is frozen [P3.3]")


def _judge_stages(view: ZoneView, statement: StagesPublished, signer: Signer, _time: int) -> None:
    owner = view.model(statement.model).stage_owner
    _require_member(signer, view.registry.owner(owner.department, owner.level).id)
    roster = view.rosters.get(statement.epoch)
    if roster is None or (roster.statement.sha256, roster.statement.count) != (statement.roster, statement.count):
        raise EpochDefinitionError("the stages are not over the epoch's compiled roster")
    if statement.epoch in view.epochs:
        raise EpochDefinitionError(f"epoch {statement.epoch} is open: its stages are frozen [P3.3]")


def _judge_open(view: ZoneView, statement: EpochOpen, signer: Signer, time: int) -> None:
    _require_role(view, signer, "authority")
    if statement.epoch in view.epochs:
        raise EpochDefinitionError(f"epoch {statement.epoch} was opened before")
    _check_interval(view, statement, time)
    model = view.model(statement.model)
    if view.public_key is None or statement.key != view.public_key.key_hash.hex():
        raise WrongKeyError("the epoch names another key than the zone's")
    missing = set(_ceremony(view).statement.custodians) - view.shares
    if missing:
        raise KeyNotReadyError(f"the key is not usable before every custodian accepted its share [P1.5]: missing {', '.join(sorted(missing))}")
    stages = view.stages.get(statement.stages_leaf)
    if stages is None or (stages.statement.epoch, stages.statement.sha256, stages.statement.model, stages.statement.period) != (
        statement.epoch, statement.roster, statement.model, statement.period,
    ):  # fmt: skip
        raise EpochDefinitionError("stages_leaf is not the stage column of this epoch, model and period")
    if (statement.slot_bits, statement.slots) != (model.slot_bits, model.slots_per_ciphertext(view.public_key.bits)):
        raise EpochDefinitionError("slot layout is not the model's [P2.2]")
    owners = {name: (view.registry.owner(i.owner.department, i.owner.level).id,) for name, i in model.indicators.items()}
    if dict(statement.contributors) != owners:
        raise EpochDefinitionError("contributors are not the owners that the model names")


def _check_interval(view: ZoneView, statement: EpochOpen, time: int) -> None:
    """Two epochs of one data period would show corrections as differences of totals: the policy says how often at most [P7.2]."""
    earlier = [view.at(state.open_index).time for state in view.epochs.values() if state.opened.period == statement.period]
    wait = view.registry.genesis.disclosure.epoch_interval_s - (time - max(earlier, default=-1 << 62))
    if wait > 0:
        raise EpochIntervalError(f"the next epoch of data period {statement.period} may be opened in {wait} s")


def _judge_close(view: ZoneView, statement: EpochClose, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "authority")
    view.epoch(statement.epoch).require(Phase.OPEN)


def _judge_release(view: ZoneView, statement: EpochRelease, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "authority")
    state = view.epoch(statement.epoch)
    state.require(Phase.CLOSED)
    for digest in statement.tickets:
        if digest not in view.tickets or view.tickets[digest].statement.epoch != statement.epoch:
            raise EpochDefinitionError("the release names a ticket that is not this epoch's")


def _judge_contribution(view: ZoneView, statement: Column | Row, signer: Signer, time: int) -> None:
    header = statement.header
    _require_member(signer, header.sender)
    if (header.kind, header.zone) != (statement.kind, statement.zone) or header.proof != statement.proof.type:
        raise StatementFormatError("header and statement disagree about kind, zone or proof")
    epoch = view.epoch(header.epoch)
    model = view.model(epoch.opened.model)
    if header.kind == "column":
        epoch.require(Phase.OPEN)
        if not header.entries:
            raise StatementFormatError("a column has an entry")
        functionals: tuple[str, ...] = model.disclosures("authority")
        earlier = view.columns.get((header.epoch, header.sender, header.entries[0].indicator, header.entries[0].functional), [])
    else:
        functionals = _judge_row_consent(view, statement, time)
        earlier = view.rows.get((header.epoch, header.sender, header.subject, header.audience), [])
    check_header(header, view.registry.member(header.sender), model, epoch, functionals)
    if earlier and header.revision <= earlier[-1].statement.header.revision:
        raise RevisionError(f"revision {header.revision} is not later than {earlier[-1].statement.header.revision}")


def _judge_row_consent(view: ZoneView, statement: Column | Row, time: int) -> tuple[str, ...]:
    header = statement.header
    state = view.consent_by_digest(header.consent)
    consent = state.consent
    if (consent.subject, consent.audience) != (header.subject, header.audience):
        raise ConsentScopeError("the row's consent is of another subject or audience")
    check_consent(state, audience=consent.audience, purpose=consent.purpose, functionals=consent.functionals, product="", time=time)
    if (header.audience, header.subject, header.epoch) in view.first_tickets:
        raise RevisionError("the first ticket froze this row; a correction waits for the next epoch [P7.2]")
    return consent.functionals


def _judge_enrolment(view: ZoneView, statement: Enrolment, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "registrar")
    if "enterprise-service" not in view.registry.member(statement.service).roles:
        raise WrongSignerError(f"{statement.service} is not an enterprise service")
    if statement.key.key_id in view.enrolments:
        raise WrongSignerError(f"key id {statement.key.key_id!r} is enrolled already")
    if not is_enterprise_key(statement.key.key_id):
        raise WrongSignerError("an enterprise's key id is e- and 16 hex digits")
    known = view.enrolled.get(statement.subject)
    if known is not None and view.enrolments[known].statement.service != statement.service:
        raise WrongSignerError("the enterprise is enrolled with another service")
    check_public_key(bytes.fromhex(statement.hpke))


def _judge_consent(view: ZoneView, statement: Consent, signer: Signer, _time: int) -> None:
    if statement.id in view.consents:
        raise ConsentConflictError("a consent with this id is in the log already")
    _check_subject_signer(view, statement.subject, statement.service, signer)
    if (statement.signed_by == "enterprise") != bool(signer.subject):
        raise WrongSignerError("signed_by does not say who signed")
    view.sealing_key(statement.audience)
    if len(set(statement.functionals)) != len(statement.functionals):
        raise ConsentScopeError("the consent names a functional twice")
    own_key = statement.audience in view.enrolments
    if own_key != (statement.purpose == "portrait"):
        raise ConsentScopeError("a portrait's audience is the enterprise's own key, any other purpose's is a member")
    if own_key and signer.key.key_id != statement.audience:
        raise ConsentScopeError("a portrait is for the enterprise itself, under its own signature [P5.0]")
    if not own_key and "bank" not in view.registry.member(statement.audience).roles:
        raise ConsentScopeError(f"{statement.audience} is not a financial institution of the zone")


def _judge_revocation(view: ZoneView, statement: Revocation, signer: Signer, _time: int) -> None:
    view.consent(statement.consent, statement.subject)
    _check_subject_signer(view, statement.subject, statement.service, signer)


def _check_subject_signer(view: ZoneView, subject: str, service: str, signer: Signer) -> None:
    if signer.subject:
        if signer.subject != subject or signer.member != service:
            raise WrongSignerError("signed by another enterprise's key")
        return
    _require_role(view, signer, "enterprise-service")
    _require_member(signer, service)
    key_id = view.enrolled.get(subject)
    if key_id is None or view.enrolments[key_id].statement.service != service:
        raise SubjectUnknownError("the subject is not enrolled with this service")


def _judge_ticket(view: ZoneView, statement: Ticket, signer: Signer, time: int) -> None:
    _require_role(view, signer, "coordinator")
    check_ticket(view, statement, time)


def _judge_refusal(_view: ZoneView, statement: Refusal, signer: Signer, _time: int) -> None:
    _require_member(signer, statement.member)


def _judge_audit(view: ZoneView, _statement: AuditNote, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "auditor")


def _judge_commit(view: ZoneView, statement: AuditCommit, signer: Signer, time: int) -> None:
    _require_role(view, signer, "auditor")
    draws.check_commit(view, statement, signer.member, time)


def _judge_reveal(view: ZoneView, statement: AuditReveal, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "auditor")
    draws.check_reveal(view, statement, signer.member)


def _judge_result(view: ZoneView, statement: AuditResult, signer: Signer, _time: int) -> None:
    _require_role(view, signer, "auditor")
    draws.check_result(view, statement, signer.member)


def _judge_failure(view: ZoneView, statement: Failure, signer: Signer, _time: int) -> None:
    draws.check_failure(view, statement, signer.key.key_id if signer.subject else signer.member)


def _ceremony(view: ZoneView) -> Logged:
    if view.ceremony is None:
        raise WrongKeyError("no key ceremony is in the log")
    return view.ceremony


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {
    Registry: _judge_registry,
    MemberChange: _judge_member,
    Ceremony: _judge_ceremony,
    ShareAccepted: _judge_share,
    ModelAdmitted: _judge_model,
    RosterCompiled: _judge_roster,
    StagesPublished: _judge_stages,
    EpochOpen: _judge_open,
    EpochClose: _judge_close,
    EpochRelease: _judge_release,
    Column: _judge_contribution,
    Row: _judge_contribution,
    Enrolment: _judge_enrolment,
    Consent: _judge_consent,
    Revocation: _judge_revocation,
    Ticket: _judge_ticket,
    Refusal: _judge_refusal,
    AuditNote: _judge_audit,
    AuditCommit: _judge_commit,
    AuditReveal: _judge_reveal,
    AuditResult: _judge_result,
    Failure: _judge_failure,
    **CUSTODY_RULES,
}
