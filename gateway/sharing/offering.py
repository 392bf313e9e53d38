"""Offers peers what this zone lets them have: admitted packs, the catalog, policies in force, published statistics [F16, F17].

Only what is public or published here already: a table goes out as its pages show it, without what was kept back and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from crypto.encoding import canonical_json, sha256
from gateway.cockpit.store import CockpitStore
from gateway.policies.store import PolicyStore
from gateway.woken import Woken
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import sign_statement
from nodes.runtime.replica.zone import Zone
from scoring.exchange.epoch import Phase
from scoring.federation.errors import SharedItemError
from scoring.federation.items import share
from scoring.statements import SharedKind

PAUSE_S = 5.0
SHOWN = ("epoch", "period", "kind", "edges", "stages", "previous", "canonical", "sizes", "shown", "withheld")
"""What a publication's pages show. What else is kept of it says which figures were kept back, and how they are protected [T2, T3]."""
ITEM_OFFERED, ITEMS_DELAYED, ITEM_TOO_LARGE = "item.offered", "items.delayed", "item.too_large"
_log = logging.logger("sharing")
Found = tuple[SharedKind, str, bytes]


class Offering:
    """Offers each item once, and once more under each later key: peers believe none that the authority gave up. ``offer`` puts it into the
    coordinator's outbox, where the same bytes are one item; ``packs``: their directory."""

    def __init__(
        self, identity: Identity, zone: Zone, offer: Callable[[str, str, bytes], int], packs: Path, cockpit: CockpitStore, policies: PolicyStore
    ) -> None:
        self._identity, self._zone, self._offer = identity, zone, offer
        self._packs, self._cockpit, self._policies = packs, cockpit, policies
        self._offered: set[str] = set()  # digests of what the outbox has, as far as this process knows
        self.worker = Woken(self._again)

    def turn(self) -> None:
        """Offer everything that was not, while the zone has a peer that may have something. Raises RpcRefusal, PeerUnavailableError."""
        with self._zone.reading() as view:
            granted = {grant for member in view.registry.members.values() if member.peer is not None for grant in member.peer.grants}
        signer = self._identity.signer
        for kind, name, content in self._found() if granted - {"log", "backup"} else ():
            digest = sha256(canonical_json([signer.key_id, kind, name, sha256(content).hex()])).hex()
            if kind not in granted or digest in self._offered:
                continue
            try:
                item = share(self._identity.zone, kind, name, content, lambda statement: sign_statement(statement, signer))
            except SharedItemError as error:
                _log.error(ITEM_TOO_LARGE, kind=kind, name=name, detail=str(error))
            else:
                self._offer(kind, name, item)
                _log.info(ITEM_OFFERED, kind=kind, name=name)
            self._offered.add(digest)

    def _again(self) -> float:
        try:
            self.turn()
        except (RpcRefusal, PeerUnavailableError) as error:
            _log.warning(ITEMS_DELAYED, error=type(error).__name__, reason=getattr(error, "reason", ""))
        return PAUSE_S

    def _found(self) -> Iterator[Found]:
        yield from self._models()
        yield from self._catalog()
        for policy, review in self._policies.policies():
            if review.in_force:
                yield "policies", policy.id, canonical_json(policy.model_dump(mode="json"))
        yield from self._statistics()

    def _models(self) -> Iterator[Found]:
        """The exact bytes of admitted packs: what owners accepted, and others extend."""
        with self._zone.reading() as view:
            admitted = {sha: f"{logged.statement.id}@{logged.statement.version}" for sha, logged in view.admitted.items()}
        for path in sorted(self._packs.glob("*.yaml")):
            content = path.read_bytes()
            name = admitted.get(sha256(content).hex())
            if name is not None:
                yield "models", name, content

    def _catalog(self) -> Iterator[Found]:
        """The institutions' own signed terms."""
        with self._zone.reading() as view:
            terms = [(f"{institution}/{product}", logged.envelope) for (institution, product), logged in sorted(view.catalog.items())]
        for name, envelope in terms:
            yield "catalog", name, envelope

    def _statistics(self) -> Iterator[Found]:
        with self._zone.reading() as view:
            released = [
                (state.opened.epoch, view.at(state.release_index).envelope)
                for state in view.epochs.values()
                if state.phase is Phase.RELEASED and state.release_index is not None
            ]
        for epoch, envelope in released:
            yield "statistics", f"quantiles/{epoch}", envelope
        for document in self._cockpit.publications():
            yield "statistics", f"tables/{document['epoch']}", canonical_json(shown_of(document))


def shown_of(document: dict[str, Any]) -> dict[str, Any]:
    """A publication as its pages show it."""
    return {name: document[name] for name in SHOWN}
