"""Case 5: the operator of a zone's log makes two histories, one for the zone and one for its peers. Both sides find it, and releases stop."""

from __future__ import annotations

from functools import partial

from nodes.runtime.logging import LOG_SPLIT
from simulators.adversaries.rewriting import RewrittenLog
from simulators.federation.between import Federation
from simulators.federation.cases import Case, until
from simulators.federation.link import Relay
from simulators.federation.zone import FederatedZone

NOTICED_TIMEOUT_S = 180.0
REASONS = ("LOG_SPLIT", "CHECKPOINT_STALE")
"""Custodians know of the split; or they are too few witnesses, because those of the peers sign this log no more."""


def rewrite(federation: Federation) -> None:
    """The last zone's log shows its peers another past than its own members have. Its custodians open nothing more by the heads that the
    peers tell them; led back to the zone's own history, the peers refuse it and keep the notes. Only people make such a log trusted again."""
    zone = federation.zones[-1]
    peers = federation.others(zone)
    asked = zone.granted(zone.planned.enterprise(2).uscc)
    before = federation.size(zone)
    for home in peers:
        federation.wait_mirrored(home, zone, before)
    zone.processes.stop(["log"])
    forked = RewrittenLog(zone.out, zone.endpoints["log"])
    with forked:
        for home in peers:
            _link(federation, home, zone).redirect(forked.address)
        zone.start_processes(["log"])
        zone.granted(zone.planned.enterprise(3).uscc)  # what the peers are not to know
        size = forked.write(zone.id, zone.bank_name, before)
        federation.meter.tell(f"    its operator shows the peers {size} leaves of another history, and goes on with its own")
        until(partial(_alarmed, zone), NOTICED_TIMEOUT_S, f"custodians of {zone.id} have not noticed that its log shows others another history")
    until(lambda: zone.ask(asked) in REASONS, NOTICED_TIMEOUT_S, f"{zone.id} goes on releasing")
    refused = zone.ask(asked)
    federation.record(Case("log_rewritten", "caught", f"{LOG_SPLIT} at every custodian of {zone.id}, by the heads that its peers tell", held=True))
    federation.record(Case("releases_stopped", "refused", refused, refused in REASONS))
    for home in peers:
        _link(federation, home, zone).redirect(zone.endpoints["log"])
    for home in peers:
        until(partial(federation.split, home, zone), NOTICED_TIMEOUT_S, f"{home.id} goes on trusting the log of {zone.id}")
        split = federation.mirror(home, zone).status()["split"]
        reason = f"{home.id}, by its {split['found_by']}: {split['detail']}; notes kept in {split['evidence']}"
        federation.record(Case("peer_refuses", "refused", reason, held=True))


def _link(federation: Federation, home: FederatedZone, zone: FederatedZone) -> Relay:
    return federation.links[home.id, zone.id].relays["log"]


def _alarmed(zone: FederatedZone) -> bool:
    """Whether every custodian of the zone has raised the alarm."""
    logs = [zone.processes.log_file(member.id).read_text(encoding="utf-8") for member in zone.plan.with_role("custodian")]
    return all(f'"{LOG_SPLIT}"' in text for text in logs)
