"""Who is to blame when an aggregate does not open: decided by the log and a custodian's own signature, by everyone alike [P1.4].

An audience that could not open demands proofs of the custodians whose signed partials it holds; each answers in the log. A custodian is named
when its signed partial contradicts its proof, or when no proof came in time. Nothing else counts: not which subsets open, not what the
audience, the coordinator or another custodian says. So a custodian whose partials are right is never named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto.blame import CHALLENGE_BITS, EqualityProof, check_partial
from crypto.encoding import frame, sha256, to_fixed
from crypto.errors import CryptoError, EncodingError, PartialError, ProofError
from crypto.statements import VerifyKey, check_signature, parse_envelope
from scoring.custody.generations import Generation
from scoring.errors import BlameError, WrongSignerError
from scoring.statements import Blame, Partial, PartialProof, ProofDemand, Ticket, parse_statement

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView

ANSWER_S = 3600
"""A demand leaves at least so long for the answer: a custodian that restarts or loses its line for a while is no cheater."""

LATEST_ANSWER_S = 7 * 86_400


def proof_context(ticket: str, opening: int, custodian: str, generation: int) -> bytes:
    """What a proof is bound to: ticket digest (hex), opening, custodian and generation."""
    return frame(bytes.fromhex(ticket), opening.to_bytes(4, "big"), custodian.encode(), generation.to_bytes(4, "big"))


def proof_of(statement: PartialProof) -> EqualityProof:
    """The proof that the statement carries, as numbers."""
    return EqualityProof(int(statement.challenge, 16), int(statement.response, 16))


def judge_demand(view: ZoneView, statement: ProofDemand, signer: Signer, time: int) -> None:
    """Only the audience of a ticket demands, of custodians of the present generation, each once, and leaves them time."""
    ticket = _ticket(view, statement.ticket)
    _require_audience(view, ticket, signer)
    present = view.generation()
    if statement.opening >= len(ticket.openings) or statement.generation != present.number:
        raise BlameError("the ticket has no such opening, or the shares have been renewed since: older ones are erased")
    if (
        not statement.custodians
        or len(set(statement.custodians)) != len(statement.custodians)
        or not set(statement.custodians) <= set(present.custodians)
    ):
        raise BlameError("a demand names distinct custodians of the present generation")
    if not time + ANSWER_S <= statement.answer_by <= time + LATEST_ANSWER_S:
        raise BlameError(f"a demand leaves between {ANSWER_S} and {LATEST_ANSWER_S} s for the answer")
    for logged in view.demands.values():
        earlier: ProofDemand = logged.statement
        same = (earlier.ticket, earlier.opening, earlier.generation) == (statement.ticket, statement.opening, statement.generation)
        if same and not set(earlier.custodians).isdisjoint(statement.custodians):
            raise BlameError("the same proof was demanded before")


def judge_proof(view: ZoneView, statement: PartialProof, signer: Signer, _time: int) -> None:
    """Only a custodian of whom a proof was demanded answers, once. Whether the proof holds shows when a partial is held against it."""
    demand: ProofDemand = _demand(view, statement.demand).statement
    signer.require_member(statement.custodian)
    if statement.custodian not in demand.custodians:
        raise BlameError(f"no proof was demanded of {statement.custodian}")
    if (statement.demand, statement.custodian) in view.partial_proofs:
        raise BlameError(f"{statement.custodian} has answered before")
    if int(statement.challenge, 16) >= 1 << CHALLENGE_BITS:
        raise BlameError("the challenge of the proof is too long")


def judge_blame(view: ZoneView, statement: Blame, signer: Signer, time: int) -> None:
    """A blame holds when the custodian signed a partial of this opening, and its proof fails against it or did not come in time."""
    logged = _demand(view, statement.demand)
    demand: ProofDemand = logged.statement
    ticket = _ticket(view, demand.ticket)
    _require_audience(view, ticket, signer)
    if statement.custodian not in demand.custodians:
        raise BlameError(f"no proof was demanded of {statement.custodian}")
    if (demand.ticket, demand.opening, statement.custodian) in view.blamed:
        raise BlameError(f"{statement.custodian} is blamed for it already")
    x = _signed_x(view, statement, demand, ticket)
    answer = view.partial_proofs.get((statement.demand, statement.custodian))
    if answer is None:
        _check_withheld(view, statement, demand, time)
        return
    generation, subject = view.generation(demand.generation), (demand.ticket, demand.opening, demand.generation)
    proven = holds(generation, subject, statement.custodian, int(statement.aggregate, 16), x, proof_of(answer.statement))
    if statement.fault != "failed" or proven:
        raise BlameError(f"{statement.custodian} has proven its partial")


def holds(generation: Generation, subject: tuple[str, int, int], custodian: str, aggregate: int, x: int, proof: EqualityProof) -> bool:
    """Whether ``proof`` shows that ``x`` is the custodian's partial of the aggregate; ``subject``: ticket digest (hex), opening, generation.

    Raises CiphertextError when the aggregate is none, PartialError when the custodian holds no share of the generation.
    """
    ticket, opening, number = subject
    index = generation.share_number(custodian)
    try:
        check_partial(generation.sharing, index, aggregate, x, proof_context(ticket, opening, custodian, number), proof)
    except (ProofError, PartialError):
        return False
    return True


def signed_partial(envelope: bytes, keys: list[VerifyKey]) -> Partial:
    """The partial in an envelope that one of the custodian's registered ``keys`` signed. Raises BlameError."""
    try:
        parsed = parse_envelope(envelope)
        found = parse_statement(parsed.payload_type, parsed.payload)
        key = next(key for key in keys if key.key_id == parsed.key_ids[0])
        check_signature(parsed, key)
    except StopIteration as error:
        raise BlameError("the partial is not signed by the custodian that is named") from error
    except CryptoError as error:
        raise BlameError(f"the partial is not the custodian's: {error}") from error
    if not isinstance(found, Partial):
        raise BlameError("what the custodian signed is not a partial opening")
    return found


def _signed_x(view: ZoneView, statement: Blame, demand: ProofDemand, ticket: Ticket) -> int:
    member = view.registry.member(statement.custodian)
    keys = [VerifyKey(key_id=key.key_id, algorithm=key.algorithm, public=bytes.fromhex(key.public)) for key in member.keys]
    partial = signed_partial(bytes.fromhex(statement.partial), keys)
    generation = view.generation(demand.generation)
    said = (partial.zone, partial.ticket, partial.opening, partial.aggregate, partial.custodian, partial.index, partial.generation)
    opening = ticket.openings[demand.opening]
    number = generation.share_number(statement.custodian)
    if said != (view.zone, demand.ticket, demand.opening, opening.aggregate, statement.custodian, number, demand.generation):
        raise BlameError("the custodian's partial is about something else")
    try:
        named = sha256(to_fixed(int(statement.aggregate, 16), generation.sharing.public_key.ciphertext_size)).hex()
    except EncodingError as error:
        raise BlameError("the aggregate is no ciphertext") from error
    if named != opening.aggregate:
        raise BlameError("the aggregate is not the one that the ticket names")
    return int(partial.x, 16)


def _check_withheld(view: ZoneView, statement: Blame, demand: ProofDemand, time: int) -> None:
    if statement.fault != "withheld":
        raise BlameError(f"{statement.custodian} has given no proof that could fail")
    if time <= demand.answer_by + view.registry.genesis.clock_tolerance_s:
        raise BlameError(f"{statement.custodian} has time to answer until {demand.answer_by}")
    newer = view.generations[demand.generation + 1 :]
    if newer and view.at(newer[0].index).time <= demand.answer_by:
        raise BlameError("the shares were renewed before the answer was due: the share to prove with is erased")


def _require_audience(view: ZoneView, ticket: Ticket, signer: Signer) -> None:
    enrolment = view.enrolments.get(ticket.audience)
    audience = ticket.audience if enrolment is None else enrolment.statement.service
    if signer.member != audience:
        raise WrongSignerError("only a ticket's audience, or the service of an enterprise, speaks about its openings")


def _ticket(view: ZoneView, digest: str) -> Ticket:
    logged = view.tickets.get(digest)
    if logged is None:
        raise BlameError("no such ticket is in the log")
    ticket: Ticket = logged.statement
    return ticket


def _demand(view: ZoneView, digest: str) -> Logged:
    logged = view.demands.get(digest)
    if logged is None:
        raise BlameError("no such demand is in the log")
    return logged
