"""What a consent allows, and until when [P5.0]. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.errors import ConsentExpiredError, ConsentNotYetError, ConsentRevokedError, ConsentScopeError
from scoring.statements import Consent


@dataclass(frozen=True, slots=True)
class ConsentState:
    """A logged consent and, once it is withdrawn, the leaf of its revocation."""

    consent: Consent
    index: int
    digest: str
    revoked_index: int | None = None


def check_consent(state: ConsentState, *, audience: str, purpose: str, functionals: tuple[str, ...], product: str, time: int) -> None:
    """The consent allows ``audience`` to learn ``functionals`` for ``purpose`` at ``time`` (Unix seconds).

    ``product`` may be empty where the caller does not know it (a ticket names functionals only).

    Raises ConsentRevokedError first, then ConsentScopeError, then ConsentExpiredError or, before its period, ConsentNotYetError. A portrait
    needs the enterprise's own signature: a consent signed by the county's service never authorises one.
    """
    consent = state.consent
    if state.revoked_index is not None:
        raise ConsentRevokedError("the enterprise has revoked this consent")
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
