"""What the planner of absences knows of the custodians: the log's word, also after they have changed."""

from __future__ import annotations

from crypto.keygen import PrivateKey
from gateway.evaluation.rounds import custody_of
from scoring.custody.planning import may_go, plan
from tests.support.custody import Custody
from tests.support.zone import MemoryZone

DAY = 86_400


def test_after_a_resharing_the_plan_is_of_those_who_hold_shares_now(small_private_key: PrivateKey) -> None:
    zone = MemoryZone(small_private_key)
    zone.found()
    custody = Custody(zone)
    before = custody_of(zone.view)
    assert (before.generation, set(before.custodians), before.threshold, before.spare) == (0, {"tax", "credit", "notary"}, 2, ())
    for name in ("bank-a", "bank-b"):
        custody.employ(name)
    assert custody_of(zone.view).spare == ("bank-a", "bank-b")
    custody.play(("credit", "bank-a", "bank-b", "tax"), 3)
    after = custody_of(zone.view)
    assert (after.generation, after.custodians, after.threshold, after.spare) == (1, ("credit", "bank-a", "bank-b", "tax"), 3, ("notary",))
    assert after.generation_since >= before.generation_since
    assert after.registry_until == zone.view.validity.until
    assert plan(after, frozenset({"notary"}), zone.now, zone.now + DAY).away == (), "it holds no share any more"
    assert plan(after, frozenset({"bank-a"}), zone.now, zone.now + DAY).holds
    assert set(may_go(after, DAY)) == {("credit",), ("bank-a",), ("bank-b",), ("tax",)}
