"""A coordinator with its real certificate and keys sends real custodians tickets of its own making, and ciphertexts that were never contributed.

The custodian derives everything itself and refuses, in the log. Each attack has its control: what t custodians that just answered would
have opened, and what the coordinator's friend would have solved for, computed on the attacker's own aggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from crypto.multiexp import linear_combination
from crypto.paillier import encode_ciphertext
from nodes.runtime.clock import now
from nodes.runtime.peers.signing import fresh_nonce
from scoring.disclosure.inference.span import isolation, rank
from scoring.exchange.view import Logged
from scoring.indicators.functional import functional
from scoring.release.aggregate import aggregate_hash
from scoring.statements import Input, Ticket, TicketOpening
from simulators.adversaries.coordinator import doubled, replaced, without
from simulators.adversaries.forging import shifted, solved
from tests.support.custodian import MakeIdentity, Site, custodian_site
from tests.support.zone import MemoryZone

VICTIM = "rd"
FIRM, OTHER, FRESH, ASKED = 0, 4, 2, 6


pytestmark = pytest.mark.xdist_group("adversary-coordinator")  # in their order: what was opened before is fetched and proven


@pytest.fixture(scope="module")
def memory(small_private_key: PrivateKey) -> MemoryZone:
    """A released zone in which a bank has consents of four firms; one department has corrected its row of the first."""
    zone = MemoryZone(small_private_key, now=now() - 600)
    zone.found()
    zone.open_epoch()
    zone.contribute_columns()
    zone.close_epoch()
    zone.open_totals()
    zone.say(zone.release_statement(), "authority")
    first, *_ = [zone.consent(zone.subjects[place]) for place in (FIRM, OTHER, FRESH, ASKED)]
    before = zone.points[zone.subjects[FIRM]]
    zone.points[zone.subjects[FIRM]] = {**before, VICTIM: before[VICTIM] ^ 64}
    row = zone.row("science", first, 1)
    assert row is not None
    zone.say(row, "science")
    zone.now = now()
    return zone


@pytest.fixture(scope="module")
def site(memory: MemoryZone, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with custodian_site(memory, make_identity, tmp_path_factory.mktemp("hostile")) as running:
        yield running


def consent_of(memory: MemoryZone, place: int) -> Logged:
    return next(memory.view.at(state.index) for state in memory.view.consents.values() if state.consent.subject == memory.subjects[place])


def opened(memory: MemoryZone, ticket: Ticket, ciphertext: Callable[[int, int], int]) -> tuple[int, int]:
    """The aggregate of a ticket's inputs, every one counted, and its value, as t custodians that just answer would open it."""
    weights = {(term.indicator, term.functional): term.weight for term in functional(memory.model, "total", ticket.stage).terms}
    bases = tuple(ciphertext(item.leaf_index, item.position) for item in ticket.inputs)
    value = linear_combination(memory.public_key, tuple(weights[item.indicator, item.functional] for item in ticket.inputs), bases, 0)
    return value, memory.open(value).m


def hostile(memory: MemoryZone, inputs: Callable[[tuple[Input, ...]], tuple[Input, ...]], **changes: Any) -> tuple[Ticket, bytes, int, int]:
    """A ticket over other inputs, its aggregate made to fit; the request; and what would be opened with it, and with the true one."""
    memory.now = now()
    asked = memory.asked(consent_of(memory, FIRM))
    true = opened(memory, asked.ticket, memory.ciphertext)[1]
    ticket = asked.ticket.model_copy(update={"inputs": inputs(asked.ticket.inputs), **changes})
    value, shown = opened(memory, ticket, memory.ciphertext)
    opening = TicketOpening.model_validate(
        asked.ticket.openings[0].model_dump() | {"aggregate": aggregate_hash(memory.public_key, value)}, strict=False
    )
    return ticket.model_copy(update={"openings": (opening,)}), asked.document.to_bytes(), shown, true


def points(memory: MemoryZone, place: int, indicator: str = VICTIM) -> int:
    return memory.points[memory.subjects[place]][indicator]


def leaf(memory: MemoryZone, place: int, sender: str, revision: int = 0) -> int:
    """The leaf of a row."""
    wanted = (sender, "row", memory.subjects[place], revision)
    found = ((index, logged.statement.header) for index, logged in memory.view.contributions.items())
    return next(index for index, header in found if (header.sender, header.kind, header.subject, header.revision) == wanted)


def test_the_coordinator_is_answered_when_it_is_honest(site: Site) -> None:
    """What the tests below send is refused for what it is, not for how it is sent."""
    memory = site.memory
    memory.now = now()
    asked = memory.asked(consent_of(memory, OTHER))
    assert site.open(asked.ticket, asked.document.to_bytes()) == ""


@pytest.mark.parametrize("attack", ["omitted", "doubled", "stale", "another firm's", "another owner's"])
def test_another_list_of_inputs_is_refused_and_would_have_shown_a_value(site: Site, attack: str) -> None:
    memory, other_owner = site.memory, leaf(site.memory, FIRM, "market")
    change: dict[str, Callable[[tuple[Input, ...]], tuple[Input, ...]]] = {
        "omitted": lambda inputs: without(inputs, VICTIM),
        "doubled": lambda inputs: doubled(inputs, VICTIM),
        "stale": lambda inputs: replaced(inputs, VICTIM, leaf_index=leaf(memory, FIRM, "science", 0)),
        "another firm's": lambda inputs: replaced(inputs, VICTIM, leaf_index=leaf(memory, OTHER, "science")),
        "another owner's": lambda inputs: replaced(inputs, VICTIM, leaf_index=other_owner, position=0),
    }
    ticket, request, shown, true = hostile(memory, change[attack])
    seen = solved(true, shown, memory.model.indicators[VICTIM].weight(ticket.stage))
    mine, others, owners = points(memory, FIRM), points(memory, OTHER), points(memory, FIRM, "value")
    expected = {"omitted": mine, "doubled": -mine, "stale": mine - (mine ^ 64), "another firm's": mine - others, "another owner's": mine - owners}
    assert seen == expected[attack]
    assert site.open(ticket, request) == "TICKET_INPUTS"


def test_another_stage_is_refused_and_would_have_added_an_equation(site: Site) -> None:
    memory = site.memory
    true_stage = memory.placement.stage(memory.subjects[FIRM])
    rows = {stage.id: {term.indicator: term.weight for term in functional(memory.model, "total", stage.id).terms} for stage in memory.model.stages}
    assert rank([rows[true_stage]]) == 1
    assert rank(list(rows.values())) == 4
    assert isolation([{name: w for name, w in row.items() if name in {"rd", "patents"}} for row in rows.values()], ["rd"]) is not None
    stage = next(name for name in rows if rows[name] != rows[true_stage])
    ticket, request, shown, true = hostile(memory, lambda inputs: inputs, stage=stage)
    assert shown != true
    assert site.open(ticket, request) == "TICKET_INPUTS"


def test_an_aggregate_of_something_else_is_refused(site: Site) -> None:
    """The inputs are right, the aggregate is of one indicator alone: answered, it would be that indicator."""
    memory = site.memory
    memory.now = now()
    asked = memory.asked(consent_of(memory, FIRM))
    item = next(item for item in asked.ticket.inputs if item.indicator == VICTIM)
    single = memory.ciphertext(item.leaf_index, item.position)
    assert memory.open(single).m == points(memory, FIRM)
    opening = asked.ticket.openings[0].model_copy(update={"aggregate": aggregate_hash(memory.public_key, single)})
    assert site.open(asked.ticket.model_copy(update={"openings": (opening,)}), asked.document.to_bytes()) == "AGGREGATE_MISMATCH"


@pytest.mark.parametrize(("firm", "reason"), [(FRESH, "MERKLE_INVALID"), (OTHER, "AGGREGATE_MISMATCH")], ids=["not fetched yet", "fetched before"])
def test_a_ciphertext_substituted_after_it_was_taken_is_refused(site: Site, firm: int, reason: str) -> None:
    """The coordinator serves another ciphertext than was contributed, and names its aggregate: the total would be off by what it likes."""
    memory = site.memory
    memory.now = now()
    asked = memory.asked(consent_of(memory, firm))
    item = next(item for item in asked.ticket.inputs if item.indicator == VICTIM)
    merkle_root = memory.view.contributions[item.leaf_index].statement.header.merkle_root
    served = {(item.leaf_index, item.position): shifted(memory.public_key, memory.ciphertext(item.leaf_index, item.position), 1000)}
    value, shown = opened(memory, asked.ticket, lambda index, place: served.get((index, place)) or memory.ciphertext(index, place))
    assert shown == opened(memory, asked.ticket, memory.ciphertext)[1] + 1000 * memory.model.indicators[VICTIM].weight(asked.ticket.stage)
    opening = asked.ticket.openings[0].model_copy(update={"aggregate": aggregate_hash(memory.public_key, value)})
    site.coordinator.blobs[merkle_root] = encode_ciphertext(memory.public_key, served[item.leaf_index, item.position])
    try:
        assert site.open(asked.ticket.model_copy(update={"openings": (opening,)}), asked.document.to_bytes()) == reason
    finally:
        site.coordinator.blobs[merkle_root] = memory.blobs[merkle_root]
    if firm == FRESH:  # what was served is all that was wrong
        memory.now = now()
        again = memory.asked(consent_of(memory, firm))
        assert site.open(again.ticket, again.document.to_bytes()) == ""


def test_a_second_opening_after_a_correction_is_refused_and_would_have_shown_the_change(site: Site) -> None:
    """Bank and coordinator together: the same firm again, over a row that its owner corrected after the first opening [P7.2]."""
    memory, corrected = site.memory, 64
    memory.now = now()
    asked = memory.asked(consent_of(memory, ASKED))
    assert site.open(asked.ticket, asked.document.to_bytes()) == ""
    subject = memory.subjects[ASKED]
    memory.points[subject] = {**memory.points[subject], VICTIM: points(memory, ASKED) + corrected}
    row = memory.row("science", consent_of(memory, ASKED), 1)
    assert row is not None
    later = site.log.append(memory.envelope(row, "science"))
    site.coordinator.blobs[row.header.merkle_root] = memory.blobs[row.header.merkle_root]
    width, data = memory.public_key.ciphertext_size, memory.blobs[row.header.merkle_root]

    def ciphertext(index: int, place: int) -> int:
        return int.from_bytes(data[place * width : (place + 1) * width], "big") if index == later else memory.ciphertext(index, place)

    again = memory.asked(consent_of(memory, ASKED))
    ticket = again.ticket.model_copy(update={"inputs": replaced(again.ticket.inputs, VICTIM, leaf_index=later)})
    value, shown = opened(memory, ticket, ciphertext)
    first = opened(memory, asked.ticket, memory.ciphertext)[1]
    assert solved(shown, first, memory.model.indicators[VICTIM].weight(ticket.stage)) == corrected
    opening = ticket.openings[0].model_copy(update={"aggregate": aggregate_hash(memory.public_key, value)})
    assert site.open(ticket.model_copy(update={"openings": (opening,)}), again.document.to_bytes()) == "TICKET_INPUTS"
    repeated = memory.asked(consent_of(memory, ASKED))
    assert site.open(repeated.ticket, repeated.document.to_bytes()) == ""  # over the rows that were frozen, as often as the bank likes


def test_one_request_has_one_ticket(site: Site) -> None:
    """Bank and coordinator together: one signed request, used again."""
    memory = site.memory
    memory.now = now()
    asked = memory.asked(consent_of(memory, OTHER))
    assert site.open(asked.ticket, asked.document.to_bytes()) == ""
    assert site.open(asked.ticket.model_copy(update={"nonce": fresh_nonce()}), asked.document.to_bytes()) == "TICKET_REPLAYED"


def test_every_refusal_is_signed_and_in_the_log(site: Site) -> None:
    ticket, request, _, _ = hostile(site.memory, lambda inputs: without(inputs, VICTIM))
    before = site.log.size
    assert site.open(ticket, request) == "TICKET_INPUTS"
    refusal = site.zone.wait(lambda view: next((logged for logged in view.refusals if logged.index >= before), None), 20, "the refusal")
    assert (refusal.statement.member, refusal.statement.reason) == (site.custodian, "TICKET_INPUTS")
    assert (refusal.statement.about, site.custodian) in site.coordinator.refused
