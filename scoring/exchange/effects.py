"""What each kind of statement changes in the view, once it holds. Every effect is a pure function of the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from crypto.paillier import PublicKey
from scoring.custody.generations import first_generation
from scoring.custody.rules import EFFECTS as CUSTODY_EFFECTS
from scoring.disclosure.countersigning import check_acceptances
from scoring.draws import failures
from scoring.draws import rules as draws
from scoring.exchange.claims import EFFECTS as CLAIM_EFFECTS
from scoring.exchange.consent import ConsentState, lapse
from scoring.exchange.epoch import EpochState
from scoring.exchange.loans import EFFECTS as LOAN_EFFECTS
from scoring.exchange.publications import EFFECTS as PUBLICATION_EFFECTS
from scoring.exchange.recognitions import EFFECTS as RECOGNITION_EFFECTS
from scoring.exchange.tickets import release_of
from scoring.exchange.validity import EFFECTS as VALIDITY_EFFECTS
from scoring.exchange.validity import first_validity
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
    from scoring.exchange.view import Logged, ZoneView


def _commit_registry(view: ZoneView, logged: Logged) -> None:
    view.validity = first_validity(logged.statement, logged.time)


def _nothing(_view: ZoneView, _logged: Logged) -> None:
    return None


def _commit_member(view: ZoneView, logged: Logged) -> None:
    view.registry.apply(logged.statement, logged.index)
    view.member_changes.append(logged)
    change: MemberChange = logged.statement
    if change.action == "leave" or "bank" not in change.member.roles:
        lapse(view, change.member.id, logged.index)


def _commit_ceremony(view: ZoneView, logged: Logged) -> None:
    view.ceremony = logged
    view.registry.appoint(logged.statement.custodians, logged.statement.threshold)
    view.public_key = PublicKey.from_modulus(int(logged.statement.n, 16), min_bits=view.min_key_bits)
    view.generations.append(first_generation(logged.statement, view.public_key, logged.index))


def _commit_share(view: ZoneView, logged: Logged) -> None:
    view.shares.add(logged.statement.custodian)


def _commit_model(view: ZoneView, logged: Logged) -> None:
    admission: ModelAdmitted = logged.statement
    view.admitted[admission.sha256] = logged
    view.accepted[admission.sha256] = frozenset(check_acceptances(view.registry, view.models.get(admission.sha256), admission))


def _commit_roster(view: ZoneView, logged: Logged) -> None:
    view.rosters[logged.statement.epoch] = logged


def _commit_stages(view: ZoneView, logged: Logged) -> None:
    view.stages[logged.index] = logged


def _commit_open(view: ZoneView, logged: Logged) -> None:
    view.epochs[logged.statement.epoch] = EpochState(logged.statement, logged.index)


def _commit_close(view: ZoneView, logged: Logged) -> None:
    view.epochs[logged.statement.epoch] = view.epoch(logged.statement.epoch).close(logged.index, logged.digest)


def _commit_release(view: ZoneView, logged: Logged) -> None:
    view.epochs[logged.statement.epoch] = view.epoch(logged.statement.epoch).released(logged.index, logged.statement)


def _commit_column(view: ZoneView, logged: Logged) -> None:
    header = logged.statement.header
    entry = header.entries[0]
    view.columns.setdefault((header.epoch, header.sender, entry.indicator, entry.functional), []).append(logged)
    view.contributions[logged.index] = logged


def _commit_row(view: ZoneView, logged: Logged) -> None:
    header = logged.statement.header
    view.rows.setdefault((header.epoch, header.sender, header.subject, header.audience), []).append(logged)
    view.contributions[logged.index] = logged


def _commit_enrolment(view: ZoneView, logged: Logged) -> None:
    view.enrolments[logged.statement.key.key_id] = logged
    view.enrolled[logged.statement.subject] = logged.statement.key.key_id


def _commit_consent(view: ZoneView, logged: Logged) -> None:
    view.consents[logged.statement.id] = ConsentState(logged.statement, logged.index, logged.digest)
    view.consent_ids[logged.digest] = logged.statement.id


def _commit_revocation(view: ZoneView, logged: Logged) -> None:
    state = view.consents[logged.statement.consent]
    if state.revoked_index is None:
        view.consents[logged.statement.consent] = replace(state, revoked_index=logged.index)


def _commit_ticket(view: ZoneView, logged: Logged) -> None:
    ticket: Ticket = logged.statement
    view.tickets[logged.digest] = logged
    if ticket.purpose == "epoch":
        for opening in ticket.openings:
            view.bulk[ticket.epoch, opening.functionals[0], opening.batch] = logged
        return
    view.requests[ticket.request, ticket.subject] = logged.digest
    view.nonces[ticket.audience, ticket.request_nonce] = ticket.request
    view.first_tickets.setdefault((ticket.audience, ticket.subject, ticket.epoch), logged)
    release = release_of(view, ticket)
    if release is not None:
        view.ledger.enter(release, logged.index)


def _commit_refusal(view: ZoneView, logged: Logged) -> None:
    view.refusals.append(logged)


EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {
    Registry: _commit_registry,
    MemberChange: _commit_member,
    Ceremony: _commit_ceremony,
    ShareAccepted: _commit_share,
    ModelAdmitted: _commit_model,
    RosterCompiled: _commit_roster,
    StagesPublished: _commit_stages,
    EpochOpen: _commit_open,
    EpochClose: _commit_close,
    EpochRelease: _commit_release,
    Column: _commit_column,
    Row: _commit_row,
    Enrolment: _commit_enrolment,
    Consent: _commit_consent,
    Revocation: _commit_revocation,
    Ticket: _commit_ticket,
    Refusal: _commit_refusal,
    AuditNote: _nothing,
    AuditCommit: draws.commit_draw,
    AuditReveal: draws.commit_reveal,
    AuditResult: draws.commit_result,
    Failure: failures.commit_failure,
    **CLAIM_EFFECTS,
    **PUBLICATION_EFFECTS,
    **RECOGNITION_EFFECTS,
    **CUSTODY_EFFECTS,
    **LOAN_EFFECTS,
    **VALIDITY_EFFECTS,
}
