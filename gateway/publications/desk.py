"""The authority's work on publications: who is a candidate, each step signed and logged, answers and objections taken [N1–N5]."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal

from crypto.encoding import canonical_json, sha256
from gateway.evaluation.conduct import Evaluation
from gateway.publications.store import UNSENT, PublicationStore
from gateway.woken import Woken
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.zone import Zone
from scoring.exchange.epoch import Phase
from scoring.publications.candidates import Scored, best, eligible
from scoring.publications.errors import PublicationFormatError, PublicationStateError, PublicationUnknownError
from scoring.publications.publication import Entry, Objection, Offer, Publication, Step, Word
from scoring.statements import PublicationStep, PublicationStepName, Title

RETRY_S = 5.0
TOTAL = "total"
STEP_LOGGED, STEP_DELAYED = "publication.step_logged", "publication.step_delayed"
_log = logging.logger("publications")


class PublicationDesk:
    """Publications of one authority. ``company`` names a subject for the papers; empty where the register does not know it. ``sender`` sends
    what is kept."""

    def __init__(
        self, identity: Identity, zone: Zone, exchange: ExchangeClient, evaluation: Evaluation, store: PublicationStore,
        company: Callable[[str], str], now: Clock,
    ) -> None:  # fmt: skip
        self._identity, self._zone, self._exchange, self._evaluation = identity, zone, exchange, evaluation
        self.store, self.company, self._now = store, company, now
        self._turn = threading.Lock()
        self.sender = Woken(self._again)

    # --- the authority's steps ---

    def sources(self, epoch: str) -> list[dict[str, Any]]:
        """The lists of the epoch's model that may be published. Raises EpochUnknownError."""
        return self._evaluation.rankings(epoch)

    def announce_ranking(self, by: str, epoch: str, source: str, until: int) -> Publication:
        """Ask those on a list of the model (``source``: its id) whether they agree to be named. Raises PublicationUnknownError as ``_released``."""
        self._released(epoch)
        found = next((item for item in self.sources(epoch) if item["id"] == source), None)
        if found is None:
            raise PublicationUnknownError(f"the model of {epoch} has no list {source!r}")
        candidates = tuple(subject for subjects in found["stages"].values() for subject in subjects)
        return self._announce(Publication(_fresh(), "ranking", Title(**found["title"]), epoch, source, candidates), by, until)

    def announce_best(self, by: str, epoch: str, count: int, title: Title, until: int) -> Publication:
        """Ask the ``count`` best over all stages whether they agree to be named (such as 500强)."""
        candidates = best(self._scored(epoch), self._released(epoch), count)
        return self._announce(Publication(_fresh(), "ranking", title, epoch, f"best-{count}", candidates), by, until)

    def announce_housing(
        self, by: str, epoch: str, title: Title, offers: Sequence[Offer], below_top_percent: int, flags_epoch: str, until: int
    ) -> Publication:
        """Offer flats to the best ``below_top_percent`` by points, and, with ``flags_epoch``, only to those who meet every criterion of its flag
        model, such as the local tax contribution."""
        if not offers or len({offer.id for offer in offers}) != len(offers) or any(offer.places < 1 for offer in offers):
            raise PublicationFormatError("flats are offered by estate: each once, with one place at least")
        flagged = self._meeting_all(flags_epoch) if flags_epoch else None
        candidates = eligible(self._scored(epoch), self._released(epoch), below_top_percent, flagged)
        source = f"top-{below_top_percent}" + (f"-{flags_epoch}" if flags_epoch else "")
        return self._announce(Publication(_fresh(), "housing", title, epoch, source, candidates, tuple(offers)), by, until)

    def advance(self, publication: str, name: PublicationStepName, by: str, until: int = 0) -> Publication:
        """Take the next step. Raises PublicationStateError, PublicationUnknownError."""
        with self._turn:
            before = self.store.get(publication)
            steps = self.store.steps(publication)
            if any(step.leaf == UNSENT for step in steps):
                raise PublicationStateError("the last step is still on its way to the log")
            return self._keep(before, before.take(Step(name, by, self._now(), until)), steps[-1].digest)

    def settle(self, publication: str, place: int, verdict: Literal["upheld", "dismissed"], note: str) -> None:
        """Settle an objection. Raises PublicationStateError, PublicationFormatError."""
        with self._turn:
            before = self.store.get(publication)
            self.store.keep(before, before.settle(place, verdict, note))

    # --- what others say ---

    def concerning(self, subject: str) -> list[dict[str, Any]]:
        """What an enterprise is asked, or stands on: nothing about others."""
        found = []
        for item in self.store.listed():
            if subject in item.candidates:
                word = item.words.get(subject)
                got = next((entry.estate for entry in item.entries if entry.subject == subject), None)
                found.append({**_described(item), "word": word and {"agrees": word.agrees, "choices": list(word.choices), "at": word.at},
                              "on_notice": got is not None, "estate": got or ""})  # fmt: skip
        return found

    def notices(self) -> list[dict[str, Any]]:
        """What is on public notice now, with who stands there."""
        return [{**_described(item), "entries": self._named(item.entries)} for item in self.store.listed() if item.state == "noticed"]

    def say(self, publication: str, subject: str, agrees: bool, choices: Sequence[str]) -> None:
        """A candidate's word. Raises as ``Publication.say``."""
        with self._turn:
            before = self.store.get(publication)
            self.store.keep(before, before.say(subject, Word(agrees, tuple(choices), self._now())))

    def object(self, publication: str, subject: str, text: str, by: str, *, once: bool = False) -> None:
        """Somebody objects to an entry; ``once``: who did so before does not again. Raises as ``Publication.object``, PublicationStateError."""
        with self._turn:
            before = self.store.get(publication)
            if once and any((known.by, known.subject) == (by, subject) for known in before.objections):
                raise PublicationStateError("the enterprise has objected to this entry: the authority settles it")
            self.store.keep(before, before.object(Objection(subject, text.strip(), by, self._now())))

    # --- the way to the log ---

    def drain(self) -> None:
        """Send kept steps in their order, as far as the zone takes them now. A step is never given up: it follows from what is in the log."""
        for step in self.store.unsent():
            try:
                receipt = self._exchange.submit(step.envelope)
            except (RpcRefusal, PeerUnavailableError) as error:
                _log.warning(STEP_DELAYED, error=type(error).__name__, reason=getattr(error, "reason", ""))
                return
            self.store.sent(step, receipt.leaf_index)
            _log.info(STEP_LOGGED, publication=step.publication, leaf_index=receipt.leaf_index)

    def _again(self) -> float:
        self.drain()
        return RETRY_S

    def _announce(self, made: Publication, by: str, until: int) -> Publication:
        if not made.candidates:
            raise PublicationFormatError("nobody would be a candidate")
        with self._turn:
            return self._keep(None, made.take(Step("announced", by, self._now(), until)), "")

    def _keep(self, before: Publication | None, after: Publication, previous: str) -> Publication:
        step = after.history[-1]
        paper = canonical_json(self._paper(after))
        statement = PublicationStep(
            zone=self._identity.zone, nonce=fresh_nonce(), publication=after.id, step=step.name, epoch=after.epoch,
            previous=previous, paper=sha256(paper).hex(), until=step.until,
        )  # fmt: skip
        self.store.keep_step(before, after, paper, sign_statement(statement, self._identity.signer))
        self.drain()
        return after

    def _paper(self, made: Publication) -> dict[str, Any]:
        entries = made.standing if made.state == "published" else made.entries
        return {"format": "xinqiao/publication/v1", **_described(made), "candidates": len(made.candidates), "entries": self._named(entries)}

    def _named(self, entries: Sequence[Entry]) -> list[dict[str, str]]:
        return [{"subject": entry.subject, "company": self.company(entry.subject), "estate": entry.estate} for entry in entries]

    # --- released values ---

    def _released(self, epoch: str) -> str:
        """The digest of the epoch's opening, by which lots are drawn. Raises EpochUnknownError, PublicationStateError before its release."""
        with self._zone.reading() as view:
            state = view.epoch(epoch)
        if state.phase is not Phase.RELEASED:
            raise PublicationStateError(f"epoch {epoch} is not released yet")
        return state.close_digest

    def _scored(self, epoch: str) -> list[Scored]:
        return [Scored(total.subject, total.hundredths, total.gated) for total, _ in self._evaluation.totals(epoch, TOTAL)]

    def _meeting_all(self, epoch: str) -> frozenset[str]:
        """Who meets every criterion of a flag model's released epoch: as many points as it has indicators that score."""
        self._released(epoch)
        with self._zone.reading() as view:
            model = view.model(view.epoch(epoch).opened.model)
        most = 100 * sum(indicator.role == "points" for indicator in model.pack.indicators.values())
        return frozenset(item.subject for item in self._scored(epoch) if not item.gated and item.hundredths >= most)


def _described(item: Publication) -> dict[str, Any]:
    offers = [{"id": offer.id, "title": offer.title.model_dump(), "places": offer.places} for offer in item.offers]
    return {
        "id": item.id, "kind": item.kind, "title": item.title.model_dump(), "epoch": item.epoch, "source": item.source, "state": item.state,
        "until": item.until, "offers": offers,
    }  # fmt: skip


def _fresh() -> str:
    return secrets.token_hex(16)
