"""What an audience does when partials do not open: it gets more of them, opens with those that fit, and has the log name who lied [P1.4].

A quarrel is kept in a private file until it is settled: who was asked for a proof, whose signed partials are at hand. It goes on after a restart.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crypto.encoding import canonical_json, sha256
from crypto.errors import CryptoError
from crypto.paillier import Opening
from crypto.statements import parse_envelope
from crypto.threshold import combine
from nodes.errors import PeerUnavailableError, RpcRefusal, StorageError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.files import make_private_directory, read_private, write_private
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from protos.errors import refusal_of
from scoring.custody.blame import ANSWER_S, holds, proof_of
from scoring.custody.generations import Generation
from scoring.errors import BlameError
from scoring.release.opening import Opener, SealedPartial
from scoring.statements import Blame, Hex32, HexBytes, HexInt, MemberId, PartialProof, ProofDemand, Record, Ticket, parse_statement

LOOK_S = 5.0
SLACK_S = 120  # added to the time for an answer: our clock, the log's and its queue
OpenerOf = Callable[[int], Opener]
GenerationOf = Callable[[int], Generation]
UNFOUNDED = refusal_of(BlameError()).reason

_log = logging.logger("disputes")


class Dispute(Record):
    """One opening that failed: the custodians' signed partials (envelopes, hex), the demand that was made of them, and with whom it is settled."""

    ticket: Hex32
    opening: int
    generation: int
    aggregate: HexInt
    partials: dict[MemberId, HexBytes]
    demand: HexBytes | None = None
    answer_by: int = 0
    settled: tuple[MemberId, ...] = ()


class Disputes:
    """One audience's quarrels with custodians. ``open`` is called by whoever opens; ``run`` settles what came of it."""

    def __init__(self, identity: Identity, exchange: ExchangeClient, directory: Path, now: Clock) -> None:
        self._identity, self._exchange, self._now = identity, exchange, now
        self._directory = make_private_directory(directory)
        self._wake = threading.Event()

    def open(
        self, opener_of: OpenerOf, ticket: Ticket, digest: str, aggregates: Sequence[int], sealed: Sequence[SealedPartial], executor: Executor
    ) -> tuple[Opening, ...]:
        """Every opening of the ticket, in order, whichever t of the custodians that are up are honest.

        Raises PartialError and OpeningError when not even all custodians' answers open one; then too the log will name who lied.
        """
        places = range(len(aggregates))
        found, suspects = attempt(opener_of, ticket, digest, aggregates, sealed, executor, places)
        failed = [place for place in places if isinstance(found[place], CryptoError)]
        if failed:
            more = self._more(digest)
            again, all_signed = attempt(opener_of, ticket, digest, aggregates, more, executor, failed) if more else (found, suspects)
            for place in failed:
                found[place] = again[place]
                signed = all_signed[place] if isinstance(again[place], CryptoError) else suspects[place]
                self._note(
                    Dispute(
                        ticket=digest,
                        opening=place,
                        generation=(more or sealed)[0].generation if more or sealed else 0,
                        aggregate=f"{aggregates[place]:x}",
                        partials={name: envelope.hex() for name, envelope in signed.items()},
                    )
                )
        return all_opened(found)

    def run(self, stopping: threading.Event, generation_of: GenerationOf) -> None:
        """Settle what is open until the process stops."""
        while not stopping.is_set():
            self._wake.clear()
            try:
                self.turn(generation_of)
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.info(logging.DISPUTE_DELAYED, cause=type(error).__name__, reason=getattr(error, "reason", ""))
            self._wake.wait(LOOK_S)

    def stop(self) -> None:
        """Wake ``run`` so that it ends."""
        self._wake.set()

    def turn(self, generation_of: GenerationOf) -> None:
        """Go on with every dispute: demand proofs, judge those that came, blame. Raises RpcRefusal and PeerUnavailableError: then again later."""
        for path in sorted(self._directory.glob("*.json")):
            self._advance(path, generation_of)

    def _more(self, digest: str) -> list[SealedPartial]:
        try:
            return self._exchange.more_partials(digest)
        except (PeerUnavailableError, RpcRefusal) as error:
            _log.warning(logging.DISPUTE_DELAYED, cause=type(error).__name__, reason=getattr(error, "reason", ""))
            return []

    def _note(self, dispute: Dispute) -> None:
        """Keep a dispute, if there is a signed partial to argue about, and none about the same opening."""
        path = self._directory / f"{dispute.ticket}-{dispute.opening}-{dispute.generation}.json"
        if dispute.partials and not path.exists():
            self._keep(path, dispute)
            _log.warning(logging.DISPUTE_OPENED, ticket=dispute.ticket, opening=dispute.opening, custodians=sorted(dispute.partials))
            self._wake.set()

    def _advance(self, path: Path, generation_of: GenerationOf) -> None:
        dispute = _read(path)
        if dispute.demand is None:
            dispute = self._demanding(dispute)
            self._keep(path, dispute)
        demand = bytes.fromhex(dispute.demand or "")
        if not self._submit(demand):
            path.unlink()  # what we held is not of the zone's log, or its shares have been renewed since
            return
        digest = sha256(demand).hex()
        proofs = {proof.custodian: proof for proof in map(_proof, self._exchange.proofs(digest))}
        settled = [name for name in dispute.partials if name in dispute.settled or self._settle(dispute, digest, name, proofs, generation_of)]
        if len(settled) == len(dispute.partials):
            path.unlink()
        elif tuple(settled) != dispute.settled:
            self._keep(path, dispute.model_copy(update={"settled": tuple(settled)}))

    def _demanding(self, dispute: Dispute) -> Dispute:
        answer_by = self._now() + ANSWER_S + SLACK_S
        demand = ProofDemand(
            zone=self._identity.zone, nonce=fresh_nonce(), ticket=dispute.ticket, opening=dispute.opening, generation=dispute.generation,
            custodians=tuple(sorted(dispute.partials)), answer_by=answer_by,
        )  # fmt: skip
        return dispute.model_copy(update={"demand": sign_statement(demand, self._identity.signer).hex(), "answer_by": answer_by})

    def _settle(self, dispute: Dispute, demand: str, custodian: str, proofs: Mapping[str, PartialProof], generation_of: GenerationOf) -> bool:
        """Whether nothing more is to be said about this custodian."""
        proof = proofs.get(custodian)
        if proof is None:
            return self._now() > dispute.answer_by + SLACK_S and self._blame(dispute, demand, custodian, "withheld")
        envelope = parse_envelope(bytes.fromhex(dispute.partials[custodian]))
        x = int(parse_statement(envelope.payload_type, envelope.payload).x, 16)  # type: ignore[attr-defined]  # a partial: the opener took it
        subject = (dispute.ticket, dispute.opening, dispute.generation)
        if holds(generation_of(dispute.generation), subject, custodian, int(dispute.aggregate, 16), x, proof_of(proof)):
            return True
        return self._blame(dispute, demand, custodian, "failed")

    def _blame(self, dispute: Dispute, demand: str, custodian: str, fault: Any) -> bool:
        blame = Blame(
            zone=self._identity.zone, nonce=fresh_nonce(), demand=demand, custodian=custodian, fault=fault,
            partial=dispute.partials[custodian], aggregate=dispute.aggregate,
        )  # fmt: skip
        if self._submit(sign_statement(blame, self._identity.signer)):
            _log.error(logging.CUSTODIAN_BLAMED, custodian=custodian, fault=fault, ticket=dispute.ticket)
        return True

    def _submit(self, envelope: bytes) -> bool:
        """Have a statement logged; False when the zone's rules are against it. Raises RpcRefusal for any other refusal, PeerUnavailableError."""
        try:
            self._exchange.submit(envelope)
        except RpcRefusal as error:
            if error.reason != UNFOUNDED:
                raise
            return False
        return True

    def _keep(self, path: Path, dispute: Dispute) -> None:
        write_private(path, canonical_json(dispute.model_dump(mode="json")))


def attempt(
    opener_of: OpenerOf, ticket: Ticket, digest: str, aggregates: Sequence[int], sealed: Sequence[SealedPartial], executor: Executor,
    places: Iterable[int],
) -> tuple[dict[int, Opening | CryptoError], list[dict[str, bytes]]]:  # fmt: skip
    """What the ticket's openings at ``places`` give, or why they do not; and everything that custodians signed, opening by opening."""
    opener = opener_of(sealed[0].generation if sealed else 0)
    answers = opener.answers(ticket, digest, sealed)

    def one(place: int) -> tuple[int, Opening | CryptoError]:
        try:
            return place, combine(opener.sharing, aggregates[place], answers.usable[place])
        except CryptoError as error:
            return place, error

    return dict(executor.map(one, places)), answers.signed


def all_opened(found: Mapping[int, Opening | CryptoError]) -> tuple[Opening, ...]:
    """The openings in order. Raises the first error among them."""
    opened = []
    for place in sorted(found):
        result = found[place]
        if isinstance(result, CryptoError):
            raise result
        opened.append(result)
    return tuple(opened)


def _read(path: Path) -> Dispute:
    try:
        return Dispute.model_validate_json(read_private(path))
    except ValidationError as error:
        raise StorageError(f"{path} does not hold a dispute") from error


def _proof(envelope: bytes) -> PartialProof:
    parsed = parse_envelope(envelope)
    found = parse_statement(parsed.payload_type, parsed.payload)
    if not isinstance(found, PartialProof):
        raise StorageError("the coordinator handed over something else than proofs")
    return found
