"""Rosters and stages documents: order, batches, proofs, and refusal of every document that was not built here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import canonical_json, sha256
from crypto.errors import MerkleError
from scoring.errors import RosterError
from scoring.exchange import roster as rosters
from scoring.exchange.documents.form import MAX_DOCUMENT_BYTES
from scoring.exchange.roster import Roster, StageProof, Stages
from scoring.statements import RosterCompiled, StagesPublished

ORDER = ("seed", "growth", "mature")
MODEL = "ab" * 32
subject_ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
divisions = st.sampled_from(["330108", "330109"])
populations = st.dictionaries(subject_ids, st.tuples(divisions, st.sampled_from([*ORDER, None])), min_size=1, max_size=60)


def roster_of(population: dict[str, Any]) -> Roster:
    return rosters.build_roster("zone", "epoch-1", "2023", ((subject, division) for subject, (division, _) in population.items()))


def stages_of(population: dict[str, Any]) -> Stages:
    stage_of = {subject: stage for subject, (_, stage) in population.items() if stage is not None}
    return rosters.build_stages(roster_of(population), MODEL, stage_of, ORDER, "growth")


def statements_of(roster: Roster, stages: Stages) -> tuple[RosterCompiled, StagesPublished]:
    head = {"zone": "zone", "nonce": "00" * 16, "epoch": "epoch-1", "period": "2023", "count": len(roster.subjects)}
    digest = sha256(roster.to_bytes()).hex()
    return (
        RosterCompiled.model_validate({**head, "sha256": digest}),
        StagesPublished.model_validate(
            {**head, "model": MODEL, "roster": digest, "sha256": sha256(stages.to_bytes()).hex(), "merkle_root": stages.merkle_root().hex()}
        ),
    )


@given(populations)
def test_documents_survive_a_round_trip(population: dict[str, Any]) -> None:
    assert rosters.parse_roster(roster_of(population).to_bytes()) == roster_of(population)
    assert rosters.parse_stages(stages_of(population).to_bytes(), ORDER) == stages_of(population)


@given(populations)
def test_order_is_by_stage_then_id_and_a_subject_without_data_gets_the_default(population: dict[str, Any]) -> None:
    expected = sorted(
        ((subject, division, stage if stage is not None else "growth") for subject, (division, stage) in population.items()),
        key=lambda row: (ORDER.index(row[2]), row[0]),
    )
    assert list(stages_of(population).subjects) == expected


@given(populations, st.integers(1, 9))
def test_batches_cover_every_position_once_and_never_mix_stages(population: dict[str, Any], slots: int) -> None:
    stages = stages_of(population)
    seen: list[int] = []
    for number, batch in enumerate(rosters.batches(stages.counts(), slots)):
        positions = range(batch.first_position, batch.first_position + batch.count)
        assert batch.index == number
        assert 1 <= batch.count <= slots
        assert {stages.subjects[position][2] for position in positions} == {batch.stage}
        seen.extend(positions)
    assert seen == list(range(len(stages.subjects)))


def test_only_the_last_batch_of_a_stage_is_short() -> None:
    found = [(b.stage, b.first_position, b.count) for b in rosters.batches((("seed", 7), ("growth", 0), ("mature", 3)), 3)]
    assert found == [("seed", 0, 3), ("seed", 3, 3), ("seed", 6, 1), ("mature", 7, 3)]


def test_batches_of_no_slot_are_refused() -> None:
    with pytest.raises(RosterError):
        rosters.batches((("seed", 1),), 0)


@given(populations, st.data())
def test_a_stage_proof_holds_and_every_changed_field_is_refused(population: dict[str, Any], data: st.DataObject) -> None:
    stages = stages_of(population)
    position = data.draw(st.integers(0, len(population) - 1))
    proof, root = stages.proof(position), stages.merkle_root()
    rosters.check_stage_proof(proof, root)
    assert stages.proof(position, stages.tree()) == proof
    other_stage = next(stage for stage in ORDER if stage != proof.stage)
    other_subject = f"{int(proof.subject, 16) ^ 1:032x}"
    forged = [
        StageProof(proof.subject, other_stage, proof.position, proof.size, proof.path),
        StageProof(other_subject, proof.stage, proof.position, proof.size, proof.path),
        StageProof(proof.subject, proof.stage, proof.position + 1, proof.size, proof.path),
        StageProof(proof.subject, proof.stage, proof.position, proof.size, (*proof.path, root)),
    ]
    for claim in forged:
        with pytest.raises(MerkleError):
            rosters.check_stage_proof(claim, root)


def test_a_stage_row_is_the_published_canonical_json() -> None:
    assert rosters.stage_row(3, "seed", "ab" * 16) == b'{"position":3,"stage":"seed","subject":"' + b"ab" * 16 + b'"}'


SAMPLE = {"00" * 16: ("330108", "seed"), "11" * 16: ("330109", "mature"), "22" * 16: ("330108", "seed")}
ROSTER_CHANGES: dict[str, Any] = {
    "swapped": lambda d: d["subjects"].reverse(),
    "repeated": lambda d: d["subjects"].insert(0, d["subjects"][0]),
    "no subject": lambda d: d["subjects"].clear(),
    "upper-case id": lambda d: d["subjects"][2].__setitem__(0, "AB" * 16),
    "short id": lambda d: d["subjects"][0].__setitem__(0, "00"),
    "division of five digits": lambda d: d["subjects"][0].__setitem__(1, "33010"),
    "division as number": lambda d: d["subjects"][0].__setitem__(1, 330108),
    "row too long": lambda d: d["subjects"][0].append("x"),
    "row is no list": lambda d: d["subjects"].__setitem__(0, "x"),
    "format of another version": lambda d: d.__setitem__("format", "xinqiao/roster/v2"),
    "unknown field": lambda d: d.__setitem__("extra", ""),
    "zone missing": lambda d: d.pop("zone"),
    "zone with a newline": lambda d: d.__setitem__("zone", "zone\n"),
    "period empty": lambda d: d.__setitem__("period", ""),
}
STAGES_CHANGES: dict[str, Any] = {
    "ids swapped within a stage": lambda d: d["subjects"].__setitem__(slice(0, 2), d["subjects"][1::-1]),
    "stages swapped": lambda d: d["subjects"].__setitem__(slice(1, 3), d["subjects"][:0:-1]),
    "stage of another model": lambda d: d["subjects"][0].__setitem__(2, "seedling"),
    "a subject in two stages": lambda d: d["subjects"][2].__setitem__(0, "00" * 16),
    "model hash cut": lambda d: d.__setitem__("model", "ab"),
    "roster format": lambda d: d.__setitem__("format", "xinqiao/roster/v1"),
}


@pytest.mark.parametrize("change", ROSTER_CHANGES.values(), ids=ROSTER_CHANGES.keys())
def test_a_changed_roster_is_refused(change: Any) -> None:
    document = json.loads(roster_of(SAMPLE).to_bytes())
    change(document)
    with pytest.raises(RosterError):
        rosters.parse_roster(canonical_json(document))


@pytest.mark.parametrize("change", STAGES_CHANGES.values(), ids=STAGES_CHANGES.keys())
def test_a_changed_stages_document_is_refused(change: Any) -> None:
    document = json.loads(stages_of(SAMPLE).to_bytes())
    change(document)
    with pytest.raises(RosterError):
        rosters.parse_stages(canonical_json(document), ORDER)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff", b"[" * 100_000, roster_of(SAMPLE).to_bytes() + b"\n", json.dumps(json.loads(roster_of(SAMPLE).to_bytes())).encode()],
    ids=["empty", "list", "not UTF-8", "deep", "newline at the end", "with spaces"],
)
def test_bytes_that_are_not_a_canonical_roster_are_refused(data: bytes) -> None:
    with pytest.raises(RosterError):
        rosters.parse_roster(data)


def test_a_document_beyond_the_size_bound_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(RosterError, match="bytes"):
        rosters.parse_roster(b" " * (MAX_DOCUMENT_BYTES + 1))


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(RosterError, match="seedling"):
        rosters.build_stages(roster_of(SAMPLE), MODEL, {"00" * 16: "seedling"}, ORDER, "growth")


@given(populations)
def test_statements_fit_their_documents(population: dict[str, Any]) -> None:
    roster, stages = roster_of(population), stages_of(population)
    compiled, published = statements_of(roster, stages)
    rosters.check_compiled(roster, compiled)
    rosters.check_published(stages, roster, published)


@pytest.mark.parametrize("field", ["zone", "epoch", "period", "count", "sha256"])
def test_a_roster_statement_about_another_document_is_refused(field: str) -> None:
    roster, stages = roster_of(SAMPLE), stages_of(SAMPLE)
    compiled, _ = statements_of(roster, stages)
    other: Any = {"count": 9, "sha256": "cd" * 32}.get(field, "other")
    with pytest.raises(RosterError):
        rosters.check_compiled(roster, compiled.model_copy(update={field: other}))


@pytest.mark.parametrize("field", ["zone", "epoch", "period", "model", "roster", "count", "sha256", "merkle_root"])
def test_a_stages_statement_about_another_document_is_refused(field: str) -> None:
    roster, stages = roster_of(SAMPLE), stages_of(SAMPLE)
    _, published = statements_of(roster, stages)
    other: Any = {"count": 9, "zone": "other", "epoch": "other", "period": "other"}.get(field, "cd" * 32)
    with pytest.raises(RosterError):
        rosters.check_published(stages, roster, published.model_copy(update={field: other}))


def test_stages_that_move_a_subject_to_another_county_are_refused() -> None:
    roster = roster_of(SAMPLE)
    moved = Stages("zone", "epoch-1", "2023", MODEL, tuple((subject, "330109", stage) for subject, _, stage in stages_of(SAMPLE).subjects))
    _, published = statements_of(roster, moved)
    with pytest.raises(RosterError, match="moves"):
        rosters.check_published(moved, roster, published)
