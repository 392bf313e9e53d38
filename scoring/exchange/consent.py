"""What a consent allows, and until when; who enrols an enterprise, gives a consent and takes it back [P5.0]. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from crypto.sealing import check_public_key
from scoring.errors import (
    ConsentConflictError,
    ConsentExpiredError,
    ConsentLapsedError,
    ConsentNotYetError,
    ConsentRevokedError,
    ConsentScopeError,
    SubjectUnknownError,
    WrongSignerError,
)
from scoring.exchange.registry import is_enterprise_key
from scoring.statements import Consent, Enrolment, Revocation, Statement

if TYPE_CHECKING:
    from scoring.exchange.view import Signer, ZoneView


@dataclass(frozen=True, slots=True)
class ConsentState:
    """A logged consent and, once it is withdrawn, the leaf of its revocation; ``lapsed_index``: the leaf at which its audience left."""

    consent: Consent
    index: int
    digest: str
    revoked_index: int | None = None
    lapsed_index: int | None = None

    @property
    def stands(self) -> bool:
        """Nobody took it back, and its audience has been there ever since."""
        return self.revoked_index is None and self.lapsed_index is None


def check_consent(state: ConsentState, *, audience: str, purpose: str, functionals: tuple[str, ...], product: str, time: int) -> None:
    """The consent allows ``audience`` to learn ``functionals`` for ``purpose`` at ``time`` (Unix seconds).

    ``product`` may be empty where the caller does not know it (a ticket names functionals only).

    Raises ConsentRevokedError or ConsentLapsedError first, then ConsentScopeError, then ConsentExpiredError or, before its period,
    ConsentNotYetError. A portrait needs the enterprise's own signature: a consent signed by the county's service never authorises one.
    """
    consent = state.consent
    if state.revoked_index is not None:
        raise ConsentRevokedError("the enterprise has revoked this consent")
    if state.lapsed_index is not None:
        raise ConsentLapsedError(f"{consent.audience} has left the zone since: a new consent is needed")
    if consent.audience != audience:
        raise ConsentScopeError("the consent names another audience")
    if consent.purpose != purpose:
        raise ConsentScopeError(f"the consent is for {consent.purpose}, not {purpose}")
    if product and product not in consent.products:
        raise ConsentScopeError(f"the consent does not name the product {product!r}")
    missing = [name for name in functionals if name not in consent.functionals]
    if missing:
        raise ConsentScopeError(f"the consent does not cover {', '.join(missing)}")
    if purpose == "portrait" and consent.signed_by != "enterprise":
        raise ConsentScopeError("a portrait needs a consent signed by the enterprise itself")
    if time < consent.not_before:
        raise ConsentNotYetError("the consent's period has not begun")
    if time > consent.not_after:
        raise ConsentExpiredError("the time is outside the consent's period")


def lapse(view: ZoneView, audience: str, index: int) -> None:
    """Every consent for ``audience``, which leaves at leaf ``index``, is over for good: who joins again asks anew."""
    for name, state in view.consents.items():
        if state.consent.audience == audience and state.lapsed_index is None:
            view.consents[name] = replace(state, lapsed_index=index)


def _judge_enrolment(view: ZoneView, statement: Enrolment, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "registrar")
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
    signer.require_role(view.registry, "enterprise-service")
    signer.require_member(service)
    key_id = view.enrolled.get(subject)
    if key_id is None or view.enrolments[key_id].statement.service != service:
        raise SubjectUnknownError("the subject is not enrolled with this service")


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {
    Enrolment: _judge_enrolment,
    Consent: _judge_consent,
    Revocation: _judge_revocation,
}
