"""A custodian opens a sum over banks with exactly one input of each, over the order of the epoch's own roster [M7, P5.3]."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import RosterError, TicketInputsError
from tests.support.zone import MemoryZone
from tests.unit.custodian.conftest import Desk, changed

PACK = Path(__file__).parents[3] / "scoring" / "packs" / "loan-performance" / "loan-performance@1.yaml"


def founded(key: PrivateKey) -> MemoryZone:
    zone = MemoryZone(key, pack=PACK, firms=("all",) * 12)
    zone.found()
    return zone


@pytest.fixture(scope="module")
def closed(small_private_key: PrivateKey) -> MemoryZone:
    zone = founded(small_private_key)
    zone.open_epoch()
    zone.contribute_columns()
    zone.close_epoch()
    return zone


def test_a_sum_is_opened_with_one_input_of_each_bank_and_with_nothing_else(closed: MemoryZone, tmp_path: Path) -> None:
    """One bank's input missing would open the other's values; one doubled, beside the right sum, too."""
    desk = Desk(closed.fork(), tmp_path)
    ticket, values = desk.zone.bulk_ticket("total", desk.zone.batches_of("all"))
    first, second = ticket.inputs
    for wrong in ((first,), (second,), (first, first), (first, second, second)):
        with pytest.raises(TicketInputsError):
            desk.examine(desk.log(changed(ticket, inputs=wrong, nonce=fresh_nonce())))
    assert desk.examine(desk.log(ticket)).aggregates == values


def test_nothing_of_an_epoch_is_opened_whose_order_is_not_its_rosters(small_private_key: PrivateKey, tmp_path: Path) -> None:
    """The log's rules see a hash; who holds the roster sees that another order was given to the banks."""
    zone = founded(small_private_key)
    zone.compile()
    zone.say(zone.roster_statement(), "market")
    stages = zone.say(zone.stages_statement(), "tax")
    zone.say(zone.opening_statement(stages.index).model_copy(update={"order": "ab" * 32}), "authority")
    zone.contribute_columns()
    zone.close_epoch()
    ticket, _ = zone.bulk_ticket("total", zone.batches_of("all"))
    desk = Desk(zone, tmp_path)
    with pytest.raises(RosterError):
        desk.examine(desk.log(ticket))
