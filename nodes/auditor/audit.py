"""The audit of a whole log, offline: its tree hashed again, every statement replayed, everything recomputed that can be [L7].

Trust comes from pinned roots alone. What does not hold becomes a finding; nothing is repaired and nothing is skipped in silence.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from crypto.checkpoint import Checkpoint, check_witnessed, open_checkpoint
from crypto.encoding import sha256
from crypto.errors import CryptoError, NoteError
from crypto.paillier import DEFAULT_MIN_BITS
from nodes.evidence.archive import Archive
from nodes.evidence.contents import Contents, Count
from nodes.evidence.documents import Documents
from nodes.evidence.roots import AuditRoots
from nodes.evidence.tree import Hashes, check_tree, entries_of
from protos.errors import refusal_of
from scoring.audit import Finding, Scope, closing_findings, custody_findings, release_findings, void_findings
from scoring.draws import findings as draws
from scoring.errors import LogInconsistentError
from scoring.exchange.view import ZoneView
from scoring.release.ceremony import check_ceremony

SHOWN_PER_CODE = 1000
_LEAF = re.compile(rb'\{"actor":"([a-z][a-z0-9.-]{1,62})","digest":"([0-9a-f]{64})","kind":"([a-z-]{1,40})","time":([0-9]{1,13}),"v":1\}')


@dataclass(frozen=True, slots=True)
class Options:
    """``tree_only``: judge the public tree, nothing behind the leaves. ``workers``: processes for proofs. ``min_bits``: shortest key."""

    scope: Scope = field(default_factory=Scope)
    tree_only: bool = False
    workers: int = 2
    min_bits: int = DEFAULT_MIN_BITS


@dataclass
class Verdict:
    """What an audit came to. ``checked``: how much of what was looked at."""

    zone: str
    tree_size: int = 0
    root: str = ""
    witnessed_at: int = 0
    complete: bool = False
    findings: list[Finding] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    draws: list[draws.DrawSummary] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether there is no finding."""
        return not self.findings


def audit(archive: Archive, pinned: AuditRoots, options: Options, count: Count) -> Verdict:
    """Judge ``archive`` against ``pinned``. Never raises because of what is in the archive."""
    verdict = Verdict(pinned.roots.zone)
    checkpoint = _judge_checkpoint(archive, pinned, verdict)
    if checkpoint is None:
        return verdict
    tree = check_tree(archive, checkpoint.size, checkpoint.root)
    verdict.checked = {"leaves": checkpoint.size, "tiles": tree.tiles}
    verdict.findings += _limited(tree.findings)
    if tree.hashes is None or tree.hashes.root(checkpoint.size) != checkpoint.root:
        return verdict  # what the entries say is not what was signed
    if options.tree_only:
        return verdict
    if not archive.has_statements:
        verdict.findings.append(Finding("STATEMENTS_MISSING", None, "there is no log/envelopes: only the public tree could be judged"))
        return verdict
    verdict.complete = True
    _Replay(archive, pinned, options, count, verdict).run(tree.hashes)
    return verdict


def _judge_checkpoint(archive: Archive, pinned: AuditRoots, verdict: Verdict) -> Checkpoint | None:
    note, policy = archive.checkpoint() or b"", pinned.roots.registry.genesis.witness_policy
    try:
        checkpoint = open_checkpoint(note, pinned.roots.log_vkey)
    except NoteError as error:
        verdict.findings.append(Finding("CHECKPOINT_SIGNATURE", None, str(error)))
        return None
    verdict.tree_size, verdict.root = checkpoint.size, checkpoint.root.hex()
    try:
        verdict.witnessed_at = check_witnessed(note, pinned.roots.log_vkey, policy.witnesses, policy.required).time
    except NoteError as error:
        verdict.findings.append(Finding("WITNESS_POLICY", None, str(error)))
    return checkpoint


class _Replay:
    """Everything behind the leaves of a tree that was found to be the signed one."""

    def __init__(self, archive: Archive, pinned: AuditRoots, options: Options, count: Count, verdict: Verdict) -> None:
        self._archive, self._pinned, self._options, self._count, self._verdict = archive, pinned, options, count, verdict
        self._view = ZoneView(pinned.roots.genesis, pinned.roots.packs, min_key_bits=options.min_bits)
        self._times, self._actors = array("q"), list[str]()

    def run(self, hashes: Hashes) -> None:
        """Add every finding to the verdict."""
        archive, view, scope, verdict = self._archive, self._view, self._options.scope, self._verdict
        contents = Contents(archive, view, scope, self._options.workers, self._count)
        documents = Documents(archive, self._pinned.roots, view, hashes, contents, scope, self._count)
        for found in (
            self._leaves(),
            void_findings(view, lambda error: refusal_of(error).reason),
            self._pins(),
            contents.rosters(),
            contents.proofs_and_tickets(),
            closing_findings(view),
            custody_findings(view),
            release_findings(view, contents.placements),
            self._draws(hashes),
            documents.record_findings(),
            documents.receipt_findings(),
        ):
            verdict.findings += _limited(finding for finding in found if self._in_scope(finding))
        verdict.checked |= {
            "statements": len(view.statements),
            "contributions": contents.contributions,
            "tickets": len(view.tickets),
            "openings": contents.openings,
            "epoch_records": documents.records,
            "receipts": documents.receipts,
        }
        verdict.draws = list(draws.summaries(view))
        verdict.kinds = dict(sorted(Counter(logged.statement.kind for logged in view.statements.values()).items()))

    def _in_scope(self, finding: Finding) -> bool:
        """Findings without a leaf, and those of the log itself, are always in scope."""
        index = finding.leaf_index
        if index is None or not 0 <= index < len(self._times):
            return True
        logged = self._view.statements.get(index)
        others = () if logged is None else (getattr(logged.statement, name, "") for name in ("audience", "custodian"))
        return self._options.scope.covers(self._times[index], self._actors[index], *others)

    def _draws(self, hashes: Hashes) -> Iterator[Finding]:
        """Draws and failures that are overdue, rest on another tree, or found something [P6, P2.4]."""
        now = max(self._verdict.witnessed_at, self._times[-1] if self._times else 0)
        for code, leaf, detail in draws.findings(self._view, hashes.root, self._times.__getitem__, now):
            yield Finding(code, leaf, detail)

    # --- leaves and statements [L2] ---

    def _leaves(self) -> Iterator[Finding]:
        """Leaves that are malformed, out of time, or whose statement is missing or another one."""
        size = self._verdict.tree_size
        for index, leaf in enumerate(entries_of(self._archive, size)):
            yield from self._leaf(index, leaf)
            self._count("leaves replayed", index + 1, size)

    def _leaf(self, index: int, leaf: bytes) -> Iterator[Finding]:
        match = _LEAF.fullmatch(leaf)
        before = self._times[-1] if self._times else 0
        self._times.append(int(match[4]) if match else before)
        self._actors.append(sys.intern(match[1].decode()) if match else "")
        envelope = self._archive.envelope(match[2].decode()) if match else None
        if match is None:
            yield Finding("LEAF_INVALID", index, "it is not the canonical leaf of a statement")
        elif envelope is None:
            yield Finding("ENVELOPE_MISSING", index, f"there is no statement {match[2].decode()}")
        elif sha256(envelope).hex().encode() != match[2]:
            yield Finding("ENVELOPE_DIGEST", index, f"the statement stored as {match[2].decode()} has another digest")
        else:
            yield from self._apply(index, leaf, envelope)
        if self._view.size == index:
            self._view.skip()
        if self._times[-1] < before:
            yield Finding("LEAF_TIME", index, f"its time {self._times[-1]} is before that of the leaf before, {before}")

    def _apply(self, index: int, leaf: bytes, envelope: bytes) -> Iterator[Finding]:
        try:
            self._view.apply(index, leaf, envelope)
        except LogInconsistentError as error:
            yield Finding("GENESIS_MISMATCH" if index == 0 else "LEAF_INVALID", index, str(error))

    # --- pinned facts [P1.5] ---

    def _pins(self) -> Iterator[Finding]:
        """A ceremony or key that is not the pinned one, or does not hold; admitted models whose pack is not pinned."""
        view, roots = self._view, self._pinned.roots
        for sha, logged in view.admitted.items():
            if sha not in roots.packs:
                yield Finding("PACK_MISSING", logged.index, f"no pinned pack has the hash {sha}: what rests on it could not be judged")
        ceremony = view.ceremony
        if ceremony is None:
            return
        if ceremony.envelope != self._pinned.ceremony:
            yield Finding("CEREMONY_NOT_PINNED", ceremony.index, "the transcript in the log is not the pinned one")
        if view.public_key != roots.key:
            yield Finding("KEY_NOT_PINNED", ceremony.index, "the key in the log is not the pinned one")
        try:
            check_ceremony(ceremony.statement, self._options.min_bits)
        except CryptoError as error:
            yield Finding("CEREMONY_INVALID", ceremony.index, str(error))


def _limited(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings; of one code at most SHOWN_PER_CODE, then one that says how many more there are."""
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.code] += 1
        if seen[finding.code] <= SHOWN_PER_CODE:
            yield finding
    for code, number in seen.items():
        if number > SHOWN_PER_CODE:
            yield Finding(code, None, f"{number - SHOWN_PER_CODE} more findings with this code")
