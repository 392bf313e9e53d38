"""Case 5: a zone whose log's operator rewrites history is caught by its peers, both notes are kept, and its releases stop."""

from __future__ import annotations

from functools import partial

from simulators.adversaries.rewriting import RewrittenLog
from simulators.federation.between import Federation
from simulators.federation.cases import Case, until

NOTICED_TIMEOUT_S = 120.0
REASONS = ("LOG_SPLIT", "CHECKPOINT_STALE")


def rewrite(federation: Federation) -> None:
    """The last zone's operator shows its peers another past than they have seen. Nobody trusts that log again without people."""
    zone = federation.zones[-1]
    peers = federation.others(zone)
    firm = zone.planned.enterprise(2).uscc
    asked = zone.granted(firm)
    zone.processes.stop(["log"])
    forked = RewrittenLog(zone.out, zone.endpoints["log"])
    zone.run(["log"])
    zone.ask(asked)
    for home in peers:
        federation.wait_mirrored(home, zone, federation.size(zone))
    with forked:
        size = forked.write(zone.id, zone.bank_name, federation.size(zone))
        federation.meter.tell(f"    the operator writes another history of {size} leaves, and shows it to the peers")
        for home in peers:
            federation.links[home.id, zone.id].relays["log"].redirect(forked.address)
        for home in peers:
            until(partial(federation.split, home, zone), NOTICED_TIMEOUT_S, f"{home.id} has not noticed that {zone.id} rewrites its log")
        until(lambda: zone.ask(asked) in REASONS, NOTICED_TIMEOUT_S, f"{zone.id} goes on releasing")
    for home in peers:
        split = federation.mirror(home, zone).status()["split"]
        reason = f"{home.id}, by its {split['found_by']}: {split['detail']}; both notes in {split['evidence']}"
        federation.record(Case("log_rewritten", "refused", reason, held=True))
    refused = zone.ask(asked)
    federation.record(Case("releases_stopped", "refused", refused, refused in REASONS))
