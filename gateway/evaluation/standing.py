"""The registry's end as the authority's front sees it: until when it holds, the alarm before that, and the renewal that the authority signs [P9]."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import sign_statement
from nodes.runtime.replica.zone import Zone
from scoring.disclosure.countersigning import embed
from scoring.exchange.validity import DAY_S, EXTENSIONS_IN_A_ROW, longest_renewal_s
from scoring.statements import RegistryRenewal, Title, parse_record

RENEWED = "registry.renewed"
APPLY_TIMEOUT_S = 20.0
_log = logging.logger("standing")


class RegistryDesk:
    """Where the authority's staff see and renew the registry's validity."""

    def __init__(self, identity: Identity, zone: Zone, exchange: ExchangeClient, now: Clock) -> None:
        self._identity, self._zone, self._exchange, self._now = identity, zone, exchange, now

    def status(self) -> dict[str, Any]:
        """Until when the registry holds (Unix seconds; null: without end), from when on that is an alarm, and how it got there."""
        time = self._now()
        with self._zone.reading() as view:
            validity, genesis = view.validity, view.registry.genesis
            approvers, threshold = sorted(view.registry.approvers), view.registry.threshold
        return {
            "zone": genesis.zone,
            "state": validity.state(time),
            "valid_until": validity.until,
            "alarm_from": validity.alarm_from,
            "left_s": validity.left_s(time),
            "extensions": validity.extensions,
            "extensions_at_most": EXTENSIONS_IN_A_ROW,
            "renewal_at_most_s": longest_renewal_s(genesis),
            "approvers": approvers,
            "approvals_needed": threshold,
        }

    def renew(self, renewal: bytes, approvals: Sequence[bytes]) -> dict[str, Any]:
        """Sign the renewal with its custodians' approvals and have it logged; the status after it.

        Raises StatementFormatError for another document, and the coordinator's refusal: REGISTRY_RENEWAL, CHANGE_NOT_APPROVED.
        """
        asked = parse_record(RegistryRenewal, renewal)
        envelope = sign_statement(asked.model_copy(update={"approvals": embed(approvals)}), self._identity.signer)
        index = self._exchange.submit(envelope).leaf_index
        self._zone.wait(lambda view: True if view.size > index else None, APPLY_TIMEOUT_S, f"leaf {index}")
        _log.info(RENEWED, leaf_index=index, until=asked.until)
        return {**self.status(), "leaf_index": index}

    def alarm(self) -> Title | None:
        """What the authority's pages say from half-life on."""
        time = self._now()
        with self._zone.reading() as view:
            validity = view.validity
        state, left_s = validity.state(time), validity.left_s(time)
        if left_s is None or validity.until is None or state not in {"ageing", "expired"}:
            return None
        day = datetime.fromtimestamp(validity.until, UTC).date().isoformat()
        if state == "expired":
            return Title(
                zh=f"本区注册文件已于 {day} 到期：开启与发布已停止，贡献照常入账。请会同托管方续期（xinqiao zone renew）。",
                en=f"The zone's registry expired on {day}: nothing is opened or published, contributions go on. Renew it with the custodians "
                "(xinqiao zone renew).",
            )
        days = left_s // DAY_S
        return Title(
            zh=f"本区注册文件将于 {day} 到期（还有 {days} 天），之后停止开启与发布。请会同托管方续期（xinqiao zone renew）。",
            en=f"The zone's registry expires on {day} (in {days} days); then nothing is opened or published. Renew it with the custodians "
            "(xinqiao zone renew).",
        )
