"""What messages say together: declarations with their history [K7]. Pure: a function of the set of messages, in whatever order they came.

Messages that share a number belong to one declaration: a ClientSeqNo is shared by declaration and response, a SeqNo by response and receipts
(there called CUS_CIQ_NO or SEQ_NO). So a receipt that comes before its declaration waits for it, and one that comes twice is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from connectors.customs.channels import BY_CUSTOMS, PHASES, TROUBLE, UNKNOWN, Channels
from connectors.customs.declarations import Declaration
from connectors.customs.messages import ClientFailure, ImportResponse, Message, Receipt

Kind = Literal["declaration", "response", "receipt", "failure"]
REFUSED, TAKEN = "rejected", "submitted"


@dataclass(frozen=True, slots=True)
class Fact:
    """What the join needs of one message. ``at``: the time that it states, ISO, empty where it states none. ``said``: the rest, by kind.

    Two messages with equal facts are one, however their bytes differ.
    """

    kind: Kind
    client_seq_no: str
    seq_no: str
    entry_id: str
    at: str
    said: Mapping[str, Any]

    @property
    def keys(self) -> tuple[str, ...]:
        """What other messages of the same declaration share with it."""
        return tuple(f"{mark}:{value}" for mark, value in (("client", self.client_seq_no), ("seq", self.seq_no)) if value)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a declaration's history. ``tie``: why it stands where it does, where another receipt states the same second."""

    at: str
    code: str
    phase: str
    zh: str
    en: str
    note: str
    tie: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a person should look at."""

    kind: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Case:
    """One declaration with all that was said of it. ``declared`` is None while only answers are here; ``versions`` are all declarations
    that were sent under its numbers, the deciding one last."""

    id: str
    client_seq_nos: tuple[str, ...]
    seq_nos: tuple[str, ...]
    entry_ids: tuple[str, ...]
    versions: tuple[Fact, ...]
    history: tuple[Step, ...]
    days: tuple[str, ...]
    troubles: tuple[Trouble, ...]

    @property
    def declared(self) -> Fact | None:
        """The declaration that decides."""
        return self.versions[-1] if self.versions else None

    @property
    def declared_on(self) -> str:
        """The day of declaration, empty while none is known; ``days`` are all that it was, or may have been, taken for."""
        return self.days[0] if self.days else ""

    @property
    def status(self) -> Step | None:
        """The last step, None where there is no answer yet."""
        return self.history[-1] if self.history else None

    def figures(self) -> dict[str, Any]:
        """What this declaration adds to the records of its enterprise [K8]: JSON. ``year`` is empty while the day of declaration is not known."""
        phases = {step.phase for step in self.history}
        counted = bool(phases & BY_CUSTOMS) and self.history[-1].phase not in {"rejected", "deleted"}
        cleared = next((step.at[:10] for step in self.history if step.phase == "cleared"), "")
        days = (date.fromisoformat(cleared) - date.fromisoformat(self.declared_on)).days if cleared and self.declared_on else -1
        said = {} if self.declared is None else self.declared.said
        return {
            "year": self.declared_on[:4],
            "counted": counted,
            "flow": said.get("flow", ""),
            "totals": dict(said.get("totals", {})),
            "days": days if counted and days >= 0 else None,
            "inspected": counted and "inspection" in phases,
            "rejected": "rejected" in phases,
        }

    def to_json(self) -> dict[str, Any]:
        """What people see."""
        said = {} if self.declared is None else self.declared.said
        return {
            "id": self.id,
            "client_seq_nos": list(self.client_seq_nos),
            "seq_nos": list(self.seq_nos),
            "entry_ids": list(self.entry_ids),
            "flow": said.get("flow", ""),
            "uscc": said.get("uscc", ""),
            "company": said.get("company", ""),
            "lines": said.get("lines", 0),
            "totals": dict(said.get("totals", {})),
            "declared_on": self.declared_on,
            "status": None if self.status is None else _step(self.status),
            "history": [_step(step) for step in self.history],
            "troubles": [{"kind": trouble.kind, "zh": trouble.zh, "en": trouble.en} for trouble in self.troubles],
        }


def fact_of(message: Message) -> Fact:
    """What the join needs of ``message``."""
    if isinstance(message, Declaration):
        totals = {currency: str(total) for currency, total in sorted(message.totals().items())}
        said = {
            "flow": message.flow,
            "uscc": message.uscc,
            "company": message.head.get("TradeName", ""),
            "lines": len(message.goods),
            "totals": totals,
        }
        return Fact("declaration", message.client_seq_no, message.seq_no, message.entry_id, message.sign.get("SignDate", ""), said)
    if isinstance(message, ImportResponse):
        return Fact(
            "response", message.client_seq_no, message.seq_no, "", "", {"accepted": message.accepted, "code": message.code, "error": message.error}
        )
    if isinstance(message, Receipt):
        day = "" if message.declared_on is None else message.declared_on.isoformat()
        return Fact(
            "receipt", "", message.seq_no, message.entry_id, message.at.isoformat(), {"code": message.channel, "note": message.note, "day": day}
        )
    assert isinstance(message, ClientFailure)
    return Fact("failure", "", "", "", "", {"kind": message.kind, "value": message.value, "code": message.code, "info": message.info})


def join(facts: Iterable[Fact], channels: Channels) -> list[Case]:
    """The declarations that ``facts`` speak of, by id. Failures of the client, which name none, are left out.

    Requires that of each declaration either all facts are there or none.
    """
    leader: dict[str, str] = {}
    members: dict[str, list[Fact]] = {}
    listed = [fact for fact in facts if fact.keys]
    for fact in listed:
        first, *others = (_find(leader, key) for key in fact.keys)
        for other in others:
            leader[max(first, other)] = min(first, other)
    for fact in listed:
        members.setdefault(_find(leader, fact.keys[0]), []).append(fact)
    return [_case(name, members[name], channels) for name in sorted(members)]


def _find(leader: dict[str, str], key: str) -> str:
    """The smallest key of the group of ``key``."""
    above = leader.setdefault(key, key)
    while above != leader[above]:
        leader[key] = leader[above]
        key, above = above, leader[above]
    return above


def _case(name: str, facts: list[Fact], channels: Channels) -> Case:
    distinct = {_order(fact): fact for fact in facts}
    ordered = [distinct[key] for key in sorted(distinct)]
    versions = tuple(fact for fact in ordered if fact.kind == "declaration")
    responses = [fact for fact in ordered if fact.kind == "response"]
    receipts = [fact for fact in ordered if fact.kind == "receipt"]
    client, seq, entry = (tuple(sorted({getattr(f, n) for f in ordered} - {""})) for n in ("client_seq_no", "seq_no", "entry_id"))
    history = (*_answers(responses), *_steps(receipts, channels))
    return Case(name, client, seq, entry, versions, history, _days(receipts, channels), tuple(_troubles(versions, seq, history)))


def _order(fact: Fact) -> tuple[str, ...]:
    """A total order in which the last declaration is the one that decides: by the time of signing, then by what it says."""
    return fact.kind, fact.at, fact.client_seq_no, fact.seq_no, fact.entry_id, repr(sorted(fact.said.items()))


def _answers(responses: list[Fact]) -> list[Step]:
    """Responses state no time: they stand before all receipts, refusals before acceptance, since after an acceptance nothing is sent again."""
    said = sorted({(bool(r.said["accepted"]), str(r.said["code"]), str(r.said["error"])) for r in responses})
    return [
        Step("", code, TAKEN if accepted else REFUSED, *(("单一窗口已接收", "taken by the single window") if accepted else _REFUSED_TEXT), error)
        for accepted, code, error in said
    ]


_REFUSED_TEXT = ("单一窗口未接收", "refused by the single window")


def _steps(receipts: list[Fact], channels: Channels) -> list[Step]:
    """Receipts by NOTICE_DATE; of those that state the same second the later phase stands later."""
    said = {(fact.at, str(fact.said["code"]), str(fact.said["note"])) for fact in receipts}
    ordered = sorted(said, key=lambda step: (step[0], PHASES.index(channels[step[1]].phase), step[1], step[2]))
    times = Counter(at for at, _, _ in ordered)
    steps = []
    for at, code, note in ordered:
        channel = channels[code]
        tie = "同一时间有多份回执，按阶段先后排列 other receipts state the same time: the later phase stands later" if times[at] > 1 else ""
        steps.append(Step(at, code, channel.phase, channel.zh, channel.en, note, tie))
    return steps


def _days(receipts: list[Fact], channels: Channels) -> tuple[str, ...]:
    """Days that may be that of declaration, the one that counts first: the earliest D_DATE, without one the day of the earliest receipt by which
    the declaration was made or taken. Empty: none is known yet."""
    stated = sorted({str(fact.said["day"]) for fact in receipts} - {""})
    made = sorted({fact.at[:10] for fact in receipts if channels[str(fact.said["code"])].phase in {"submitted", "accepted"}})
    return tuple(dict.fromkeys((*stated, *made)))


def _troubles(versions: tuple[Fact, ...], seq_nos: tuple[str, ...], history: tuple[Step, ...]) -> Iterable[Trouble]:
    last = history[-1] if history else None
    if last is not None and last.phase == UNKNOWN:
        yield Trouble("unknown-code", f"未知回执代码 {last.code}", f"unknown channel code {last.code}")
    elif last is not None and last.phase in TROUBLE:
        yield Trouble(last.phase, last.zh, last.en)
    if len({repr(sorted(fact.said.items())) for fact in versions}) > 1:
        yield Trouble(
            "versions", "同一编号下有内容不同的报关单", "declarations that differ were sent under the same number; the one signed last counts"
        )
    if len(seq_nos) > 1:
        yield Trouble("numbers", "同一报关单有多个统一编号", "one declaration has several SeqNo: a client number was used again")


def _step(step: Step) -> dict[str, str]:
    return {name: getattr(step, name) for name in ("at", "code", "phase", "zh", "en", "note", "tie")}
