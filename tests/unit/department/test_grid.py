"""Stages on a grid of two owners: the registrar tells its axis in the roster, the tax office stages, and each checks the other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey
from crypto.subjects import subject_id
from protos.v1.exchange_pb2 import PrepareEpoch, WorkItem
from scoring.errors import RosterError, WrongOwnerError
from scoring.exchange.documents.axes import check_axis_owner, check_stated
from scoring.exchange.roster import Roster, Stages, parse_roster, parse_stages
from scoring.indicators.model import Model
from scoring.statements import Refusal
from simulators.population.tables import Population
from tests.support.departments import EPOCH, MEMBER_OF, PERIOD, ROSTER_KEY, DepartmentZone, columns_asked
from tests.support.ledger import PACK, Ledger

AXES = ("axes: [sales_musd]", "axes: [sales_musd, capital_musd]")
BANDS = (
    ("on: {sales_musd: {below: 100}}", "on: {sales_musd: {below: 500}, capital_musd: {below: 60}}"),
    ("on: {sales_musd: {from: 100, below: 500}}", "on: {sales_musd: {below: 500}, capital_musd: {from: 60}}"),
)
"""firm-panel with S1 and S2 told apart by capital, which market supervision holds, in place of sales."""


def grid(text: str) -> str:
    for before, after in (AXES, *BANDS):
        assert before in text
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def founded_on_a_grid(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    path = tmp_path_factory.mktemp("grid") / PACK.name
    path.write_text(grid(PACK.read_text(encoding="utf-8")), encoding="utf-8")
    ledger = Ledger(small_private_key, pack=path)
    ledger.found()
    return ledger


@pytest.fixture
def zone(founded_on_a_grid: Ledger, firms: Population, tmp_path: Path) -> DepartmentZone:
    tables = {MEMBER_OF[table.member]: (table.columns, list(table.rows)) for table in firms.tables()}
    return DepartmentZone.build(founded_on_a_grid.fork(), tmp_path, tables)


def documents(zone: DepartmentZone) -> tuple[Roster, Stages]:
    """The roster and the stages that are logged."""
    view = zone.ledger.view
    roster = parse_roster(zone.blobs[view.rosters[EPOCH].statement.sha256])
    return roster, parse_stages(zone.blobs[max(view.stages.items())[1].statement.sha256], [stage.id for stage in zone.ledger.model.stages])


def test_each_owner_gives_its_axis_and_the_stage_is_that_of_both(zone: DepartmentZone, firms: Population) -> None:
    zone.prepare()
    roster, stages = documents(zone)
    model = zone.ledger.model
    assert (roster.axes, roster.model) == (("capital_musd",), model.sha256)
    assert {cell for cells in roster.cells for cell in cells} == {"0", "1"}, "places between the bounds, and no value"
    expected = {subject_id(ROSTER_KEY, firm.uscc): model.stage_of(firm.values) for firm in firms.firms}
    assert {subject: stage for subject, _, stage in stages.subjects} == expected
    assert len(set(expected.values())) == 4


def test_columns_follow_over_the_grid(zone: DepartmentZone) -> None:
    zone.contribute(zone.prepare())
    assert [entry.statement for entry in zone.ledger.view.statements.values() if isinstance(entry.statement, Refusal)] == []
    assert len(zone.ledger.view.columns) == len(zone.ledger.model.indicators)


def test_without_a_value_on_the_registrars_axis_a_subject_is_in_the_default_stage(zone: DepartmentZone, firms: Population) -> None:
    model, market = zone.ledger.model, zone.nodes["market"]
    firm = next(firm for firm in firms.firms if model.stage_of(firm.values) != model.default_stage)
    market.give(("uscc", "period", "division", "capital_musd"), [(firm.uscc, PERIOD, firm.division, "")], "retracted.csv")
    zone.prepare()
    roster, stages = documents(zone)
    subject = subject_id(ROSTER_KEY, firm.uscc)
    assert dict(zip((subject for subject, _ in roster.subjects), roster.cells, strict=True))[subject] == ("-",)
    assert {subject: stage for subject, _, stage in stages.subjects}[subject] == model.default_stage


def forged(stages: Stages, roster: Roster, model: Model) -> Stages:
    """The stages with one subject of little capital told as S2, which is for those of much."""
    poor = next(subject for (subject, _), cells in zip(roster.subjects, roster.cells, strict=True) if cells == ("0",))
    rows = [(subject, division, "S2" if subject == poor else stage) for subject, division, stage in stages.subjects]
    order = [stage.id for stage in model.stages]
    return Stages(stages.zone, stages.epoch, stages.period, stages.model, tuple(sorted(rows, key=lambda row: (order.index(row[2]), row[0]))))


def test_a_stage_that_the_cell_does_not_allow_is_refused_by_whoever_holds_both_documents(zone: DepartmentZone) -> None:
    zone.prepare()
    roster, stages = documents(zone)
    check_stated(stages, roster, zone.ledger.model)
    with pytest.raises(RosterError, match=r"is in stage S2, which its cells \{'capital_musd': '0'\} in the roster do not allow"):
        check_stated(forged(stages, roster, zone.ledger.model), roster, zone.ledger.model)


def test_the_registrar_refuses_an_epoch_whose_stages_contradict_its_axis(zone: DepartmentZone) -> None:
    zone.prepare()
    roster, stages = documents(zone)
    content = forged(stages, roster, zone.ledger.model).to_bytes()
    zone.blobs[sha256(content).hex()] = content
    opening = zone.ledger.envelope(zone.opening(roster=sha256(content).hex()), "authority")
    market = zone.nodes["market"]
    market.do(columns_asked(opening))
    assert not market.exchange.sent("contribute")
    said = [entry.statement for entry in zone.ledger.view.statements.values() if isinstance(entry.statement, Refusal)]
    assert [(refusal.member, refusal.reason) for refusal in said] == [("market", "ROSTER_INVALID")]


def test_the_stage_owner_refuses_a_roster_that_lacks_the_axis(zone: DepartmentZone, founded: Ledger) -> None:
    zone.prepare()
    view = zone.ledger.view
    roster = parse_roster(zone.blobs[view.rosters[EPOCH].statement.sha256])
    plain = Roster(roster.zone, roster.epoch, roster.period, roster.subjects)
    with pytest.raises(RosterError, match="states \\[\\] for another model"):
        check_stated(documents(zone)[1], plain, zone.ledger.model)
    with pytest.raises(RosterError, match="states \\['capital_musd'\\] for another model"):
        check_stated(documents(zone)[1], roster, founded.model)


def test_an_axis_of_neither_the_stage_owner_nor_the_registrar_stages_nobody(small_private_key: PrivateKey, tmp_path: Path) -> None:
    path = tmp_path / PACK.name
    text = grid(PACK.read_text(encoding="utf-8")).replace(AXES[1], "axes: [sales_musd, rd_stock_musd]")
    path.write_text(re.sub(r"capital_musd: \{(below|from)", r"rd_stock_musd: {\1", text), encoding="utf-8")
    ledger = Ledger(small_private_key, pack=path)
    ledger.found()
    zone = DepartmentZone.build(ledger, tmp_path / "zone", {})
    zone.nodes["market"].do(WorkItem(prepare=PrepareEpoch(epoch=EPOCH, period=PERIOD, model=bytes.fromhex(ledger.model.sha256))))
    said = [entry.statement for entry in ledger.view.statements.values() if isinstance(entry.statement, Refusal)]
    assert [(refusal.member, refusal.reason) for refusal in said] == [("market", "NOT_OWNER")]
    with pytest.raises(WrongOwnerError, match="an axis is the stage owner's or the registrar's"):
        check_axis_owner(ledger.view.registry, ledger.model)


def test_a_roster_without_stated_axes_is_byte_for_byte_as_before() -> None:
    roster = Roster("z", "e", "1995", (("00" * 16, "330108"),))
    said = {"format": "xinqiao/roster/v1", "zone": "z", "epoch": "e", "period": "1995", "subjects": [["00" * 16, "330108"]]}
    assert roster.to_bytes() == canonical_json(said)


@pytest.mark.parametrize(
    "change",
    [{"axes": []}, {"axes": ["a", "a"]}, {"axes": "a"}, {"axes": [1]}, {"axes": ["A"]}, {"axes": ["a", "b"]}, {"model": "ab"}, {"model": ""},
     {"format": "xinqiao/roster/v1"},
     {"subjects": [["00" * 16, "330108"]]}, {"subjects": [["00" * 16, "330108", "01"]]}, {"subjects": [["00" * 16, "330108", "-1"]]},
     {"subjects": [["00" * 16, "330108", 1]]}, {"subjects": [["00" * 16, "330108", "1", "1"]]}],
)  # fmt: skip
def test_a_stating_roster_of_another_form_is_refused(change: dict[str, object]) -> None:
    good = Roster("z", "e", "1995", (("00" * 16, "330108"),), "ab" * 32, ("a",), (("1",),)).to_bytes()
    assert parse_roster(good).cells == (("1",),)
    with pytest.raises(RosterError):
        parse_roster(canonical_json(json.loads(good) | change))


def test_a_cell_beyond_its_axis_is_refused(zone: DepartmentZone) -> None:
    zone.prepare()
    roster, stages = documents(zone)
    beyond = Roster(roster.zone, roster.epoch, roster.period, roster.subjects, roster.model, roster.axes, (("2",), *roster.cells[1:]))
    with pytest.raises(RosterError, match="beyond its axis"):
        check_stated(stages, beyond, zone.ledger.model)
