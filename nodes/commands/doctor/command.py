"""The command: which checks there are, in which order, and how their findings are told."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from crypto.errors import CryptoError
from crypto.statements import parse_envelope
from nodes.commands.doctor.databases import check_databases, check_versions
from nodes.commands.doctor.findings import Case, Finding, well, worst, wrong
from nodes.commands.doctor.loghead import check_log, check_pins
from nodes.commands.doctor.others import check_gateway, check_peers, check_running
from nodes.commands.doctor.own import check_certificate, check_disk, check_files, check_keys, check_quota, check_share
from nodes.commands.node import program_of
from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import NodeError, SettingsError
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica.zone import read_public
from nodes.runtime.settings import AnyRoleSettings, NodeSettings, role_of
from scoring.errors import ScoringError
from scoring.statements import Registry, parse_statement

Check = Callable[[Case], Iterable[Finding]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("private files", check_files),
    ("certificate", check_certificate),
    ("keys", check_keys),
    ("share", check_share),
    ("disk", check_disk),
    ("quota", check_quota),
    ("databases", check_databases),
    ("versions of the databases", check_versions),
    ("pins", check_pins),
    ("process", check_running),
    ("peers", check_peers),
    ("gateway", check_gateway),
    ("log and witnesses", check_log),
)


def doctor(
    config: Annotated[Path, typer.Option("--config", help="The process's TOML file.")],
    as_json: JsonFlag = False,
) -> None:
    """Look at one process from its own machine: clock, certificate, keys, share, database, disk, peers, log, witnesses. Says what to do.

    Changes nothing, and may be run while the process runs, as its user. Exit code 1 when something is wrong; warnings alone are 0.
    """
    with reporting(as_json) as report:
        findings = list(examine(config, time.time, report.progress))
        level = worst(findings)
        counts = {name: sum(finding.level == name for finding in findings) for name in ("ok", "warning", "error")}
        document = {"config": str(config), "verdict": level, "counts": counts, "findings": [finding.document() for finding in findings]}
        summary = f"{counts['error']} wrong, {counts['warning']} to look at, {counts['ok']} well"
        text = "\n".join([*(finding.line() for finding in findings), summary])
        report.result(document, text, ExitCode.NOT_HOLDING if level == "error" else ExitCode.DONE)


def examine(
    config: Path, clock: Callable[[], float], progress: Callable[[str], None], checks: Sequence[tuple[str, Check]] = CHECKS
) -> Iterator[Finding]:
    """Findings about the process that ``config`` describes, by ``clock`` (Unix time). Raises SettingsError when it is no configuration at all."""
    role = role_of(config)
    settings: NodeSettings
    try:
        settings = _settings_class(role).load(config)
    except SettingsError as error:
        yield wrong("settings", config, str(error), "correct the file: the operator guide has an example of every role")
        settings = AnyRoleSettings.load(config)
    else:
        yield well("settings", config, f"{role} {settings.member} of {settings.zone}")
    identity: Identity | None = None
    registry: Registry | None = None
    try:
        registry = _registry(settings)
    except (NodeError, ScoringError, CryptoError) as error:
        yield wrong(
            "registry",
            settings.public_dir,
            str(error),
            "put the zone's public directory back as it was given out of band; never fetch it from the gateway",
        )
    with suppress(NodeError, OSError):  # the checks of files, certificate and keys say which and why
        identity = Identity.load(settings)
    case = Case(role, settings, identity, registry, clock)
    for name, check in checks:
        progress(f"{name} …")
        yield from check(case)


def _registry(settings: NodeSettings) -> Registry:
    envelope = parse_envelope(read_public(settings.public_dir / "registry.dsse.json"))
    statement = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(statement, Registry) or statement.zone != settings.zone:
        raise SettingsError(f"registry.dsse.json is not the registry of {settings.zone}")
    return statement


def _settings_class(role: str) -> type[NodeSettings]:
    """The settings of the program that runs ``role``: programs lie above this command, which runs none of them."""
    program = program_of(role)
    name = f"{program}.settings" if importlib.util.find_spec(f"{program}.settings") else f"{program}.__main__"
    found = vars(importlib.import_module(name)).values()
    return next(item for item in found if isinstance(item, type) and issubclass(item, NodeSettings) and role in item.model_fields)
