"""Cases 1 and 2: every zone mirrors every other; a link that is cut and mended loses nothing and repeats nothing."""

from __future__ import annotations

from collections.abc import Mapping

from nodes.commands.output import ExitCode
from nodes.runtime.clock import Timer
from simulators.federation.between import Federation
from simulators.federation.cases import Case, pause
from simulators.federation.zone import FederatedZone

ITEMS_WITHIN_S = 120.0


def mirror_all(federation: Federation) -> None:
    """Every zone's log is at every other, whole and verified, and its model; the row says how many items of each kind have come."""
    for home, origin in federation.pairs():
        federation.wait_mirrored(home, origin, federation.size(origin))
    timer = Timer(ITEMS_WITHIN_S)
    while not all(_items(federation, *pair).get("models") for pair in federation.pairs()) and timer.left_s() > 0:
        pause()
    for home, origin in federation.pairs():
        items = ", ".join(f"{count} {kind}" for kind, count in sorted(_items(federation, home, origin).items()) if count) or "no items yet"
        reason = f"{federation.mirrored(home, origin)} leaves of {origin.id} at {home.id}; {items}"
        held = bool(_items(federation, home, origin).get("models"))
        federation.record(Case("replicated", "mirrored" if held else "failed", reason, held))


def cut_link(federation: Federation) -> None:
    """The second zone's link to the first is cut while the first works on; mended, the copy goes on where it was and an audit of it passes."""
    origin, home = federation.zones[0], federation.zones[1]
    link = federation.links[home.id, origin.id]
    federation.wait_mirrored(home, origin, federation.size(origin))
    link.cut()
    before = federation.mirrored(home, origin)
    origin.score(origin.planned.enterprise(1).uscc)
    during, beyond = federation.mirrored(home, origin), federation.size(origin)
    link.mend()
    federation.wait_mirrored(home, origin, beyond)
    audited = federation.audit_mirror(home, origin)
    held = before == during < beyond and audited.exit_code == ExitCode.DONE and audited.document["tree_size"] >= beyond
    size, verdict = audited.document.get("tree_size"), audited.document.get("verdict")
    reason = f"{before} leaves when cut, {beyond - before} more meanwhile, {size} after; audit {verdict}"
    federation.record(Case("link_cut", "resumed" if held else "failed", reason, held, audited.command))


def _items(federation: Federation, home: FederatedZone, origin: FederatedZone) -> Mapping[str, int]:
    """How many items of each kind ``home``'s node has of ``origin``, sealed backups included."""
    found: Mapping[str, int] = federation.mirror(home, origin).status().get("items", {})
    return found
