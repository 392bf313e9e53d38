"""What an auditor finds in an epoch: its roster, its closing, what was absent, its release."""

from __future__ import annotations

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.statements import EpochClose, QuantileTable
from tests.support.artifacts import records_of, tables_of
from tests.support.epoch import EPOCH
from tests.support.findings import Relogged, places
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, closed_zone, open_zone


def test_roster_that_is_not_the_one_compiled_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = MemoryZone(small_private_key)
    zone.found()
    zone.compile()
    count = zone.roster_statement().count
    logged = zone.say(zone.roster_statement().model_copy(update={"count": count - 1}), "market")
    stages = zone.say(zone.stages_statement().model_copy(update={"count": count - 1}), "tax")
    assert places(relogged(zone)) == [("ROSTER_INVALID", logged.index), ("ROSTER_INVALID", stages.index)]


def test_epoch_with_another_number_of_batches_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = MemoryZone(small_private_key)
    zone.found()
    zone.compile()
    zone.say(zone.roster_statement(), "market")
    stages = zone.say(zone.stages_statement(), "tax")
    logged = zone.say(zone.opening_statement(stages.index).model_copy(update={"batches": 99}), "authority")
    assert places(relogged(zone)) == [("ROSTER_INVALID", logged.index)]


def test_closing_that_hides_or_invents_an_absent_column_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = open_zone(small_private_key)
    owed = zone.owed_columns()
    for sender, entry in owed[1:]:
        zone.say(zone.column(sender, entry), sender)
    invented = (owed[1][1].indicator, "-", owed[1][0])
    logged = zone.say(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH, absent=(invented,)), "authority")
    assert places(relogged(zone)) == [("EPOCH_ABSENT", logged.index)] * 2


def test_true_absence_is_no_finding(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = open_zone(small_private_key)
    (sender, entry), *rest = zone.owed_columns()
    for other, owed in rest:
        zone.say(zone.column(other, owed), other)
    zone.say(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH, absent=((entry.indicator, entry.functional, sender),)), "authority")
    assert relogged(zone).holds


def test_release_without_all_batches_is_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = closed_zone(small_private_key)
    zone.open_totals()
    statement = zone.release_statement(tables_of(zone))
    logged = zone.say(statement.model_copy(update={"tickets": statement.tickets[1:]}), "authority")
    assert places(relogged(zone)) == [("RELEASE_INCOMPLETE", logged.index)]


def test_bands_that_are_not_of_the_opened_totals_are_found(small_private_key: PrivateKey, relogged: Relogged) -> None:
    zone = closed_zone(small_private_key)
    zone.open_totals()
    table: QuantileTable = tables_of(zone)[0]
    wrong = (table.model_copy(update={"cohort": table.cohort + 1}), *tables_of(zone)[1:])
    logged = zone.say(zone.release_statement(wrong), "authority")
    assert relogged(zone).holds  # without the openings nobody can tell
    assert places(relogged(zone, records=records_of(zone))) == [("QUANTILE_TABLE", logged.index)]
