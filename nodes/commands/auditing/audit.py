"""``xinqiao audit``: a log judged from pinned keys alone, a copy on disk or one that is made on the spot."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from nodes.auditor.audit import Options, Verdict
from nodes.auditor.audit import audit as judge
from nodes.auditor.report import document_of, text_of, write_report
from nodes.auditor.settings import AuditorSettings
from nodes.commands.output import ExitCode, JsonFlag, Report, reporting
from nodes.errors import SettingsError
from nodes.evidence.archive import Archive
from nodes.evidence.contents import Count
from nodes.evidence.mirror import Mirror, Mirrored, mirror_statements
from nodes.evidence.roots import AuditRoots, Roots
from nodes.evidence.sources import HttpTree, RpcStatements
from nodes.runtime.clock import Timer, now
from nodes.runtime.files import read_private
from nodes.runtime.peers.identity import Identity, certificate_uris, load_identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.settings import Peer, Peers
from scoring.audit import Scope
from scoring.errors import LogInconsistentError
from scoring.statements import AuditNote

TOLD_EVERY_S = 2.0
Target = Annotated[str, typer.Argument(metavar="URL|DIR", help="A gateway (https://…), a run's directory, or a log directory alone.")]
Keys = Annotated[Path, typer.Option(help="The zone's public directory, pinned by you: never taken from whom you audit.")]


def audit(
    target: Target,
    keys: Keys,
    since: Annotated[str, typer.Option("--from", metavar="T", help="Report on leaves from this time on (Unix seconds or ISO, UTC).")] = "",
    until: Annotated[str, typer.Option("--to", metavar="T", help="Report on leaves up to this time.")] = "",
    member: Annotated[str, typer.Option(help="Report on what this member says, and on tickets for it.")] = "",
    report_dir: Annotated[Path | None, typer.Option("--report", help="Write audit.html, audit.json and evidence.tar here.")] = None,
    identity: Annotated[
        Path | None, typer.Option(help="An auditor's keys directory, or its process's TOML. Without it only the public tree of a URL is judged.")
    ] = None,
    log: Annotated[str, typer.Option(metavar="HOST:PORT", help="The log, where endpoints.json beside the keys does not say it.")] = "",
    coordinator: Annotated[str, typer.Option(metavar="HOST:PORT", help="The coordinator, likewise.")] = "",
    ca: Annotated[Path | None, typer.Option(help="For a URL: who certified it, where that is not the log's own zone: a peer's mirror of it.")] = None,
    mirror: Annotated[Path | None, typer.Option(help="For a URL: keep the copy here, and add to it next time.")] = None,
    note: Annotated[bool, typer.Option("--note", help="With --identity: put the verdict, signed by the auditor, into the log.")] = False,
    tree_only: Annotated[bool, typer.Option("--tree-only", help="Judge the public tree alone, without the statements behind it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Audit a log: hash it again, replay every statement, recompute every aggregate and opening that is there.

    Exit code 0: no finding; 1: findings; 2: a file cannot be used; 4: nobody answers.
    """
    with reporting(as_json) as report:
        pinned = AuditRoots.load(keys)
        options = Options(Scope(_moment(since, 0), _moment(until, 1 << 62), member), tree_only)
        narrowed = [word for name, value in (("--from", since), ("--to", until), ("--member", member)) if value for word in (name, value)]
        count = _Told(report)
        access = None if identity is None else _access(identity, keys, pinned.roots, log, coordinator)
        if note and access is None:
            raise SettingsError("--note needs --identity: a verdict is signed by its auditor")
        with _archive_of(target, mirror) as archive:
            mirrored = Mirrored(0, [])
            if _is_url(target):
                options = Options(options.scope, tree_only or access is None)
                mirrored = _copy(target, ca or keys / "ca.pem", archive, pinned.roots, access, count)
            if options.tree_only:
                narrowed.append("--tree-only")
            if mirrored.findings:
                verdict = Verdict(pinned.roots.zone, mirrored.size, findings=mirrored.findings)
                if mirrored.evidence is not None:
                    report.progress(f"what the log served is kept in {mirrored.evidence}")
            else:
                verdict = judge(archive, pinned, options, count)
            if report_dir is not None:
                for path in write_report(report_dir, verdict, archive, keys, now(), narrowed):
                    report.progress(f"wrote {path}")
        if note and access is not None:
            report.progress(f"the verdict is in the log at leaf {_note(verdict, access)}")
        report.result(document_of(verdict), text_of(verdict), ExitCode.DONE if verdict.holds else ExitCode.NOT_HOLDING)


def mirror_run(gateway: str, config: Path, out: Path, count: Count = lambda _what, _done, _total: None) -> int:
    """Copy the log at ``gateway`` with all that its auditor, configured by ``config``, may read into ``out``/log; the tree's size.

    Raises LogInconsistentError when what is served does not hold; as ``Mirror.update`` and ``mirror_statements`` otherwise.
    """
    settings = AuditorSettings.load(config)
    roots = Roots.load(settings.public_dir)
    access = (Identity.load(settings), settings.peer("log"), settings.peer("coordinator"))
    mirrored = _copy(gateway, settings.public_dir / "ca.pem", Archive(out / "log", out), roots, access, count)
    for finding in mirrored.findings:
        raise LogInconsistentError(f"{finding.code}: {finding.detail}")
    return mirrored.size


Access = tuple[Identity, Peer, Peer]


def _note(verdict: Verdict, access: Access) -> int:
    """Log the verdict; its leaf. Raises RpcRefusal, PeerUnavailableError."""
    identity, log, _ = access
    statement = AuditNote(
        zone=identity.zone,
        nonce=fresh_nonce(),
        size=verdict.tree_size,
        verdict="pass" if verdict.holds else "fail",
        findings=len(verdict.findings),
    )
    client = LogClient(identity, log)
    try:
        return client.append(sign_statement(statement, identity.signer)).index
    finally:
        client.close()


def _copy(url: str, ca: Path, archive: Archive, roots: Roots, access: Access | None, count: Count) -> Mirrored:
    tree = HttpTree(url, ca)
    try:
        mirrored = Mirror(tree, archive, roots, count).update()
    finally:
        tree.close()
    if access is not None and not mirrored.findings:
        statements = RpcStatements(*access)
        try:
            mirror_statements(statements, archive, mirrored.size, roots, count)
        finally:
            statements.close()
    return mirrored


@contextmanager
def _archive_of(target: str, mirror: Path | None) -> Iterator[Archive]:
    """The archive to judge: the directory named, the kept copy of a URL, or one that lasts as long as the command."""
    if not _is_url(target):
        yield Archive.find(Path(target))
    elif mirror is not None:
        yield Archive(mirror / "log", mirror)
    else:
        with tempfile.TemporaryDirectory(prefix="xinqiao-audit-") as temporary:
            yield Archive(Path(temporary) / "log", Path(temporary))


def _is_url(target: str) -> bool:
    if target.startswith("http://"):
        raise SettingsError("a log is read over https://")
    return target.startswith("https://")


def _access(identity: Path, keys: Path, roots: Roots, log: str, coordinator: str) -> Access:
    """Who the auditor is and where it reads statements and blobs. Raises SettingsError, SecretFileError, IdentityError."""
    if identity.is_file():
        settings = AuditorSettings.load(identity)
        return Identity.load(settings), settings.peer("log"), settings.peer("coordinator")
    names = certificate_uris(x509.load_pem_x509_certificate(read_private(identity / "cert.pem")))
    member = names[0].rpartition("/")[2] if len(names) == 1 else ""
    known = {} if log and coordinator else _endpoints(keys)
    peers = Peers(
        log=Peer(member=roots.registry.sole("log").id, address=log or known.get("log", "")),
        coordinator=Peer(member=roots.registry.sole("coordinator").id, address=coordinator or known.get("coordinator", "")),
    )
    assert peers.log is not None  # both were just given
    assert peers.coordinator is not None
    return load_identity(roots.zone, member, identity, keys / "ca.pem"), peers.log, peers.coordinator


def _endpoints(keys: Path) -> dict[str, str]:
    """Addresses in the endpoints.json beside the keys. They need no trust: every connection is checked against the CA."""
    path = keys.absolute().parent / "endpoints.json"
    if not path.is_file():
        raise SettingsError(f"{path} is missing: name the log and the coordinator with --log and --coordinator")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} is not an object of names and addresses")
    return {name: value for name, value in document.items() if isinstance(value, str)}


def _moment(text: str, default: int) -> int:
    """Unix seconds of an option. Raises SettingsError."""
    if not text:
        return default
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is neither Unix seconds nor an ISO date") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class _Told:
    """Tells a person about work that lasts, every two seconds at most."""

    def __init__(self, report: Report) -> None:
        self._report, self._timer = report, Timer(TOLD_EVERY_S)

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._timer.left_s() <= 0:
            self._report.progress(f"  {done:,} of {total:,} {what}")
            self._timer = Timer(TOLD_EVERY_S)
