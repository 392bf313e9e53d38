"""From a revealed draw, or a failed ticket, to its logged outcome: ask, take what is shown, judge, log [P6, P2.4]."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crypto.encoding import canonical_json
from crypto.errors import CryptoError
from nodes.auditor.draws.book import Book
from nodes.auditor.draws.cases import Case, requests_of
from nodes.auditor.draws.judging import ItemReport, Judge
from nodes.errors import FatalError, NodeError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica import relay
from nodes.runtime.replica.audit_messages import OpeningAnswer
from nodes.runtime.replica.relay import AUDIT_OPENING, AUDIT_REQUEST
from nodes.runtime.replica.zone import Zone
from protos.errors import refusal_of
from protos.v1.exchange_pb2 import Sealed
from scoring.errors import NotDrawnError, ScoringError
from scoring.exchange.view import verify_key
from scoring.statements import AuditResult, DrawnItem

DRAW_ASKED, DRAW_SETTLED, DRAW_UNJUDGED = "draw.asked", "draw.settled", "draw.unjudged"
ANSWER_TAKEN, ANSWER_REFUSED = "answer.taken", "answer.refused"
_log = logging.logger("auditor.draws")


class Settler:
    """Settles cases for the auditor ``identity``. ``relay_to(member, matter, sealed)`` goes through the coordinator; ``reports``: a
    directory for the auditor's own accounts."""

    def __init__(
        self, identity: Identity, zone: Zone, relay_to: Callable[[str, str, bytes], None], book: Book, judge: Judge, reports: Path, now: Clock
    ) -> None:
        self._identity, self._zone, self._relay, self._book, self._judge, self._now = identity, zone, relay_to, book, judge, now
        self._reports = make_private_directory(reports)
        self._sent: set[tuple[str, str]] = set()  # requests sent in this life of the process

    def take(self, sealed: Sealed) -> bool:
        """Keep a department's answer; whether it was one. What is not an answer of its sender to us is noted and dropped."""
        if sealed.subject_matter != AUDIT_OPENING:
            return False
        sender, us = sealed.sender, self._identity
        try:
            with self._zone.reading() as view:
                keys = [verify_key(key) for key in view.registry.member(sender).keys]
            answer = relay.open_message(OpeningAnswer, sealed.sealed, us.hpke_private, keys, sender=sender, to=us.member, matter=AUDIT_OPENING)
        except (ScoringError, CryptoError) as error:
            _log.warning(ANSWER_REFUSED, member=sender, reason=refusal_of(error).reason)
            return False
        if not self._was_asked(sender, answer):
            _log.warning(ANSWER_REFUSED, member=sender, reason=refusal_of(NotDrawnError()).reason)
            return False
        self._book.answered(sender, answer)
        _log.info(ANSWER_TAKEN, member=sender, cause=answer.cause, refused=bool(answer.reason))
        return True

    def _was_asked(self, sender: str, answer: OpeningAnswer) -> bool:
        """Whether the sender was asked for this case and the answer is about a contribution of its own: the book does not grow by others."""
        with self._zone.reading() as view:
            logged = view.contributions.get(view.leaf_of.get(answer.contribution, -1))
        if logged is None or logged.statement.header.sender != sender or answer.position >= logged.statement.header.batches:
            return False
        return sender in self._book.asked(answer.cause)

    def ask(self, case: Case) -> None:
        """Ask every contributor, once in each life of the process with the same bytes. Raises RpcRefusal, PeerUnavailableError."""
        sealed = self._book.asked(case.cause)
        if not sealed:
            sealed = self._requests(case)
            self._book.ask(case.cause, sealed)
        for member, data in sealed.items():
            if (case.cause, member) not in self._sent:
                self._relay(member, AUDIT_REQUEST, data)
                self._sent.add((case.cause, member))
                _log.info(DRAW_ASKED, cause=case.cause, member=member)

    def outcome(self, case: Case) -> AuditResult | None:
        """What is to be logged of a case now: once everything was answered, or is overdue, and anything is new. The account is written."""
        answers = self._book.answers(case.cause)
        with self._zone.reading() as view:
            wanted = {(view.contributions[leaf].digest, position) for leaf, position in case.items}
            said = [logged.statement for logged in view.statements.values() if isinstance(logged.statement, AuditResult)]
        if not wanted <= answers.keys() and self._now() < case.due:
            return None
        try:
            report = self._judge.report(case, answers)
        except (FatalError, PeerUnavailableError, RpcRefusal):
            raise
        except (ScoringError, CryptoError, NodeError) as error:  # ciphertexts or the roster cannot be had as the log names them
            _log.error(DRAW_UNJUDGED, cause=case.cause, reason=refusal_of(error).reason)
            return None
        items = tuple(DrawnItem(leaf_index=one.item[0], position=one.item[1], outcome=one.outcome) for one in report)
        if any((statement.cause, statement.items) == (case.cause, items) for statement in said):
            return None  # of a failure: nothing new was opened since the last outcome
        self._write(case, report)
        _log.info(DRAW_SETTLED, epoch=case.epoch, draw=case.kind, items=len(items), agree=sum(item.outcome == "AGREES" for item in items))
        size, root = case.evidence.size, case.evidence.root
        return AuditResult(zone=self._identity.zone, nonce=fresh_nonce(), cause=case.cause, size=size, root=root, items=items)

    def _requests(self, case: Case) -> dict[str, bytes]:
        with self._zone.reading() as view:
            requests = requests_of(view, case)
            public = {member: bytes.fromhex(view.registry.member(member).hpke) for member in requests}
        sender, signer = self._identity.member, self._identity.signer
        return {
            member: relay.seal_message(request, public[member], signer, sender=sender, to=member, matter=AUDIT_REQUEST)
            for member, request in requests.items()
        }

    def _write(self, case: Case, report: list[ItemReport]) -> None:
        """The auditor's own account of a case, with what is not logged."""
        items = [
            {
                "member": one.member,
                "leaf_index": one.item[0],
                "position": one.item[1],
                "entries": [[entry.indicator, entry.functional] for entry in one.entries],
                "outcome": one.outcome,
                "subjects": one.subjects,
                "detail": one.detail,
            }
            for one in report
        ]
        document = {"cause": case.cause, "epoch": case.epoch, "draw": case.kind, "items": items}
        write_private(self._reports / f"{case.epoch}-{case.kind}-{case.cause[:8]}.json", canonical_json(document))
