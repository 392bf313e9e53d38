"""Case 3: a zone is killed; its log is served and audited from a peer's copy; it comes back and goes on."""

from __future__ import annotations

from nodes.commands.output import ExitCode
from simulators.federation.between import Federation
from simulators.federation.cases import Case


def kill_zone(federation: Federation) -> None:
    """Every process of the first zone ends at once. Its log stays readable, and holds, at every other zone."""
    zone = federation.zones[0]
    size = federation.size(zone)
    for home in federation.others(zone):
        federation.wait_mirrored(home, zone, size)
    ended = zone.kill()
    for home in federation.others(zone):
        audited = federation.audit_mirror(home, zone)
        held = audited.exit_code == ExitCode.DONE and audited.document["tree_size"] >= size
        reason = f"{len(ended)} processes ended; audit of {audited.document.get('tree_size')} leaves at {home.id}: {audited.document.get('verdict')}"
        federation.record(Case("zone_killed", "served" if held else "failed", reason, held, audited.command))


def start_again(federation: Federation) -> None:
    """The zone's processes are started on what is left of their state; it scores another enterprise, and the others' copies go on."""
    zone = federation.zones[0]
    before = {home.id: federation.mirrored(home, zone) for home in federation.others(zone)}
    zone.run()
    zone.score(zone.planned.enterprise(2).uscc)
    size = federation.size(zone)
    for home in federation.others(zone):
        federation.wait_mirrored(home, zone, size)
        held = federation.mirrored(home, zone) > before[home.id]
        federation.record(Case("zone_back", "going on", f"{home.id} has {federation.mirrored(home, zone)} leaves, {before[home.id]} before", held))
