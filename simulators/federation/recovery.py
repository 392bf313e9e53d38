"""Case 3: a zone is killed and loses its log and its coordinator; its log is read at a peer; it is restored from what the peer keeps."""

from __future__ import annotations

import json
import shutil

from nodes.commands.output import ExitCode
from nodes.recovery.sealing import SEALED
from simulators.demo.written.artifacts import Ran, run_command
from simulators.federation.between import MIRROR_TIMEOUT_S, Federation
from simulators.federation.cases import Case, until
from simulators.federation.peers import process_of
from simulators.federation.zone import FederatedZone

LOST = ("log", "coordinator")


def kill_zone(federation: Federation) -> None:
    """Every process of the first zone ends at once, and two machines of it are lost with all that they stored. Its log stays readable, and
    holds, at every other zone."""
    zone = federation.zones[0]
    size = federation.size(zone)
    until(lambda: _sealed(federation, zone) >= size, MIRROR_TIMEOUT_S, f"{zone.id} has not sealed its backup up to leaf {size} for its peers")
    for home in federation.others(zone):
        federation.wait_mirrored(home, zone, size)
    ended = zone.kill()
    for name in LOST:
        shutil.rmtree(zone.out / "state" / name)
    for home in federation.others(zone):
        audited = federation.audit_mirror(home, zone)
        held = audited.exit_code == ExitCode.DONE and audited.document["tree_size"] >= size
        reason = f"{len(ended)} processes ended; audit of {audited.document.get('tree_size')} leaves at {home.id}: {audited.document.get('verdict')}"
        federation.record(Case("zone_killed", "served" if held else "failed", reason, held, audited.command))


def restore_zone(federation: Federation) -> None:
    """The second zone hands back what it keeps and cannot read; the first opens it with the key that was offline, and goes on from its last leaf."""
    zone, home = federation.zones[0], federation.zones[1]
    place, before = zone.out / "recovery", federation.mirrored(home, zone)
    chunks, archive, keys = place / "chunks", place / "archive", str(zone.public)
    known = federation.mirror(home, zone).directory / "log" / "checkpoint"
    steps = [
        run_command("backup", "hand-back", str(home.config_of(process_of(zone.id))), "--out", str(chunks), "--json"),
        run_command(
            "backup", "open", str(chunks), "--keys", keys, "--recovery-key", str(zone.recovery_key), "--checkpoint", str(known), "--out",
            str(archive), "--json",
        ),
        run_command(
            "backup", "recover", str(archive), "--log", str(zone.config_of("log")), "--coordinator", str(zone.config_of("coordinator")), "--chunks",
            str(chunks), "--json",
        ),
    ]  # fmt: skip
    for step in steps:
        federation.record(_step(step))
    zone.start_processes()
    zone.open_desks()
    zone.score(zone.planned.enterprise(2).uscc)
    for other in federation.others(zone):
        federation.wait_mirrored(other, zone, federation.size(zone))
    after, trusted = federation.mirrored(home, zone), not federation.split(home, zone)
    reason = f"the log goes on from leaf {before}, {after - before} more at {home.id}; a score under a new consent; no history but one"
    federation.record(Case("zone_restored", "going on", reason, trusted and after > before))


def _step(ran: Ran) -> Case:
    held = ran.exit_code == ExitCode.DONE
    said = {name: value for name, value in ran.document.items() if isinstance(value, int | str) and "/" not in str(value)}
    return Case("backup", "done" if held else "failed", ", ".join(f"{name} {value}" for name, value in said.items()), held, ran.command)


def _sealed(federation: Federation, zone: FederatedZone) -> int:
    """Leaves up to which the coordinator has sealed and every peer has the chunks."""
    lines = zone.processes.log_file("coordinator").read_text(encoding="utf-8").splitlines()
    sealed = [json.loads(line) for line in lines if f'"{SEALED}"' in line]
    if not sealed:
        return 0
    had = min(federation.mirror(home, zone).status()["items"].get("backup", 0) for home in federation.others(zone))
    return max((line["size"] for line in sealed if line["chunks"] <= had), default=0)
