"""Who may renew the key's shares, in which order, and what each step changes in the view [P1.7]; with the rules of blame [P1.4].

The authority begins a round and ends it. Between, every custodian to be names a key of its own for the round, the dealers deal, and every
custodian acknowledges that it holds its new share. Until ``key-activate`` nothing is lost: the present generation stays in force.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crypto.sealing import check_public_key
from scoring.custody.blame import judge_blame, judge_demand, judge_proof
from scoring.custody.generations import Generation
from scoring.custody.rounds import PendingRound, commitments_of, plan_of
from scoring.errors import CustodianNeededError, KeyNotReadyError, KeyRoundError, WrongSignerError
from scoring.statements import (
    Blame,
    KeyAbandoned,
    KeyAcknowledged,
    KeyActivated,
    KeyDeal,
    KeyReceiver,
    KeyRound,
    MemberChange,
    PartialProof,
    ProofDemand,
    Statement,
)

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView


def check_shares_reachable(view: ZoneView, change: MemberChange) -> None:
    """After the change at least t of those who hold shares of the generation in force are custodians still [P1.7]. Raises CustodianNeededError.

    Below t nothing could ever be opened again: not even a re-sharing, which takes t dealers.
    """
    if not view.generations:
        return
    present, name = view.generation(), change.member.id
    stays = change.action != "leave" and "custodian" in change.member.roles
    if name not in present.custodians or stays:
        return
    members = view.registry.members
    left = [other for other in present.custodians if other != name and other in members and "custodian" in members[other].roles]
    if len(left) < present.sharing.threshold:
        raise CustodianNeededError(
            f"without {name} only {len(left)} of the {present.sharing.threshold} custodians needed would hold a share: "
            f"`xinqiao key reshare` without {name} first, then let it leave"
        )


def _judge_round(view: ZoneView, statement: KeyRound, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    present = view.generation()
    if present.number == 0 and set(present.custodians) - view.shares:
        raise KeyNotReadyError("the key's shares are not all accepted yet [P1.5]")
    if view.round is not None:
        raise KeyRoundError("a round is under way: it is activated or abandoned first")
    for custodian in statement.custodians:
        if "custodian" not in view.registry.member(custodian).roles:
            raise WrongSignerError(f"{custodian} is not a custodian")
    plan_of(statement, present)


def _judge_receiver(view: ZoneView, statement: KeyReceiver, signer: Signer, _time: int) -> None:
    pending = _pending(view, statement.round)
    signer.require_member(statement.custodian)
    pending.require(statement.custodian in pending.statement.custodians, f"{statement.custodian} is no custodian of it")
    pending.require(statement.custodian not in pending.receivers, f"{statement.custodian} has named its key before")
    check_public_key(bytes.fromhex(statement.hpke))


def _judge_deal(view: ZoneView, statement: KeyDeal, signer: Signer, _time: int) -> None:
    pending = _pending(view, statement.round)
    signer.require_member(statement.dealer)
    pending.require(statement.dealer in pending.statement.dealers, f"{statement.dealer} does not deal in it")
    pending.require(statement.dealer not in pending.deals, f"{statement.dealer} has dealt before")
    pending.require(pending.may_deal, "not every custodian has named its key for it")
    pending.require(len(statement.sealed) == len(pending.statement.custodians), "a deal has one sealed value for each custodian")
    pending.plan.check_commitments(view.generation().share_number(statement.dealer), commitments_of(statement))


def _judge_acknowledged(view: ZoneView, statement: KeyAcknowledged, signer: Signer, _time: int) -> None:
    pending = _pending(view, statement.round)
    signer.require_member(statement.custodian)
    pending.require(statement.custodian in pending.statement.custodians, f"{statement.custodian} is no custodian of it")
    pending.require(statement.custodian not in pending.acknowledged, f"{statement.custodian} has acknowledged before")
    pending.require(pending.sharing is not None, "there is no new sharing of the key to acknowledge")
    pending.require(statement.deals == pending.deals_digest, "other deals than the logged ones are acknowledged")


def _judge_activated(view: ZoneView, statement: KeyActivated, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    pending = _pending(view, statement.round)
    missing = sorted(set(pending.statement.custodians) - set(pending.acknowledged))
    pending.require(not missing, f"not acknowledged by {', '.join(missing)}")
    said = tuple(pending.acknowledged[name] for name in pending.statement.custodians)
    pending.require((statement.generation, statement.acknowledgements) == (pending.statement.generation, said), "the activation names something else")


def _judge_abandoned(view: ZoneView, statement: KeyAbandoned, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    _pending(view, statement.round)


def _pending(view: ZoneView, digest: str) -> PendingRound:
    if view.round is None or view.round.digest != digest:
        raise KeyRoundError("the round that the statement names is not under way")
    return view.round


# --- effects ---


def _begin(view: ZoneView, logged: Logged) -> None:
    view.round = PendingRound(logged.statement, logged.digest, logged.index, plan_of(logged.statement, view.generation()))
    view.round_steps = [logged]


def _commit_receiver(view: ZoneView, logged: Logged) -> None:
    pending = _pending(view, logged.statement.round)
    view.round = pending.received(logged.statement.custodian, bytes.fromhex(logged.statement.hpke))
    view.round_steps.append(logged)


def _commit_deal(view: ZoneView, logged: Logged) -> None:
    pending, present = _pending(view, logged.statement.round), view.generation()
    view.round = pending.dealt(logged.statement, logged.digest, {name: present.share_number(name) for name in pending.statement.dealers})
    view.round_steps.append(logged)


def _commit_acknowledged(view: ZoneView, logged: Logged) -> None:
    view.round = _pending(view, logged.statement.round).acknowledge(logged.statement.custodian, logged.digest)
    view.round_steps.append(logged)


def _activate(view: ZoneView, logged: Logged) -> None:
    pending = _pending(view, logged.statement.round)
    assert pending.sharing is not None  # acknowledged by all, hence there
    view.generations.append(Generation(pending.statement.custodians, pending.sharing, logged.index))
    view.registry.appoint(pending.statement.custodians, pending.statement.threshold)
    view.renewals.append((*view.round_steps, logged))
    view.round, view.round_steps = None, []


def _abandon(view: ZoneView, _logged: Logged) -> None:
    view.round, view.round_steps = None, []


def _commit_demand(view: ZoneView, logged: Logged) -> None:
    view.demands[logged.digest] = logged


def _commit_proof(view: ZoneView, logged: Logged) -> None:
    view.partial_proofs[logged.statement.demand, logged.statement.custodian] = logged


def _commit_blame(view: ZoneView, logged: Logged) -> None:
    demand: ProofDemand = view.demands[logged.statement.demand].statement
    view.blamed[demand.ticket, demand.opening, logged.statement.custodian] = logged


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {
    KeyRound: _judge_round,
    KeyReceiver: _judge_receiver,
    KeyDeal: _judge_deal,
    KeyAcknowledged: _judge_acknowledged,
    KeyActivated: _judge_activated,
    KeyAbandoned: _judge_abandoned,
    ProofDemand: judge_demand,
    PartialProof: judge_proof,
    Blame: judge_blame,
}

EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {
    KeyRound: _begin,
    KeyReceiver: _commit_receiver,
    KeyDeal: _commit_deal,
    KeyAcknowledged: _commit_acknowledged,
    KeyActivated: _activate,
    KeyAbandoned: _abandon,
    ProofDemand: _commit_demand,
    PartialProof: _commit_proof,
    Blame: _commit_blame,
}
