"""What was released of an enterprise, to whom and when: the tickets about it, asked of the gateway with its own key and checked one by one [Q5]."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from crypto.encoding import canonical_json, sha256
from crypto.errors import CryptoError
from crypto.statements import check_signature, parse_envelope
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.store import Enterprise
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.request_document import DISCLOSURES
from protos.errors import WireFormatError
from scoring.errors import ScoringError, TicketInputsError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.statements import Ticket, parse_leaf, parse_statement


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One release: the ticket's leaf and its time, who may open it, for what, and which functionals of the model. ``consent``: its digest."""

    ticket: str
    leaf_index: int
    time: int
    audience: str
    purpose: str
    epoch: str
    stage: str
    model: str
    functionals: tuple[str, ...]
    consent: str


class DisclosureDesk:
    """Asks for the enterprises that this service serves."""

    def __init__(self, registry: MemberRegistry, keyring: Keyring, gateway: GatewayClient) -> None:
        self._registry, self._keyring, self._gateway = registry, keyring, gateway

    def of(self, enterprise: Enterprise) -> list[Disclosure]:
        """Every release of the enterprise's points, the newest first; its own portraits are among them.

        Raises GatewayRefusal, PeerUnavailableError, and when what came does not hold WrongSignerError, TicketInputsError, WireFormatError.
        """
        signer = self._keyring.get(enterprise.key_id).signer
        answer = self._gateway.ask(DISCLOSURES, canonical_json({"subject": enterprise.subject}), signer).body
        if answer is None or not isinstance(answer.get("tickets"), list):
            raise WireFormatError("the gateway's answer lists no tickets")
        found = [self._read(enterprise.subject, item) for item in answer["tickets"]]
        return sorted(found, key=lambda item: -item.leaf_index)

    def _read(self, subject: str, item: object) -> Disclosure:
        """A ticket of the coordinator's about ``subject``, under the leaf that names it."""
        try:
            assert isinstance(item, dict)
            raw, leaf_bytes, index = (
                base64.b64decode(item["envelope"], validate=True),
                base64.b64decode(item["leaf"], validate=True),
                int(item["leaf_index"]),
            )
            envelope, leaf = parse_envelope(raw), parse_leaf(leaf_bytes)
            ticket = parse_statement(envelope.payload_type, envelope.payload)
            signer = self._registry.key(envelope.key_ids[0])
            check_signature(envelope, verify_key(signer.key))
        except (AssertionError, KeyError, TypeError, ValueError, CryptoError, ScoringError) as error:
            raise WireFormatError(f"the gateway showed a ticket that does not hold: {type(error).__name__}") from error
        if "coordinator" not in signer.member.roles or leaf.digest != sha256(raw).hex():
            raise WrongSignerError("a ticket is the coordinator's, and its leaf names it")
        if not isinstance(ticket, Ticket) or ticket.subject != subject:
            raise TicketInputsError("the gateway showed a ticket that is not about this enterprise")
        functionals = tuple(name for opening in ticket.openings for name in opening.functionals)
        return Disclosure(
            leaf.digest, index, leaf.time, ticket.audience, ticket.purpose, ticket.epoch, ticket.stage, ticket.model, functionals, ticket.consent
        )  # fmt: skip
