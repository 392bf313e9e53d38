"""The rule of each kind of statement: who may make it and when. Each raises the error of the first rule that is broken.

Rules read the view and change nothing; ``scoring.exchange.effects`` changes it. ``scoring.exchange.view`` calls both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crypto.paillier import PublicKey
from scoring.custody.rules import RULES as CUSTODY_RULES
from scoring.custody.rules import check_shares_reachable
from scoring.disclosure.countersigning import check_acceptances
from scoring.draws.rules import RULES as DRAW_RULES
from scoring.errors import (
    ConsentScopeError,
    EpochDefinitionError,
    EpochIntervalError,
    KeyNotReadyError,
    RevisionError,
    RowFrozenError,
    StatementFormatError,
    WrongKeyError,
    WrongModelError,
    WrongSignerError,
)
from scoring.exchange.claims import RULES as CLAIM_RULES
from scoring.exchange.consent import RULES as CONSENT_RULES
from scoring.exchange.consent import check_consent
from scoring.exchange.contributions import check_header
from scoring.exchange.contributors import contributors_of
from scoring.exchange.documents.axes import check_axis_owner
from scoring.exchange.epoch import Phase
from scoring.exchange.loans import RULES as LOAN_RULES
from scoring.exchange.publications import RULES as PUBLICATION_RULES
from scoring.exchange.recognitions import RULES as RECOGNITION_RULES
from scoring.exchange.tickets import check_ticket
from scoring.exchange.validity import RULES as VALIDITY_RULES
from scoring.statements import (
    AuditNote,
    Ceremony,
    Column,
    EpochClose,
    EpochOpen,
    EpochRelease,
    MemberChange,
    ModelAdmitted,
    Refusal,
    Registry,
    RosterCompiled,
    Row,
    ShareAccepted,
    StagesPublished,
    Statement,
    Ticket,
)

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView


def _judge_member(view: ZoneView, statement: MemberChange, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    view.registry.check(statement)
    check_shares_reachable(view, statement)


def _judge_registry(view: ZoneView, statement: Registry, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    if view.size > 1 or statement != view.registry.genesis:
        raise WrongSignerError("the registry is stated once, as leaf 0; later changes are member statements")


def _judge_ceremony(view: ZoneView, statement: Ceremony, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
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
    signer.require_member(statement.custodian)
    ceremony = _ceremony(view)
    custodians = ceremony.statement.custodians
    place = statement.index - 1
    if statement.ceremony != ceremony.digest or not 0 <= place < len(custodians) or custodians[place] != statement.custodian:
        raise WrongKeyError("the acceptance names another ceremony or another share")


def _judge_model(view: ZoneView, statement: ModelAdmitted, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    model = view.models.get(statement.sha256)
    if model is not None and (model.id, model.version) != (statement.id, statement.version):
        raise WrongModelError(f"the pack with this hash is {model.id}@{model.version}")
    check_acceptances(view.registry, model, statement)


def _judge_roster(view: ZoneView, statement: RosterCompiled, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "registrar")
    if statement.epoch in view.epochs:
        raise EpochDefinitionError(f"epoch {statement.epoch} is open: its roster is frozen [P3.3]")


def _judge_stages(view: ZoneView, statement: StagesPublished, signer: Signer, _time: int) -> None:
    model = view.model(statement.model)
    signer.require_member(view.registry.owner(model.stage_owner.department, model.stage_owner.level).id)
    check_axis_owner(view.registry, model)
    roster = view.rosters.get(statement.epoch)
    if roster is None or (roster.statement.sha256, roster.statement.count) != (statement.roster, statement.count):
        raise EpochDefinitionError("the stages are not over the epoch's compiled roster")
    if statement.epoch in view.epochs:
        raise EpochDefinitionError(f"epoch {statement.epoch} is open: its stages are frozen [P3.3]")


def _judge_open(view: ZoneView, statement: EpochOpen, signer: Signer, time: int) -> None:
    signer.require_role(view.registry, "authority")
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
    if dict(statement.contributors) != contributors_of(view, model, statement.period):
        raise EpochDefinitionError("contributors are not the owners that the model names")
    if bool(statement.order) != (model.contributors is not None):
        raise EpochDefinitionError("an order is named exactly where the model sums records over banks [M7]")


def _check_interval(view: ZoneView, statement: EpochOpen, time: int) -> None:
    """Two epochs of one model and data period would show corrections as differences of totals: the policy says how often at most [P7.2].

    Versions of a model count as one. Different models are no repeated measurement, and are linted together where they could be one.
    """
    model = view.model(statement.model).id
    alike = [state for state in view.epochs.values() if state.opened.period == statement.period and view.model(state.opened.model).id == model]
    earlier = [view.at(state.open_index).time for state in alike]
    wait = view.registry.genesis.disclosure.epoch_interval_s - (time - max(earlier, default=-1 << 62))
    if wait > 0:
        raise EpochIntervalError(f"the next epoch of data period {statement.period} may be opened in {wait} s")


def _judge_close(view: ZoneView, statement: EpochClose, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    view.epoch(statement.epoch).require(Phase.OPEN)


def _judge_release(view: ZoneView, statement: EpochRelease, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    state = view.epoch(statement.epoch)
    state.require(Phase.CLOSED)
    for digest in statement.tickets:
        if digest not in view.tickets or view.tickets[digest].statement.epoch != statement.epoch:
            raise EpochDefinitionError("the release names a ticket that is not this epoch's")


def _judge_contribution(view: ZoneView, statement: Column | Row, signer: Signer, time: int) -> None:
    header = statement.header
    signer.require_member(header.sender)
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
        raise RowFrozenError("the first ticket froze this row; a correction waits for the next epoch [P7.2]")
    return consent.functionals


def _judge_ticket(view: ZoneView, statement: Ticket, signer: Signer, time: int) -> None:
    signer.require_role(view.registry, "coordinator")
    check_ticket(view, statement, time)


def _judge_refusal(_view: ZoneView, statement: Refusal, signer: Signer, _time: int) -> None:
    signer.require_member(statement.member)


def _judge_audit(view: ZoneView, _statement: AuditNote, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "auditor")


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
    Ticket: _judge_ticket,
    Refusal: _judge_refusal,
    AuditNote: _judge_audit,
    **CLAIM_RULES,
    **PUBLICATION_RULES,
    **RECOGNITION_RULES,
    **CONSENT_RULES,
    **CUSTODY_RULES,
    **DRAW_RULES,
    **LOAN_RULES,
    **VALIDITY_RULES,
}
