"""Gates and rows of a pack with zero filers: drawn afresh for each functional, the same when made again, gated exactly where the rule says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crypto.contribution import check_contribution
from crypto.errors import MerkleError, ProofError
from crypto.keygen import PrivateKey
from crypto.packing import unpack
from crypto.paillier import Encryptor, PublicKey
from crypto.proofs import KnowledgeProof
from crypto.statements import parse_envelope
from crypto.subjects import subject_id
from nodes.contributing.contributions import Contributor
from nodes.contributing.outbox import Message, Prepared
from nodes.contributing.trust import GivenConsent, OpenEpoch
from scoring.exchange.contributions import row_entries
from scoring.exchange.roster import batches, build_roster, build_stages
from scoring.indicators.functional import functional
from scoring.indicators.model import Model, load_pack
from scoring.statements import Column, Consent, EpochOpen, Row, parse_statement
from simulators.population import binjiang
from simulators.population.tables import Population
from tests.support.ledger import SMALL_BITS
from tests.support.members import ZONE, Keys

PACK = Path(__file__).resolve().parents[3] / "scoring" / "packs" / "hangzhou-binjiang" / "hangzhou-binjiang@1.yaml"
SECOND = """
  growth-only:
    title: {zh: 成长性得分, en: growth only}
    dimensions: [development]
    gates: [zero-filing]
    disclosed_to: [authority, bank]

products:"""
ROSTER_KEY = b"k" * 32
SECRET = b"s" * 32


@pytest.fixture(scope="module")
def model() -> Model:
    """The zone's pack with a second functional behind the same gate."""
    text = PACK.read_text(encoding="utf-8")
    assert text.count("\nproducts:") == 1
    return load_pack(text.replace("\nproducts:", SECOND).encode())


@pytest.fixture(scope="module")
def population() -> Population:
    return binjiang.generate(40, seed=8)


@pytest.fixture(scope="module")
def keys() -> Keys:
    made = Keys()
    made.make("tax")
    return made


@pytest.fixture(scope="module")
def contributor(model: Model, population: Population, keys: Keys, small_private_key: PrivateKey) -> Contributor:
    """The tax bureau's, over forty simulated enterprises."""
    records = {subject_id(ROSTER_KEY, firm.uscc): firm.values for firm in population.firms}
    roster = build_roster(ZONE, "epoch-2023", "2023", [(subject_id(ROSTER_KEY, firm.uscc), firm.division) for firm in population.firms])
    order = [stage.id for stage in model.stages]
    stage_of = {subject: model.stage_of(values) for subject, values in records.items()}
    stages = build_stages(roster, model.sha256, stage_of, order, model.default_stage)
    key = PublicKey.from_modulus(small_private_key.n, min_bits=SMALL_BITS)
    slots = model.slots_per_ciphertext(key.bits)
    layout = tuple(batches(stages.counts(), slots))
    opened = EpochOpen(
        zone=ZONE,
        nonce="00" * 16,
        epoch="epoch-2023",
        period="2023",
        model=model.sha256,
        key=key.key_hash.hex(),
        roster="11" * 32,
        stages_leaf=1,
        slot_bits=model.slot_bits,
        slots=slots,
        batches=len(layout),
        contributors={},
    )
    placed = tuple((subject, stage) for subject, _, stage in stages.subjects)
    epoch = OpenEpoch(opened, "22" * 32, model, placed, layout, stages)
    return Contributor(keys.member("tax"), keys.signers["tax"], Encryptor(key, 4), epoch, SECRET, records)


def statement_of(message: Message) -> Column | Row:
    envelope = parse_envelope(message.envelope)
    statement = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(statement, Column | Row)
    return statement


def plaintexts(contributor: Contributor, message: Message, private: PrivateKey) -> list[int]:
    """Checked as a coordinator checks, then decrypted with the private key that no zone has."""
    statement, key = statement_of(message), contributor.encryptor.public_key
    proof = KnowledgeProof.from_json(statement.proof.model_dump(mode="json"))
    n, order = private.n, (private.p - 1) * (private.q - 1)
    found = []
    for value in check_contribution(key, statement.header.model_dump(mode="json"), proof, message.content):
        m = (pow(value, order, n * n) - 1) // n * pow(order, -1, n) % n
        found.append(m - n if m > n // 2 else m)
    return found


def columns(contributor: Contributor, revision: int = 0) -> dict[tuple[str, str], Message]:
    return {tuple(prepared.place.split("/")[2:]): prepared.make(revision) for prepared, _ in contributor.columns()}  # type: ignore[misc]


def gates(contributor: Contributor, name: str, private: PrivateKey, revision: int = 0) -> dict[str, int]:
    """Subject -> gate value of functional ``name``."""
    opened, layout = contributor.epoch.opened, contributor.epoch.batches
    packed = plaintexts(contributor, columns(contributor, revision)["zero-filing", name], private)
    values = [value for plain, batch in zip(packed, layout, strict=True) for value in unpack(plain, opened.slot_bits, batch.count)]
    return {subject: value for (subject, _), value in zip(contributor.epoch.subjects, values, strict=True)}


def zero_filers(population: Population) -> set[str]:
    """Subjects with three consecutive months, found by looking for every such triple."""
    triples = [{f"2023-{month + step:02d}" for step in range(3)} for month in range(1, 11)]
    months = {subject_id(ROSTER_KEY, firm.uscc): set(firm.values["zero_filing_months"].split(";")) for firm in population.firms}
    return {subject for subject, filed in months.items() if any(triple <= filed for triple in triples)}


def test_gates_close_for_the_zero_filers_and_for_nobody_else(contributor: Contributor, population: Population, small_private_key: PrivateKey) -> None:
    filers = zero_filers(population)
    assert filers
    assert any(firm.values["zero_filing_months"] and subject_id(ROSTER_KEY, firm.uscc) not in filers for firm in population.firms)
    for name in ("total", "growth-only"):
        values = gates(contributor, name, small_private_key)
        assert {subject for subject, value in values.items() if value} == filers
        bits = functional(contributor.epoch.model, name, "seed").gate_bits
        assert all(-(2**bits) - 2 ** (bits + 40) < values[subject] <= -(2**bits) for subject in filers)


def test_each_functional_each_subject_and_each_revision_has_its_own_mask(
    contributor: Contributor, population: Population, small_private_key: PrivateKey
) -> None:
    masks = []
    for name in ("total", "growth-only"):
        bits = functional(contributor.epoch.model, name, "seed").gate_bits
        for revision in (0, 1):
            values = gates(contributor, name, small_private_key, revision)
            masks += [-value - 2**bits for value in values.values() if value]
    assert len(masks) == 4 * len(zero_filers(population))
    assert len(set(masks)) == len(masks)


def test_the_same_secret_gives_the_same_bytes_and_another_secret_shares_no_ciphertext(contributor: Contributor) -> None:
    first, again = columns(contributor), columns(contributor)
    assert {place: (m.envelope, m.content) for place, m in first.items()} == {place: (m.envelope, m.content) for place, m in again.items()}
    other = columns(replace(contributor, secret=b"t" * 32))
    width = contributor.encryptor.public_key.ciphertext_size
    for place, message in first.items():
        theirs = other[place].content
        assert not {message.content[i : i + width] for i in range(0, len(message.content), width)} & {
            theirs[i : i + width] for i in range(0, len(theirs), width)
        }


def given(contributor: Contributor, subject: str, audience: str = "bank-a", functionals: tuple[str, ...] = ("total", "growth-only")) -> GivenConsent:
    consent = Consent(
        zone=ZONE,
        nonce="00" * 16,
        id="33" * 16,
        subject=subject,
        audience=audience,
        purpose="loan",
        products=("base-line",),
        functionals=functionals,
        not_before=0,
        not_after=1 << 39,
        service="enterprise",
        signed_by="enterprise",
    )
    return GivenConsent(consent, "44" * 32)


def row_under(contributor: Contributor, given: GivenConsent) -> Prepared:
    """The row that the contributor owes under a consent."""
    entries = row_entries(contributor.epoch.model, contributor.member, given.consent.functionals)
    return contributor.row(entries, given.consent.subject, given.consent.audience, given.digest, lambda _indicator: None)[0]


def test_a_row_carries_each_indicator_and_one_gate_for_each_gated_functional_of_the_consent(
    contributor: Contributor, population: Population, small_private_key: PrivateKey
) -> None:
    subject = min(zero_filers(population))
    made = row_under(contributor, given(contributor, subject))
    message = made.make(0)
    header = statement_of(message).header
    values = dict(zip([(e.indicator, e.functional) for e in header.entries], plaintexts(contributor, message, small_private_key), strict=True))
    assert [name for name, gate in values if gate != "-"] == ["zero-filing", "zero-filing"]
    assert values["zero-filing", "total"] < 0 > values["zero-filing", "growth-only"]
    assert values["zero-filing", "total"] not in gates(contributor, "total", small_private_key).values()
    packed = columns(contributor)
    position = contributor.epoch.position_of[subject]
    batch = next(b for b in contributor.epoch.batches if b.first_position <= position < b.first_position + b.count)
    for (indicator, gate), value in values.items():
        if gate == "-":
            plain = plaintexts(contributor, packed[indicator, "-"], small_private_key)[batch.index]
            assert value == unpack(plain, contributor.epoch.opened.slot_bits, batch.count)[position - batch.first_position]
    only = row_under(contributor, given(contributor, subject, functionals=("total",)))
    assert [e.functional for e in statement_of(only.make(0)).header.entries if e.functional != "-"] == ["total"]


def test_rows_for_two_banks_share_no_ciphertext_and_no_mask(contributor: Contributor, population: Population, small_private_key: PrivateKey) -> None:
    subject = min(zero_filers(population))
    made = []
    for audience in ("bank-a", "bank-b"):
        row = row_under(contributor, given(contributor, subject, audience))
        made.append(row.make(0))
    width = contributor.encryptor.public_key.ciphertext_size
    parts = [{m.content[i : i + width] for i in range(0, len(m.content), width)} for m in made]
    assert not parts[0] & parts[1]
    masks = [plaintexts(contributor, message, small_private_key)[-2:] for message in made]
    assert len({*masks[0], *masks[1]}) == 4


def test_a_proof_under_another_header_or_over_other_ciphertexts_does_not_hold(contributor: Contributor) -> None:
    key = contributor.encryptor.public_key
    first, second = list(columns(contributor).values())[:2]
    statement = statement_of(first)
    proof = KnowledgeProof.from_json(statement.proof.model_dump(mode="json"))
    header = statement.header.model_dump(mode="json")
    check_contribution(key, header, proof, first.content)
    with pytest.raises(ProofError):
        check_contribution(key, header | {"sender": "ip"}, proof, first.content)
    with pytest.raises(MerkleError):
        check_contribution(key, header, proof, second.content)
