"""An audit's report: one JSON document, one HTML page that needs nothing from outside, and an evidence bundle to audit again offline [L7]."""

from __future__ import annotations

import io
import json
import shlex
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nodes.auditor.audit import Verdict
from nodes.evidence.archive import CHECKPOINT, Archive
from nodes.runtime.files import write_public
from scoring.draws.findings import DrawSummary

REPORT_JSON, REPORT_HTML, BUNDLE, README = "audit.json", "audit.html", "evidence.tar", "README.md"
PINNED = ("ca.pem", "ceremony.dsse.json", "key.json", "log.vkey", "registry.dsse.json", "witness-policy.json", "witnesses.vkey")
CHECKED = {
    "leaves": "叶子 leaves",
    "tiles": "瓦片 tiles",
    "statements": "陈述 statements that hold",
    "contributions": "贡献 contributions proven",
    "tickets": "放行单 tickets",
    "openings": "聚合 aggregates recomputed",
    "epoch_records": "评价期开启 epoch openings verified",
    "receipts": "凭证 receipts verified",
}


def document_of(verdict: Verdict) -> dict[str, Any]:
    """The JSON document of an audit: verdict, tree_size and findings, and what was looked at."""
    return {
        "verdict": "pass" if verdict.holds else "fail",
        "tree_size": verdict.tree_size,
        "findings": [{"code": item.code, "leaf_index": item.leaf_index, "detail": item.detail} for item in verdict.findings],
        "zone": verdict.zone,
        "root": verdict.root,
        "witnessed_at": verdict.witnessed_at,
        "extent": "complete" if verdict.complete else "tree",
        "checked": verdict.checked,
        "kinds": verdict.kinds,
        "draws": [{**asdict(draw), "one_false": str(draw.one_false), "tenth_false": str(draw.tenth_false)} for draw in verdict.draws],
    }


def text_of(verdict: Verdict) -> str:
    """The verdict for a person, in Chinese and English."""
    looked = ", ".join(f"{number:,} {CHECKED[name]}" for name, number in verdict.checked.items())
    looked += "".join(f"\n  {_told(draw)}" for draw in verdict.draws)
    extent = "" if verdict.complete else "\n仅核对公开树 only the public tree was judged: nothing behind the leaves"
    if verdict.holds:
        return f"审计通过 AUDIT PASSED: zone {verdict.zone}, {verdict.tree_size:,} leaves, no findings\n  {looked}{extent}"
    lines = [f"审计未通过 AUDIT FAILED: zone {verdict.zone}, {verdict.tree_size:,} leaves, {len(verdict.findings):,} findings"]
    for item in verdict.findings:
        where = "log" if item.leaf_index is None else f"leaf {item.leaf_index}"
        lines.append(f"  {item.code} ({where}): {item.detail}")
    return "\n".join([*lines, f"  {looked}{extent}"])


def _told(draw: DrawSummary) -> str:
    """One draw in a line, with what it could find."""
    what = f"{draw.epoch} {draw.draw}: {draw.count} of {draw.of} each"
    outcome = f"{draw.agree} of {draw.items} agree" if draw.state == "settled" else draw.state
    return (
        f"抽查 draw of {what}, {outcome}; finds one false in {float(draw.one_false):.0%} of cases, one in ten false in {float(draw.tenth_false):.0%}"
    )


def write_report(directory: Path, verdict: Verdict, archive: Archive, keys: Path, now: int, narrowed: Sequence[str] = ()) -> list[Path]:
    """Write audit.json, audit.html and evidence.tar into ``directory``; the files written.

    ``now``: Unix seconds, for the page's head. ``narrowed``: options that the audit was narrowed by, so that it is repeated as it was.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document = document_of(verdict)
    write_public(directory / REPORT_JSON, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())
    command = shlex.join(["xinqiao", "audit", "COPY", "--keys", "YOUR-PINNED-KEYS", *narrowed])
    write_public(directory / REPORT_HTML, page(document, now, command).encode())
    _write_bundle(directory / BUNDLE, archive, keys, _readme(document, command))
    return [directory / name for name in (REPORT_JSON, REPORT_HTML, BUNDLE)]


def page(document: dict[str, Any], now: int, command: str) -> str:
    """The HTML page of an audit's document, with the command that repeats it. Everything in it is escaped; it loads nothing."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made = datetime.fromtimestamp(now, UTC).isoformat(sep=" ")
    witnessed = datetime.fromtimestamp(document["witnessed_at"], UTC).isoformat(sep=" ") if document["witnessed_at"] else ""
    return environment.get_template("report.html.j2").render(audit=document, labels=CHECKED, made=made, witnessed=witnessed, command=command)


def _readme(document: dict[str, Any], command: str) -> bytes:
    """What somebody reads who is handed the bundle alone."""
    found = f"{len(document['findings'])} findings" if document["findings"] else "no findings"
    lines = [
        "审计证据 Evidence of an audit",
        "",
        f"zone {document['zone']}, {document['tree_size']} leaves, root {document['root']}",
        f"结论 verdict: {document['verdict']}, {found}",
        "",
        "此包含有核对所需的全部文件，可离线重做。密钥请用您自己固定的，不要用包中的 public/。",
        "Everything that was judged is in this bundle; no network is needed. Use the keys that you pinned yourself, not public/ in here.",
        "",
        "    mkdir COPY && tar -xf evidence.tar -C COPY",
        f"    {command}",
        "",
        "退出码 0 为通过，1 为有发现。 Exit code 0: no finding; 1: findings, the same as those of the report.",
        "",
    ]
    return "\n".join(lines).encode()


def _write_bundle(path: Path, archive: Archive, keys: Path, readme: bytes) -> None:
    """A tar of everything that this audit read, and how to repeat it: the same bytes give the same tar."""
    temporary = path.with_name(f".{path.name}.new")
    with tarfile.open(temporary, "w") as bundle:
        _add(bundle, README, len(readme), io.BytesIO(readme))
        for name, file in _bundled(archive, keys):
            with file.open("rb") as content:
                _add(bundle, name, file.stat().st_size, content)
    temporary.replace(path)


def _add(bundle: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    bundle.addfile(entry, content)


def _bundled(archive: Archive, keys: Path) -> Iterator[tuple[str, Path]]:
    for name in PINNED:
        if (keys / name).is_file():
            yield f"public/{name}", keys / name
    for file in sorted((keys / "packs").glob("*")):
        yield f"public/packs/{file.name}", file
    for part in (CHECKPOINT, "tile", "envelopes", "blobs"):
        top = archive.log_dir / part
        for file in [top] if top.is_file() else sorted(top.glob("**/*")):
            if file.is_file() and not file.name.startswith("."):
                yield f"log/{file.relative_to(archive.log_dir).as_posix()}", file
    for kind in ("receipts", "epochs"):
        for file in archive.documents(kind):
            assert archive.documents_dir is not None
            yield file.relative_to(archive.documents_dir).as_posix(), file
