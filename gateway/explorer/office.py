"""Puts the explorer's parts together for one gateway: what its process and its tests call once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy import Engine

from gateway.explorer.index import LeafIndex
from gateway.explorer.pages import Explorer, costly_limit, routes
from gateway.explorer.proofs import Prover
from nodes.evidence.roots import Roots
from nodes.runtime.clock import Clock
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.zone import Zone


@dataclass(frozen=True, slots=True)
class ExplorerOffice:
    """The explorer of one gateway: its pages' router, the index that a worker fills, how many costly things may be asked."""

    router: APIRouter
    index: LeafIndex
    limit: RateLimit


def open_explorer(
    site: Site, zone: Zone, log: LogClient, engine: Engine, roots: Callable[[], Roots], envelope: Callable[[int], bytes], now: Clock
) -> ExplorerOffice:
    """The explorer of the log that ``zone`` pins, indexed in ``engine``. ``roots`` are read once, when the first receipt comes."""
    index = LeafIndex(engine, log, zone.genesis.log_vkey)
    site.use("explorer", Path(__file__).parent)
    site.entry("/explorer", N_("交换日志"), public=True)
    limit = costly_limit()
    return ExplorerOffice(routes(Explorer(site, zone, index, Prover(log), cache(roots), envelope, now, limit)), index, limit)
