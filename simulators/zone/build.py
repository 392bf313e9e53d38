"""Making a zone on one machine, from nothing to configurations that its processes can be started with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nodes.ceremony.dealer import CeremonyPlan, hold_ceremony
from nodes.errors import SettingsError
from nodes.runtime.peers.identity import load_signing_key
from scoring.indicators.model import load_pack
from scoring.release.ceremony import Recipient
from simulators.zone.authority import make_zone
from simulators.zone.configs import choose_addresses, write_configs
from simulators.zone.layout import ZonePlan
from simulators.zone.processes import ZoneProcesses

ZONE_ID = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def build_zone(
    plan: ZonePlan,
    directory: Path,
    packs: Sequence[bytes],
    *,
    key_bits: int,
    base_port: int | None = None,
    mapped: Mapping[str, Sequence[str]] | None = None,
    configured: Callable[[Path], None] = lambda _: None,
    progress: Callable[[str], None],
) -> dict[str, Path]:
    """Make the members, the public directory, the key and the configurations under ``directory``; the TOML files by process name.

    The authority deals the key, the auditor witnesses it. ``mapped``: member -> mappings in ``records``/<member> by which its node reads; the
    others read CSV files from there. ``configured`` is called with the configurations' folder before the ceremony, which takes a while.
    Raises SettingsError when there is a zone already or the plan cannot be one, ModelError for a pack, ModelLeaksError for one that the
    admission lint does not pass: nothing is made then.
    """
    public_dir, members_dir = directory / "public", directory / "members"
    _check_plan(plan, packs, base_port)
    if (public_dir / "registry.dsse.json").exists():
        raise SettingsError(f"{directory} already holds a zone")
    registry = make_zone(plan, directory, packs, progress)
    custodians = tuple(Recipient(member.id, bytes.fromhex(member.hpke)) for member in registry.members if "custodian" in member.roles)
    signers = [
        load_signing_key(member.id, members_dir / member.id / "sign.pem") for member in (*plan.with_role("authority"), *plan.with_role("auditor"))
    ]
    formulas = list(dict.fromkeys(name for pack in packs for name in load_pack(pack).products))
    configs = write_configs(plan, directory, choose_addresses(plan, base_port), mapped, formulas)
    configured(directory / "config")
    hold_ceremony(CeremonyPlan(plan.zone, key_bits, plan.threshold, custodians), signers, public_dir, lambda step: progress(f"ceremony: {step}"))
    return configs


def _check_plan(plan: ZonePlan, packs: Sequence[bytes], base_port: int | None) -> None:
    """What can be told before anything is made."""
    if not ZONE_ID.fullmatch(plan.zone):
        raise SettingsError(f"zone id {plan.zone!r}: 1 to 63 lower-case letters, digits, - and _, beginning with a letter")
    custodians = len(plan.with_role("custodian"))
    if not custodians / 2 < plan.threshold <= custodians:
        raise SettingsError(f"a threshold of {plan.threshold}: with {custodians} custodians it is {custodians // 2 + 1} to {custodians}")
    if base_port is not None:
        choose_addresses(plan, base_port)
    for pack in packs:
        load_pack(pack)


def processes_of(directory: Path) -> ZoneProcesses:
    """The processes of the zone in ``directory``, none started. Raises SettingsError when there is no zone."""
    configs = {path.stem: path.absolute() for path in sorted((directory / "config").glob("*.toml"))}
    if not configs:
        raise SettingsError(f"{directory} holds no zone: xinqiao zone init makes one")
    return ZoneProcesses(configs, (directory / "state").absolute())
