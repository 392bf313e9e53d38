"""Who agreed to a release and who asked for it: the enterprise's consent, and its audience's signed request."""

from __future__ import annotations

import json

from nodes.evidence.receipts.case import Case
from nodes.evidence.receipts.reasons import reason, require
from nodes.runtime.web.request_document import SCORES, SCORES_BATCH, RequestDocument
from nodes.runtime.web.signed_requests import verify_request
from scoring.exchange.consent import ConsentState, check_consent
from scoring.release.asking import ScoreAsked, asked
from scoring.statements import Consent, Enrolment


def check_authorisation(case: Case) -> None:
    """The enterprise consented to what the ticket opens, and the audience asked for it. Raises ReceiptError."""
    receipt, ticket, leaf, model = case.receipt, case.ticket, case.leaf, case.model
    enrolment, _, _ = case.proven.signed(receipt.enrolment, Enrolment, "registrar")
    consent, signer, digest = case.proven.signed(receipt.consent, Consent, "enterprise-service", key=enrolment.key)
    require(digest == ticket.consent, "CONSENT_MISMATCH", "the consent is not the one that the ticket names")
    own = signer == ""
    agree = (consent.subject, enrolment.subject) == (ticket.subject, ticket.subject) and own == (consent.signed_by == "enterprise")
    require(agree and (own or signer == consent.service == enrolment.service), "CONSENT_MISMATCH", "they are not of this enterprise")
    names = tuple(dict.fromkeys(name for opening in ticket.openings for name in opening.functionals))
    require(receipt.product in consent.products, "CONSENT_SCOPE", f"the consent does not name the product {receipt.product!r}")
    with reason("CONSENT_SCOPE", "consent"):
        state = ConsentState(consent, 0, digest)
        check_consent(state, audience=ticket.audience, purpose=ticket.purpose, functionals=names, product=receipt.product, time=leaf.time)
    _check_request(case, consent)
    product = model.products.get(receipt.product)
    openings = tuple(opening.functionals for opening in ticket.openings)
    wanted = None if product is None else tuple((name,) for name in product.openings)
    require(openings == wanted, "PRODUCT_MISMATCH", f"the ticket does not open what product {receipt.product!r} needs")


def _check_request(case: Case, consent: Consent) -> None:
    receipt, ticket, leaf, genesis = case.receipt, case.ticket, case.leaf, case.proven.roots.registry.genesis
    with reason("REQUEST_INVALID", "request"):
        document = RequestDocument.from_json(json.loads(receipt.request.model_dump_json()))
        require(document.digest == ticket.request, "REQUEST_MISMATCH", "the request is not the one that the ticket names")
        endpoint = SCORES_BATCH if document.target_uri.endswith(SCORES_BATCH.path) else SCORES
        keys = {key.key_id: key for key in case.proven.members.at(int(receipt.ticket_leaf_index)).member(ticket.audience).keys}
        request = verify_request(document, endpoint, keys, now=leaf.time, tolerance_s=genesis.clock_tolerance_s, max_life_s=genesis.request_max_age_s)
        wanted = asked(endpoint.path, request.body, ticket.subject)
    require(isinstance(wanted, ScoreAsked), "REQUEST_MISMATCH", "the request does not ask for a score")
    assert isinstance(wanted, ScoreAsked)
    agree = (wanted.subject, wanted.product, wanted.purpose, wanted.consent_id) == (ticket.subject, receipt.product, ticket.purpose, consent.id)
    require(agree and request.nonce == ticket.request_nonce, "REQUEST_MISMATCH", "the request asks for something else than the ticket opens")
