"""Takes steps of applications in the name of one party, and takes in those of the others [E3, E4, E5].

A step of ours is judged by the same rules as everybody's, signed, kept, logged through the coordinator, entered, and sent to the others; a
process that is killed goes on where it was. Nothing of another's step counts before both signatures, the leaf, the order and the amounts hold.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.statements import SignKey
from nodes.errors import NodeError, NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.lending.book import GRACE_S, Kept, LoanBook, Parties
from nodes.lending.messages import LoanMessage, ReadStep, SignedStep, check_author, read_step
from nodes.lending.terms import terms_in
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import LOAN
from protos.v1.exchange_pb2 import Sealed
from scoring.errors import ConsentMissingError, LoanOvertakenError, LoanStateError, ScoringError, WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.lending.application import Application
from scoring.lending.steps import take
from scoring.statements import Leaf, LoanPaper, LoanStep, SigningKey, parse_leaf
from scoring.statements.lending import LoanContent

MOST_WAITING = 500  # messages of one sender that came too early
STEP_SAID, STEP_TAKEN, STEP_REFUSED, STEP_WAITS, STEP_DROPPED = "loan.said", "loan.taken", "loan.refused", "loan.waits", "loan.dropped"
_log = logging.logger("lending")


class Admission(Protocol):
    """What a kind of party demands beyond the rules of all: ``nodes.bank.loans`` and the enterprise service have one each."""

    def admit(self, sender: str, message: LoanMessage, first: ReadStep, /) -> Parties:
        """The parties of an application that is new to us. Raises ConsentMissingError when it may hold later, else what is wrong with it."""
        ...

    def key(self, parties: Parties, /) -> SigningKey | None:
        """The enterprise's enrolled key, by which its papers are checked; None where it is ours to sign with, and every paper is our own."""
        ...

    def ready(self, kept: Kept, content: LoanContent, /) -> None:
        """Raises ConsentMissingError while another's step rests on what is not here yet."""
        ...

    def vet(self, kept: Kept, content: LoanContent, /) -> None:
        """Raises what this party has against a step of its own that the rules allow."""
        ...


class LoanDesk:
    """The desk of one party. ``leaf_of``: a leaf as the log shows it to every member."""

    def __init__(
        self, identity: Identity, registry: MemberRegistry, book: LoanBook, exchange: ExchangeClient, leaf_of: Callable[[int], Leaf], now: Clock,
        admission: Admission,
    ) -> None:  # fmt: skip
        self._identity, self._registry, self._book, self._exchange = identity, registry, book, exchange
        self._leaf_of, self._now, self._admission = leaf_of, now, admission
        self._turn = threading.RLock()

    def apply(self, parties: Parties, content: LoanContent, author: SignKey) -> Kept:
        """Begin an application: its first step is said. Raises as ``say``; then there is no application."""
        with self._turn:
            self._check(Application(parties.application, terms_in(parties.terms)), content)
            self._book.begin(parties)
            try:
                return self.say(parties.application, content, author)
            finally:
                self._book.drop_empty(parties.application)

    def say(self, application: str, content: LoanContent, author: SignKey | None = None) -> Kept:
        """Take a step; the application after it. ``author`` signs the paper: the enterprise's key, by default our own.

        Raises NotFoundError, LoanStateError, LoanAmountError, TermsError, and RpcRefusal when the zone refuses the step: then it was not taken.
        Raises PeerUnavailableError, or RpcRefusal ``passing``, when it is not known whether it is in the log: it is sent again, and until then
        NotReadyError.
        """
        with self._turn:
            self._settle(application)
            kept = self._book.get(application)
            self._check(kept.app, content)
            self._admission.vet(kept, content)
            paper = LoanPaper(zone=self._identity.zone, nonce=fresh_nonce(), application=application, content=content)
            signed = sign_statement(paper, author or self._identity.signer)
            step = LoanStep(
                zone=self._identity.zone, nonce=fresh_nonce(), application=application, step=content.step, institution=kept.parties.institution,
                service=kept.parties.service, previous=kept.app.course.last, paper=sha256(signed).hex(),
            )  # fmt: skip
            self._book.make(application, signed, sign_statement(step, self._identity.signer))
            self._settle(application, waiting=False)
            return self._book.get(application)

    @contextmanager
    def unmoved(self, application: str, last: str) -> Iterator[None]:
        """For the block, in which nobody else takes a step: the last step of the application is still ``last``, as a person saw it.

        Raises NotFoundError, and LoanStateError where somebody else was faster. Empty: the person's page does not say.
        """
        with self._turn:
            if last and self._book.get(application).app.course.last != last:
                raise LoanStateError("somebody has taken a step meanwhile: look at the application again")
            yield

    def receive(self, sealed: Sealed) -> None:
        """Take a message of another party. One that came too early is kept for ``again``; one that does not hold is logged here and left out.

        Raises PeerUnavailableError while the log does not show a leaf: the message is to be given again.
        """
        try:
            sender = self._registry.member(sealed.sender)
            keys = [verify_key(key) for key in sender.keys]
            message = relay.open_message(
                LoanMessage, sealed.sealed, self._identity.hpke_private, keys, sender=sender.id, to=self._identity.member, matter=LOAN
            )
        except (CryptoError, ScoringError) as error:
            _log.warning(STEP_REFUSED, sender=sealed.sender, error=type(error).__name__)
            return
        if self._taken(sender.id, message):
            self.again()
        elif self._book.waiting_of(sender.id) < MOST_WAITING:
            self._book.put_waiting(sender.id, message)
        else:
            _log.warning(STEP_REFUSED, sender=sender.id, error="too many wait")

    def again(self) -> None:
        """Try what came too early once more: when a notice or a step has come. Raises PeerUnavailableError."""
        progress = True
        while progress:
            progress = False
            for number, sender, message in self._book.waiting():
                if self._taken(sender, message):
                    self._book.done_waiting(number)
                    progress = True

    def _taken(self, sender: str, message: LoanMessage) -> bool:
        """Whether the message is settled: taken, or found not to hold. Not so while it comes too early."""
        try:
            self._take(sender, message)
        except (ConsentMissingError, LoanOvertakenError) as early:
            _log.info(STEP_WAITS, sender=sender, error=type(early).__name__)
            return False
        except PeerUnavailableError:
            raise
        except (CryptoError, ScoringError, NodeError) as error:
            _log.warning(STEP_REFUSED, sender=sender, error=type(error).__name__)
        return True

    def resume(self) -> None:
        """Have logged what we signed, and send what was not sent: when the process starts, and now and then. Raises PeerUnavailableError,
        RpcRefusal ``passing``."""
        for application in self._book.unfinished():
            with self._turn:
                self._settle(application)
        self._send()

    def _check(self, app: Application, content: LoanContent) -> None:
        """The rules allow the step now, and still when the log is late by the grace."""
        for late in (0, GRACE_S):
            take(app, content, "paper", "step", self._now() - late)

    def _settle(self, application: str, *, waiting: bool = True) -> None:
        """Nothing of ours is in the air any more. ``waiting``: it was there before, so that a refusal is no answer to this call."""
        made = self._book.made(application)
        if made is None:
            return
        paper, step = made
        try:
            receipt = self._exchange.submit(step)
        except RpcRefusal as refusal:
            if refusal.passing:
                raise NotReadyError("the zone takes nothing at the moment: it is sent again") from refusal
            self._book.drop(application)
            _log.warning(STEP_DROPPED, application=application, reason=refusal.reason)
            if waiting:
                return
            raise
        signed = SignedStep(paper=paper.hex(), step=step.hex(), leaf_index=receipt.leaf_index)
        self._enter(read_step(signed, self._registry), parse_leaf(receipt.leaf).time, self._identity.member)
        _log.info(STEP_SAID, application=application, leaf_index=receipt.leaf_index)
        self._send()

    def _take(self, sender: str, message: LoanMessage) -> None:
        reads = [read_step(signed, self._registry) for signed in message.steps]
        application = reads[0].statement.application
        with self._turn:
            if not self._book.known(application):
                if not message.terms:
                    raise LoanOvertakenError("the application itself has not been taken yet")
                self._book.begin(self._admitted(sender, message, reads[0]))
            parties = self._book.get(application).parties
            if sender not in {parties.institution, parties.service, *self._guarantors(application)}:
                raise WrongSignerError(f"{sender} is no party of this application")
            for read in reads:
                self._take_step(sender, read)

    def _admitted(self, sender: str, message: LoanMessage, first: ReadStep) -> Parties:
        parties = self._admission.admit(sender, message, first)
        key = self._admission.key(parties)
        if key is not None:
            check_author(first, key)
        _check_applied(first, parties)
        take(Application(parties.application, terms_in(parties.terms)), first.paper.content, first.statement.paper, first.digest, self._time(first))
        return parties

    def _take_step(self, sender: str, read: ReadStep) -> None:
        kept = self._book.get(read.statement.application)
        if any(step.digest == read.digest for step in self._book.steps(kept.app.id)):
            return
        if (read.statement.institution, read.statement.service) != (kept.parties.institution, kept.parties.service):
            raise WrongSignerError("the step is between other parties")
        if read.statement.previous != kept.app.course.last:
            raise LoanOvertakenError("the step does not follow the last one that is known here")
        key = self._admission.key(kept.parties)
        if read.by_enterprise and key is not None:
            check_author(read, key)
        if read.statement.step == "guaranteed" and self._registry.key(read.author.key_ids[0]).member.id not in self._guarantors(kept.app.id):
            raise WrongSignerError("the offer names another guarantor")
        take(kept.app, read.paper.content, read.statement.paper, read.digest, self._time(read))
        self._admission.ready(kept, read.paper.content)
        self._enter(read, self._time(read) + GRACE_S, sender)
        _log.info(STEP_TAKEN, application=kept.app.id, sender=sender, leaf_index=read.signed.leaf_index)
        self._send()

    def _time(self, read: ReadStep) -> int:
        """The time by which a logged step is judged. Raises LoanStateError when the log has another statement there."""
        leaf = self._leaf_of(read.signed.leaf_index)
        if (leaf.kind, leaf.digest) != (LoanStep.kind, read.digest):
            raise LoanStateError("the step is not the leaf of the log that it names")
        return leaf.time - GRACE_S

    def _enter(self, read: ReadStep, time: int, source: str) -> None:
        """Keep a step and what others are told of it: the institution tells everybody, the others tell the institution."""
        kept = self._book.get(read.statement.application)
        messages = [(to, self._sealed(to, self._message(kept, read, to))) for to in self._receivers(kept, read, source)]
        self._book.enter(kept.app.id, read.signed, read.digest, time, messages)

    def _receivers(self, kept: Kept, read: ReadStep, source: str) -> list[str]:
        parties, own = kept.parties, self._identity.member
        if own != parties.institution:
            return [parties.institution] if source == own else []
        offered = getattr(read.paper.content, "guarantor", "")
        others: dict[str, None] = dict.fromkeys((parties.service, *self._guarantors(kept.app.id), *([offered] if offered else [])))
        return [name for name in others if name not in {own, source}]

    def _message(self, kept: Kept, read: ReadStep, to: str) -> LoanMessage:
        """To whom the application is new, all of it."""
        parties = kept.parties
        if kept.steps and to in {parties.institution, parties.service, *self._guarantors(kept.app.id)}:
            return LoanMessage(steps=(read.signed,))
        steps = (*(step.signed for step in self._book.steps(kept.app.id)), read.signed)
        return LoanMessage(steps=steps, terms=parties.terms.hex(), binding=parties.binding.hex(), enrolment=parties.enrolment.hex())

    def _guarantors(self, application: str) -> tuple[str, ...]:
        """The guarantor that the offer names, if any."""
        offer = self._book.get(application).app.offer
        return (offer.guarantor,) if offer is not None and offer.guarantor else ()

    def _sealed(self, to: str, message: LoanMessage) -> bytes:
        public = bytes.fromhex(self._registry.member(to).hpke)
        return relay.seal_message(message, public, self._identity.signer, sender=self._identity.member, to=to, matter=LOAN)

    def _send(self) -> None:
        """In order; what cannot be sent now is sent by ``resume``."""
        for number, receiver, sealed in self._book.unsent():
            try:
                self._exchange.relay(receiver, LOAN, sealed)
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.info(STEP_WAITS, receiver=receiver, error=type(error).__name__)
                return
            self._book.sent(number)


def _check_applied(first: ReadStep, parties: Parties) -> None:
    """The first step is the application that terms and parties say it is. Raises LoanStateError."""
    content = first.paper.content
    if content.step != "applied" or (content.subject, content.terms) != (parties.subject, sha256(parties.terms).hex()):
        raise LoanStateError("an application begins with the enterprise's own, under the terms that it names")
    statement = first.statement
    if (statement.institution, statement.service, statement.application) != (parties.institution, parties.service, parties.application):
        raise WrongSignerError("the application is between other parties")
