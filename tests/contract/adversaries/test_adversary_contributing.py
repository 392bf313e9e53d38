"""A department with valid keys contributes another's ciphertexts as its own, to the real coordinator and log: refused, and nothing is kept.

Each attack has its control: what the total would have shown, had the contribution been taken, computed on the attacker's ciphertexts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence

import pytest

from crypto.keygen import PrivateKey
from crypto.multiexp import linear_combination
from crypto.packing import unpack
from crypto.paillier import decode_ciphertexts
from nodes.errors import RpcRefusal
from scoring.errors import RangeError
from scoring.indicators.functional import functional, read
from scoring.statements import Column, Row
from simulators.adversaries.department import HostileDepartment
from simulators.adversaries.forging import opposite, rerandomised, shifted, solved
from tests.support.intake import MakeIdentity, Site, intake_site

THIEF, VICTIM = "market", "science"  # each owns one indicator: value and rd
BY = 7


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with intake_site(small_private_key, make_identity, tmp_path_factory.mktemp("thief")) as running:
        yield running


@pytest.fixture
def thief(site: Site) -> Iterator[HostileDepartment]:
    exchange = site.client(THIEF)
    yield HostileDepartment(site.memory.public_key, site.memory.keys.signers[THIEF], exchange)
    exchange.close()


def ciphertexts_of(site: Site, statement: Column | Row) -> list[int]:
    return decode_ciphertexts(site.memory.public_key, site.memory.blobs[statement.header.merkle_root])


def stolen(site: Site, theft: str, ciphertexts: Sequence[int]) -> list[int]:
    key = site.memory.public_key
    change: dict[str, Callable[[int], int]] = {
        "copied": lambda c: c,
        "rerandomised": lambda c: rerandomised(key, c, secrets.randbelow(key.n - 1) + 1),
        "shifted": lambda c: shifted(key, c, BY),
        "opposite": lambda c: opposite(key, c),
    }
    return [change[theft](value) for value in ciphertexts]


def made(site: Site, kind: str, sender: str) -> Column | Row:
    if kind == "column":
        return site.column(site.entries(sender)[0], sender)
    row = site.memory.row(sender, site.consents["standing"], next(site.revisions))
    assert row is not None
    return row


@pytest.mark.parametrize("proof", ["its own", "the victim's"])
@pytest.mark.parametrize("theft", ["copied", "rerandomised", "shifted", "opposite"])
@pytest.mark.parametrize("kind", ["column", "row"])
def test_what_is_made_of_anothers_ciphertexts_is_refused(site: Site, thief: HostileDepartment, kind: str, theft: str, proof: str) -> None:
    victim, own = made(site, kind, VICTIM), made(site, kind, THIEF)
    site.contribute(site.sent(victim))
    before = site.traces()
    with pytest.raises(RpcRefusal) as refused:
        thief.contribute(own, stolen(site, theft, ciphertexts_of(site, victim)), victim.proof if proof == "the victim's" else None)
    assert refused.value.reason == "PROOF_INVALID"
    assert site.traces() == before


def test_the_thief_is_heard_when_it_is_honest(site: Site, thief: HostileDepartment) -> None:
    """What the tests above send is refused for what it is, not for how it is sent."""
    own = made(site, "column", THIEF)
    assert thief.contribute(own, ciphertexts_of(site, own)).leaf_index == site.log.size - 1


@pytest.mark.parametrize(("theft", "times", "offset"), [("copied", 1, 0), ("rerandomised", 1, 0), ("shifted", 1, BY), ("opposite", -1, 0)])
def test_a_stolen_ciphertext_would_have_shown_the_victims_value_in_the_total(site: Site, theft: str, times: int, offset: int) -> None:
    """The control: with the thief's column among the inputs, whoever sees totals solves for the victim's points of every firm in the batch."""
    memory, (batch, *_) = site.memory, site.memory.placement.batches
    weights = {term.indicator: term.weight for term in functional(memory.model, "total", batch.stage).terms}
    columns = {entry.indicator: ciphertexts_of(site, memory.column(name, entry, 900))[batch.index] for name, entry in memory.owed_columns()}
    inputs = {**columns, "value": stolen(site, theft, [columns["rd"]])[0]}
    totals, honest = (opened(site, batch.count, weights, given) for given in (inputs, columns))
    subjects = [subject for subject, _, _ in memory.stages.subjects[batch.first_position : batch.first_position + batch.count]]
    for subject, total, without in zip(subjects, totals, honest, strict=True):
        own = memory.points[subject]["value"] * weights["value"]  # the thief's own points, which it knows
        seen = solved(total, without - own, weights["value"])
        assert (seen - (offset if subject == subjects[0] else 0)) * times == memory.points[subject]["rd"]


def opened(site: Site, count: int, weights: dict[str, int], inputs: dict[str, int]) -> list[int]:
    """Totals of a batch's firms, as t custodians would open them."""
    key, model = site.memory.public_key, site.memory.model
    value = linear_combination(key, tuple(weights.values()), tuple(inputs[name] for name in weights), 0)
    return unpack(site.memory.open(value).m, model.slot_bits, count)


@pytest.mark.parametrize("where", ["above", "below"])
def test_a_value_that_runs_over_into_the_next_slot_is_found_when_it_is_opened(site: Site, where: str) -> None:
    """The sender knows what it encrypts, so its proof holds and it is taken; the audience compares every value with what the model can give.

    The control: plain unpacking passes the neighbour's changed total. What stays within the model, or reads as gated, is for audit draws [P6].
    """
    memory, model = site.memory, site.memory.model
    batch = next(batch for batch in memory.placement.batches if batch.count > 1)
    form, own = functional(model, "total", batch.stage), site.column(site.entries(THIEF)[0], THIEF)
    weights = {term.indicator: term.weight for term in form.terms}
    columns = {entry.indicator: ciphertexts_of(site, memory.column(name, entry, 901))[batch.index] for name, entry in memory.owed_columns()}
    honest = opened(site, batch.count, weights, columns)
    carry = form.plain_hi // weights["value"] + 1 if where == "above" else -(honest[1] // weights["value"]) - 1
    hostile = overflowing(site, own, batch.index, carry)
    site.contribute(site.sent(hostile))
    totals = opened(site, batch.count, weights, {**columns, "value": ciphertexts_of(site, hostile)[batch.index]})
    assert [total - true for total, true in zip(totals, honest, strict=True)][:2] == [0, carry * weights["value"]]
    assert [read(form, total).value_hundredths for total in honest[:2]] == honest[:2]
    with pytest.raises(RangeError):
        read(form, totals[1])


def overflowing(site: Site, own: Column, batch: int, carry: int) -> Column:
    """The column with its first value of a batch so large that ``carry`` arrives in the second slot; with a proof that holds."""
    memory = site.memory
    plaintexts = [memory.open(value).m for value in ciphertexts_of(site, own)]
    plaintexts[batch] += carry << own.header.slot_bits
    header = own.header.model_dump(mode="json", exclude={"merkle_root"})
    return Column(zone=own.zone, nonce=own.nonce, **memory._encrypted(THIEF, header, plaintexts))
