"""Portraits (一图清): all of an enterprise's own points, asked for and opened with its own keys, for it alone [P5.0, P5.6]."""

from __future__ import annotations

import threading
from typing import Any

from crypto.checkpoint import check_tlog_proof
from crypto.encoding import canonical_json
from crypto.errors import PackingError
from crypto.packing import unpack
from crypto.statements import check_signature, parse_envelope
from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.store import Store
from nodes.errors import NotReadyError
from nodes.runtime.clock import Timer
from nodes.runtime.failures import FailureReports
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.releases import Released, ReleaseOpener, exact_bytes, published_band
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.request_document import PORTRAITS
from scoring.errors import RangeError, TicketInputsError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.indicators.functional import functional
from scoring.statements import Failure, parse_leaf

FORMAT = "xinqiao/portrait/v1"
PAUSE_S = 0.25


class PortraitDesk:
    """Opens portraits of the enterprises that this service serves."""

    def __init__(
        self, registry: MemberRegistry, keyring: Keyring, store: Store, enrolments: Enrolments, consents: ConsentDesk, gateway: GatewayClient,
        opener: ReleaseOpener, reports: FailureReports, stopping: threading.Event,
    ) -> None:  # fmt: skip
        self._registry, self._keyring, self._store, self._enrolments = registry, keyring, store, enrolments
        self._consents, self._gateway, self._opener, self._reports, self._stopping = consents, gateway, opener, reports, stopping

    def make(self, uscc: str, wait_s: float, of: str = "") -> dict[str, Any]:
        """A fresh portrait, kept, under the model ``of`` (an id), by default the one that banks lend on. Consent to it is given, in the
        enterprise's name, where there is none.

        Raises SubjectUnknownError, GatewayRefusal, PeerUnavailableError, NotReadyError while rows are awaited, and the errors of
        ``ReleaseOpener`` and RangeError when what came does not hold.
        """
        enterprise = self._enrolments.enrolled(uscc)
        keys = self._keyring.get(enterprise.key_id)
        consent = self._consents.give_portrait(uscc, of)
        body = canonical_json({"subject": enterprise.subject, "consent_id": consent.id})
        timer = Timer(wait_s)
        while (answer := self._gateway.ask(PORTRAITS, body, keys.signer)).body is None:
            if timer.left_s() <= 0 or self._stopping.wait(PAUSE_S):
                raise NotReadyError("rows of this enterprise are still awaited: ask again later")
        released = self._opener.open(answer.body, keys.hpke_private)
        if (released.ticket.audience, released.ticket.subject) != (enterprise.key_id, enterprise.subject):
            raise TicketInputsError("the ticket is not for this enterprise")
        if of and released.model.id != of:
            raise TicketInputsError(f"the ticket is of {released.model.id}, not of {of}")
        self._opener.check_rows(released)
        time = self._check_logged(released)
        try:
            portrait = {**portrait_of(released), "uscc": uscc, "time": time}
        except (RangeError, PackingError):
            failure = Failure(zone=self._registry.genesis.zone, nonce=fresh_nonce(), ticket=released.digest)
            self._reports.report(sign_statement(failure, keys.signer))  # in the enterprise's name: it is the audience [P2.4]
            raise
        self._store.put_portrait(released.digest, uscc, time, canonical_json(portrait))
        return portrait

    def _check_logged(self, released: Released) -> int:
        """Time of the ticket's leaf, once coordinator, log and witnesses signed for it. Raises WrongSignerError, NoteError, MerkleError."""
        evidence, genesis = released.evidence, self._registry.genesis
        envelope = parse_envelope(exact_bytes(evidence.ticket))
        signer = self._registry.key(envelope.key_ids[0])
        check_signature(envelope, verify_key(signer.key))
        leaf_bytes = exact_bytes(evidence.ticket_leaf)
        leaf = parse_leaf(leaf_bytes)
        if "coordinator" not in signer.member.roles or leaf.digest != released.digest:
            raise WrongSignerError("the ticket is not the coordinator's, or its leaf is another statement's")
        policy = genesis.witness_policy
        check_tlog_proof(evidence.tlog_proof.encode(), leaf_bytes, genesis.log_vkey, policy.witnesses, policy.required)
        return leaf.time


def portrait_of(released: Released) -> dict[str, Any]:
    """What an opened portrait shows: points by functional and indicator, in hundredths, in the model's order.

    Raises PackingError, RangeError when an opened value is impossible under the model [P2.4].
    """
    ticket, model = released.ticket, released.model
    values: list[dict[str, Any]] = []
    for line, opened in zip(ticket.openings, released.openings, strict=True):
        slots = unpack(opened.m, line.slot_bits, len(line.functionals)) if line.slot_bits else [opened.m]
        for name, value in zip(line.functionals, slots, strict=True):
            reading = model.read(functional(model, name, ticket.stage), value)
            item: dict[str, Any] = {"name": name, "hundredths": reading.value_hundredths, "gated": reading.gated}
            if name in model.functionals:
                values.append({**item, "kind": "functional", "band": published_band(released, name, reading.value_hundredths)})
            else:
                indicator = model.indicators[name]
                values.append({**item, "kind": "indicator", "title": indicator.title.model_dump(), "dimension": indicator.dimension})
    return {
        "format": FORMAT,
        "zone": ticket.zone,
        "epoch": ticket.epoch,
        "model": {"id": model.id, "version": model.version, "sha256": model.sha256},
        "subject": ticket.subject,
        "stage": ticket.stage,
        "values": values,
        "ticket": released.digest,
        "ticket_leaf_index": int(released.evidence.ticket_leaf_index),
    }
