"""Consents: built for an enterprise, signed with its own key, logged through the gateway; and taken back the same way [P5.0]."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.store import NOT_LOGGED, Enterprise, KeptConsent, Store
from nodes.errors import NotFoundError, NotReadyError
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.relay import SealedBinding, seal_binding
from nodes.runtime.web.gateway_client import GatewayClient, GatewayRefusal
from scoring.disclosure.consent_text import consent_text
from scoring.errors import ConsentScopeError, NotDisclosedError, WrongModelError
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model
from scoring.statements import Consent, Member, Revocation, Title

DAY_S = 86_400


class ConsentDesk:
    """Signs and withdraws consents. ``packs`` are the zone's models by sha256; ``days`` is how long a consent lasts. ``announce`` is called
    once a revocation is signed and kept, before the gateway is asked to have it logged: it tells custodians straight."""

    def __init__(
        self, identity: Identity, registry: MemberRegistry, packs: Mapping[str, Model], keyring: Keyring, store: Store, enrolments: Enrolments,
        gateway: GatewayClient, now: Clock, days: int, announce: Callable[[], None],
    ) -> None:  # fmt: skip
        self._identity, self._registry, self._packs, self._keyring = identity, registry, packs, keyring
        self._store, self._enrolments, self._gateway, self._now, self._days = store, enrolments, gateway, now, days
        self._announce = announce

    def give(self, uscc: str, audience: str, purpose: str, products: Sequence[str]) -> KeptConsent:
        """A consent of the enrolled enterprise for ``audience`` to learn what ``products`` need; in the log when this returns.

        Raises SubjectUnknownError when it is not enrolled, ConsentScopeError when the audience is no bank or no product is named,
        NotDisclosedError for a product that the model lacks, GatewayRefusal, PeerUnavailableError: ``resume`` then sends it.
        """
        enterprise = self._enrolments.enrolled(uscc)
        member = self._bank(audience, products)
        functionals, open_indicators = self._needed(self.model(), products)
        consent_id = secrets.token_hex(16)
        binding = SealedBinding(uscc=uscc, binding=enterprise.binding)
        return self._log(
            enterprise,
            self._consent(enterprise, consent_id, audience, purpose, products, functionals, open_indicators).model_copy(
                update={"sealed_binding": seal_binding(binding, bytes.fromhex(member.hpke), audience, consent_id)}
            ),
        )

    def text(self, audience: str, products: Sequence[str]) -> Title:
        """What the enterprise is to be told before it gives such a consent now [P7.2]. Raises as ``give``; signs nothing."""
        member, model = self._bank(audience, products), self.model()
        functionals, _ = self._needed(model, products)
        return consent_text(model, member.title, products, functionals, self._now() + self._days * DAY_S)

    def give_portrait(self, uscc: str, of: str = "") -> KeptConsent:
        """The enterprise's standing consent to its own portrait under the model ``of`` (an id), by default the one that banks lend on; given now
        where there is none for this model. Raises as ``give``, and WrongModelError."""
        enterprise = self._enrolments.enrolled(uscc)
        model = self.model(of)
        for kept in self._store.consents(uscc):
            usable = kept.purpose == "portrait" and kept.leaf_index != NOT_LOGGED and kept.revoked_leaf_index == NOT_LOGGED
            if usable and kept.products == (model.sha256,) and kept.not_after > self._now() + DAY_S:
                return kept
        functionals = model.disclosures("enterprise")
        consent = self._consent(enterprise, secrets.token_hex(16), enterprise.key_id, "portrait", (of,) if of else (), functionals, ())
        return self._log(enterprise, consent, note=(model.sha256,))

    def revoke(self, consent_id: str) -> KeptConsent:
        """Withdraw a consent; in the log when this returns. A consent withdrawn before stays so. Raises NotFoundError and as ``give``."""
        kept = self._store.consent(consent_id)
        if not kept.revocation:
            enterprise = self._enrolments.enrolled(kept.uscc)
            keys = self._keyring.get(enterprise.key_id)
            statement = Revocation(
                zone=self._identity.zone, nonce=fresh_nonce(), consent=kept.id, subject=enterprise.subject, service=self._identity.member
            )
            kept = replace(kept, revocation=sign_statement(statement, keys.signer))
            self._store.put_consent(kept)
        if kept.revoked_leaf_index == NOT_LOGGED:
            self._announce()
        return self._send_revocation(kept)

    def revocation(self, consent_id: str) -> bytes:
        """The signed revocation of a consent, to be handed to custodians on a medium. Raises NotFoundError when it was not withdrawn here."""
        kept = self._store.consent(consent_id)
        if not kept.revocation:
            raise NotFoundError("this consent was not withdrawn")
        return kept.revocation

    def resume(self) -> None:
        """Send again what was signed and neither logged nor refused. Raises GatewayRefusal, PeerUnavailableError."""
        for kept in self._store.consents():
            sent = self._send(kept)
            if sent.revocation:
                self._send_revocation(sent)

    def model(self, of: str = "") -> Model:
        """The model that releases are answered with: the newest released epoch's, else the newest epoch's, else the zone's only one; models
        that are for the authority alone are left out, and where any has products those that have none: libraries and policies.

        ``of``: only the model of this id. Raises NotReadyError while that cannot be told.
        """
        unasked = {sha for sha, model in self._packs.items() if not model.answers_releases or (of and model.id != of)}
        if not of and any(model.products for model in self._packs.values()):
            unasked |= {sha for sha, model in self._packs.items() if not model.products}
        epochs = [epoch for epoch in self._gateway.get("/v1/epochs")["epochs"] if epoch["model"]["sha256"] not in unasked]
        released = [epoch for epoch in epochs if epoch["state"] == "RELEASED"]
        for epoch in (released or epochs)[-1:]:
            model = self._packs.get(epoch["model"]["sha256"])
            if model is None:
                raise WrongModelError("the pack of the current epoch's model is not in the public directory")
            return model
        asked = [model for sha, model in self._packs.items() if sha not in unasked]
        if len(asked) == 1:
            return asked[0]
        raise NotReadyError("the zone has several models and no epoch yet: what a consent must name is not known")

    def _bank(self, audience: str, products: Sequence[str]) -> Member:
        member = self._registry.member(audience)
        if "bank" not in member.roles or not products:
            raise ConsentScopeError("a consent names a bank of the zone and at least one product")
        return member

    def _needed(self, model: Model, products: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(functionals, open indicators) that the products need."""
        names: dict[str, None] = {}
        singles: dict[str, None] = {}
        for name in products:
            product = model.products.get(name)
            if product is None:
                raise NotDisclosedError(f"{model.id}@{model.version} has no product {name!r}: it has {', '.join(model.products)}")
            names |= dict.fromkeys(product.openings)
            singles |= dict.fromkeys(product.singles)
        return tuple(names), tuple(singles)

    def _consent(
        self, enterprise: Enterprise, consent_id: str, audience: str, purpose: str, products: Sequence[str], functionals: Sequence[str],
        open_indicators: Sequence[str],
    ) -> Consent:  # fmt: skip
        begin = self._now() - self._registry.genesis.clock_tolerance_s
        return Consent.model_validate(
            {
                "zone": self._identity.zone, "nonce": fresh_nonce(), "id": consent_id, "subject": enterprise.subject, "audience": audience,
                "purpose": purpose, "products": tuple(products), "functionals": tuple(functionals), "open_indicators": tuple(open_indicators),
                "not_before": begin, "not_after": begin + self._days * DAY_S, "service": self._identity.member, "signed_by": "enterprise",
            }
        )  # fmt: skip

    def _log(self, enterprise: Enterprise, consent: Consent, note: tuple[str, ...] | None = None) -> KeptConsent:
        """Sign, keep, send. ``note`` stands in place of products in our own table: a portrait's model."""
        envelope = sign_statement(consent, self._keyring.get(enterprise.key_id).signer)
        products = consent.products if note is None else note
        kept = KeptConsent(consent.id, enterprise.uscc, consent.audience, consent.purpose, products, consent.not_after, envelope)
        self._store.put_consent(kept)
        return self._send(kept)

    def _send(self, kept: KeptConsent) -> KeptConsent:
        if kept.leaf_index != NOT_LOGGED or kept.refused:
            return kept
        try:
            answer = self._gateway.submit("POST", "/v1/consents", kept.envelope)
        except GatewayRefusal as refusal:
            if not refusal.passing:
                self._store.put_consent(replace(kept, refused=refusal.reason))
            raise
        logged = replace(kept, leaf_index=int(answer["leaf_index"]))
        self._store.put_consent(logged)
        return logged

    def _send_revocation(self, kept: KeptConsent) -> KeptConsent:
        if kept.revoked_leaf_index != NOT_LOGGED or kept.leaf_index == NOT_LOGGED:
            return kept  # what was never logged needs no withdrawal
        answer = self._gateway.submit("DELETE", f"/v1/consents/{kept.id}", kept.revocation)
        revoked = replace(kept, revoked_leaf_index=int(answer["leaf_index"]))
        self._store.put_consent(revoked)
        return revoked
