"""The signed catalog: every product of every institution, as the gateway hands it over and as its institution signed it [E1, Q8]."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crypto.encoding import sha256
from crypto.errors import CryptoError
from nodes.errors import NotFoundError
from nodes.lending.terms import signed_terms
from nodes.runtime import logging
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.errors import ScoringError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model
from scoring.lending.terms import amount_of
from scoring.rules.credit import Reason, line_fen
from scoring.statements import ProductTerms, Title

PRODUCT_REFUSED = "catalog.product_refused"
_log = logging.logger("enterprise.market")


@dataclass(frozen=True, slots=True)
class Offered:
    """One product: its terms, their exact envelope, and what people call the institution."""

    terms: ProductTerms
    envelope: bytes
    institution: Title

    @property
    def digest(self) -> str:
        """By which an application names the terms."""
        return sha256(self.envelope).hex()


@dataclass(frozen=True, slots=True)
class Approval:
    """What a product would give for a portrait. ``line_fen`` is 0 where ``reason`` is not OFFERED; STAGE: the product is for other stages."""

    line_fen: int
    reason: Reason | str


class Catalog:
    """Reads the catalog anew with each call. Every method raises GatewayRefusal, PeerUnavailableError."""

    def __init__(self, registry: MemberRegistry, gateway: GatewayClient) -> None:
        self._registry, self._gateway = registry, gateway

    def products(self, now: int) -> list[Offered]:
        """Products that are offered at ``now``, whose institution signed them; others are left out, and that is logged."""
        found = [offered for entry in self._gateway.get("/v1/catalog")["catalog"] if (offered := self._read(entry)) is not None]
        return [offered for offered in found if offered.terms.not_before <= now <= offered.terms.not_after]

    def product(self, institution: str, product: str, now: int) -> Offered:
        """One product. Raises NotFoundError."""
        for offered in self.products(now):
            if (offered.terms.institution, offered.terms.product) == (institution, product):
                return offered
        raise NotFoundError("this product is not offered")

    def _read(self, entry: Mapping[str, Any]) -> Offered | None:
        try:
            raw = base64.b64decode(entry["envelope"], validate=True)
            terms = signed_terms(raw, self._registry)
            institution = self._registry.member(terms.institution)
            if "bank" not in institution.roles:
                raise WrongSignerError("terms are an institution's")
        except (CryptoError, ScoringError, KeyError, ValueError, TypeError) as error:
            _log.warning(PRODUCT_REFUSED, error=type(error).__name__)
            return None
        return Offered(terms, raw, institution.title)


def approval(offered: Offered, model: Model, stage: str, total: int, gated: bool, singles: Mapping[str, int]) -> Approval | None:
    """What the product gives for an opened portrait, by the model's rule and between floor and cap [E2]; None where the model has not its formula.

    It is what the institution's own query would give for the same inputs; a record that changes, or an enterprise on a public list, changes it.
    """
    terms = offered.terms
    product = model.products.get(terms.formula)
    if product is None:
        return None
    if terms.stages and stage not in terms.stages:
        return Approval(0, "STAGE")
    result = line_fen(product, stage, total, gated, singles)
    return Approval(amount_of(terms, result.line_fen), result.reason)
