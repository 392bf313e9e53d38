"""Conducts the rounds that renew the key's shares, for the authority: begins them, activates what every custodian acknowledged [P1.7].

A round's state is in the log alone: a gateway that was ended in the middle goes on where the log is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gateway.woken import Woken
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.zone import Zone
from scoring.custody.planning import SILENCE_S, Custody, may_go, plan
from scoring.custody.rounds import PendingRound
from scoring.errors import KeyRoundError, RequestFormatError
from scoring.exchange.view import Logged, ZoneView
from scoring.statements import KeyAbandoned, KeyAcknowledged, KeyActivated, KeyRound, Statement

APPLY_TIMEOUT_S = 30.0
RETRY_PAUSE_S = 0.5
ROUND_BEGUN, ROUND_ACTIVATED, ROUND_ABANDONED, ROUND_DELAYED = "round.begun", "round.activated", "round.abandoned", "round.delayed"

_log = logging.logger("rounds")


class KeyRounds:
    """The authority's side of refresh and re-sharing."""

    def __init__(self, identity: Identity, zone: Zone, exchange: ExchangeClient) -> None:
        self._identity, self._zone, self._exchange = identity, zone, exchange
        self.worker = Woken(self._activate_complete)

    def refresh(self) -> None:
        """Begin a refresh. Raises RpcRefusal when one is under way or the key is not usable yet."""
        with self._zone.reading() as view:
            present = view.generation()
        self._begin("refresh", present.sharing.threshold, present.custodians, present.custodians)

    def reshare(self, threshold: int, custodians: Sequence[str], dealers: Sequence[str]) -> None:
        """Begin a re-sharing to ``custodians``, in this order; without ``dealers``, by the first t of the present ones that stay.

        Raises RpcRefusal when it does not fit what the log says.
        """
        with self._zone.reading() as view:
            present = view.generation()
        staying = [name for name in present.custodians if name in custodians]
        leaving = [name for name in present.custodians if name not in custodians]
        self._begin("reshare", threshold, custodians, dealers or (*staying, *leaving)[: present.sharing.threshold])

    def plan(self, away: Sequence[str], begin: int, end: int, together: Sequence[Sequence[str]]) -> dict[str, Any]:
        """What comes of custodians being away from ``begin`` to ``end`` (Unix seconds). ``together``: custodians that one operator runs.

        Raises RequestFormatError for a name that holds no share, and for a span that ends before it begins.
        """
        with self._zone.reading() as view:
            custody = custody_of(view, together)
        unknown = sorted(({*away} | {name for group in together for name in group}) - {*custody.custodians})
        if unknown:
            raise RequestFormatError(f"no share of generation {custody.generation}: {', '.join(unknown)}; held by {', '.join(custody.custodians)}")
        if begin > end:
            raise RequestFormatError("an absence ends after it begins")
        found = plan(custody, frozenset(away), begin, end)
        operators = sorted({custody.operator(name) for name in custody.custodians})
        return {
            "generation": custody.generation,
            "threshold": custody.threshold,
            "holds": found.holds,
            "operators": {operator: [name for name in custody.custodians if custody.operator(name) == operator] for operator in operators},
            "spare": list(custody.spare),
            "may_go": may_go(custody, end - begin),
            "may_go_for_a_day": may_go(custody, min(end - begin, SILENCE_S)),
            **asdict(found),
        }

    def abandon(self) -> None:
        """Give up the round under way; the present shares stay. Raises KeyRoundError when there is none."""
        with self._zone.reading() as view:
            pending = view.round
        if pending is None:
            raise KeyRoundError("no round is under way")
        self._say(KeyAbandoned(zone=self._identity.zone, nonce=fresh_nonce(), round=pending.digest))
        _log.info(ROUND_ABANDONED, generation=pending.statement.generation)

    def status(self) -> dict[str, Any]:
        """The generation in force and the round under way: who is awaited for what, and what custodians had against it."""
        with self._zone.reading() as view:
            present, pending = view.generation(), view.round
            found: dict[str, Any] = {
                "generation": present.number,
                "since_leaf_index": present.index,
                "threshold": present.sharing.threshold,
                "custodians": list(present.custodians),
                "round": None if pending is None else _round(view, pending),
            }
        return found

    def observe(self, logged: Logged) -> None:
        """Look again when a custodian acknowledges."""
        if isinstance(logged.statement, KeyAcknowledged):
            self.worker.wake()

    def activate(self) -> None:
        """Put the round under way in force if every custodian has acknowledged it; else nothing. Raises RpcRefusal, PeerUnavailableError."""
        with self._zone.reading() as view:
            pending = view.round
        if pending is None or not pending.is_complete:
            return
        said = pending.statement
        digests = tuple(pending.acknowledged[name] for name in said.custodians)
        self._say(
            KeyActivated(zone=self._identity.zone, nonce=fresh_nonce(), round=pending.digest, generation=said.generation, acknowledgements=digests)
        )
        _log.info(ROUND_ACTIVATED, generation=said.generation, custodians=len(said.custodians))

    def _activate_complete(self) -> float | None:
        try:
            self.activate()
        except (PeerUnavailableError, RpcRefusal) as error:
            _log.warning(ROUND_DELAYED, cause=type(error).__name__, reason=getattr(error, "reason", ""))
            return RETRY_PAUSE_S
        return None

    def _begin(self, action: Any, threshold: int, custodians: Sequence[str], dealers: Sequence[str]) -> None:
        with self._zone.reading() as view:
            generation = view.generation().number + 1
        statement = KeyRound(
            zone=self._identity.zone, nonce=fresh_nonce(), action=action, generation=generation, threshold=threshold,
            custodians=tuple(custodians), dealers=tuple(dealers),
        )  # fmt: skip
        self._say(statement)
        _log.info(ROUND_BEGUN, action=action, generation=generation)

    def _say(self, statement: Statement) -> None:
        receipt = self._exchange.submit(sign_statement(statement, self._identity.signer))
        self._zone.wait(lambda view: True if view.size > receipt.leaf_index else None, APPLY_TIMEOUT_S, f"leaf {receipt.leaf_index}")


def custody_of(view: ZoneView, together: Sequence[Sequence[str]] = ()) -> Custody:
    """Who holds the key's shares, as the log has it. Raises WrongKeyError when there is no key."""
    present, registry = view.generation(), view.registry
    return Custody(
        generation=present.number,
        custodians=present.custodians,
        threshold=present.sharing.threshold,
        generation_since=view.at(present.index).time,
        key_since=view.at(view.generation(0).index).time,
        spare=tuple(member.id for member in registry.with_role("custodian") if member.id not in present.custodians),
        operators={name: group[0] for group in together for name in group},
        round_open=view.round is not None,
        registry_until=view.validity.until,
    )


def _round(view: ZoneView, pending: PendingRound) -> dict[str, Any]:
    said = pending.statement
    about = {pending.digest, *pending.deal_digests.values()}
    refused = [logged.statement for logged in view.refusals if logged.statement.about in about]
    return {
        "digest": pending.digest,
        "action": said.action,
        "generation": said.generation,
        "threshold": said.threshold,
        "custodians": list(said.custodians),
        "dealers": list(said.dealers),
        "awaited": {
            "receivers": [name for name in said.custodians if name not in pending.receivers],
            "deals": [name for name in said.dealers if name not in pending.deals],
            "acknowledgements": [name for name in said.custodians if name not in pending.acknowledged],
        },
        "refused": [{"member": item.member, "reason": item.reason, "about": item.about} for item in refused],
    }
