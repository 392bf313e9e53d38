"""What the gateway says to anyone: epochs, products, keys, and the log's static tree."""

from __future__ import annotations

import base64
from typing import Any

from nodes.ceremony.told import ToldMembers, ToldStatement
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.zone import Zone
from scoring.custody.generations import record_of
from scoring.exchange.epoch import EpochState
from scoring.exchange.view import ZoneView
from scoring.indicators.describe import describe
from scoring.release.members import members_told


class Public:
    """Read-only answers from the zone's view and the log. No subject is in any of them."""

    def __init__(self, zone: Zone, log: LogClient) -> None:
        self._zone, self._log = zone, log

    def epochs(self) -> list[dict[str, Any]]:
        """Every epoch in the order of its opening."""
        with self._zone.reading() as view:
            return [_epoch(view, state) for state in sorted(view.epochs.values(), key=lambda state: state.open_index)]

    def products(self) -> list[dict[str, Any]]:
        """Every product of every admitted model that is at hand."""
        with self._zone.reading() as view:
            models = [view.model(sha) for sha in view.admitted if sha in view.models]
        return [{"model": {"id": model.id, "version": model.version}, **product} for model in models for product in describe(model)["products"]]

    def catalog(self) -> list[dict[str, Any]]:
        """The newest terms of every product of every institution, with the envelope that its institution signed and its leaf [E1]."""
        with self._zone.reading() as view:
            members = view.registry.members
            return [
                {
                    "institution": {"id": institution, "title": members[institution].title.model_dump(mode="json")},
                    "terms": logged.statement.model_dump(mode="json", exclude={"v", "zone", "nonce"}),
                    "envelope": _base64(logged.envelope),
                    "leaf": _base64(logged.leaf),
                    "leaf_index": logged.index,
                }
                for (institution, _), logged in sorted(view.catalog.items())
                if institution in members
            ]

    def keys(self) -> dict[str, Any]:
        """Keys of the zone, its log and witnesses, and its members."""
        with self._zone.reading() as view:
            genesis, key = view.registry.genesis, view.public_key
            generations = [record_of(generation).model_dump(mode="json") for generation in view.generations]
            members = [view.registry.members[name].model_dump(mode="json") for name in sorted(view.registry.members)]
        return {
            "zone": genesis.zone,
            "public_key": None if key is None else key.to_json(),
            "log_vkey": genesis.log_vkey,
            "witness_policy": genesis.witness_policy.model_dump(mode="json"),
            "members": members,
            "generations": generations,
        }

    def members(self) -> dict[str, Any]:
        """What the log says of members and custodians since leaf 0 and the ceremony: the statements themselves, to be judged by whoever asks."""
        with self._zone.reading() as view:
            zone, found = view.zone, members_told(view)
        told = (ToldStatement(leaf_index=item.index, leaf=_base64(item.leaf), envelope=_base64(item.envelope)) for item in found)
        return ToldMembers(zone=zone, statements=tuple(told)).model_dump(mode="json")

    def log_file(self, path: str) -> bytes:
        """A file of the log's static tree. Raises RpcRefusal with NOT_FOUND where there is none."""
        return self._log.read_tile(path)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _epoch(view: ZoneView, state: EpochState) -> dict[str, Any]:
    opened = state.opened
    model = view.models.get(opened.model)
    tables = () if state.release is None else state.release.tables
    return {
        "epoch": opened.epoch,
        "period": opened.period,
        "state": str(state.phase),
        "model": {"id": model.id if model else None, "version": model.version if model else None, "sha256": opened.model},
        "open_leaf_index": state.open_index,
        "close_leaf_index": state.close_index,
        "release_leaf_index": state.release_index,
        "tables": [table.model_dump(mode="json") for table in tables],
    }
