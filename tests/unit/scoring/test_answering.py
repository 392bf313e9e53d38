"""A zone evaluates several models: a release is answered from the epoch of the model that its consent is for [P5.3, P7.2]."""

from __future__ import annotations

import pytest

from crypto.keygen import PrivateKey
from nodes.packs import shipped_pack
from scoring.indicators.model import Model, load_pack
from scoring.release.asking import answering_epoch, answers, row_epochs
from scoring.statements import DisclosurePolicy
from tests.support.epoch import EPOCH
from tests.support.zone import MemoryZone

FLAGS = ("policy-neeq", "policy-listing")  # the same flags, so that only the consent can tell them apart
SUBJECT = "11" * 16


def admit(zone: MemoryZone, name: str) -> Model:
    """Another model beside the zone's."""
    model = load_pack(shipped_pack(name))
    zone.view.models[model.sha256] = model  # type: ignore[index]  # the ledger made it of a dict
    zone.model = model
    zone.say(zone.admission(), "authority")
    return model


def evaluate(zone: MemoryZone, model: Model, epoch: str) -> None:
    """An epoch of ``model`` over the same enterprises and the same data."""
    zone.model, zone.staged = model, {}
    zone.compile(epoch)
    zone.say(zone.roster_statement(), "market")
    stages = zone.say(zone.stages_statement(), "science")
    zone.say(zone.opening_statement(stages.index), "authority")


@pytest.fixture
def zone(small_private_key: PrivateKey) -> MemoryZone:
    """The zone's own epoch, and right after it those of two policies, though epochs of one model are a thousand seconds apart."""
    zone = MemoryZone(small_private_key, policy=DisclosurePolicy(epoch_interval_s=1000))
    zone.found()
    zone.open_epoch()
    for name in FLAGS:
        evaluate(zone, admit(zone, name), name)
    return zone


def test_a_policys_epoch_changes_no_banks_answer(zone: MemoryZone) -> None:
    zone.model = next(model for model in zone.view.models.values() if model.products)
    consent = zone.consent_statement(SUBJECT)
    assert answering_epoch(zone.view, consent).opened.epoch == EPOCH
    own = zone.consent_statement(SUBJECT, "e-0123456789abcdef")
    assert answering_epoch(zone.view, own).opened.epoch == EPOCH


@pytest.mark.parametrize("name", FLAGS)
def test_a_portrait_is_of_the_model_that_its_consent_names(zone: MemoryZone, name: str) -> None:
    zone.model = next(model for model in zone.view.models.values() if model.id == name)
    consent = zone.consent_statement(SUBJECT, "e-0123456789abcdef", products=(name,))
    assert answering_epoch(zone.view, consent).opened.epoch == name
    assert [model.id for model in zone.view.models.values() if answers(model, consent)] == [name]


def test_rows_are_taken_for_the_current_epoch_of_each_model(zone: MemoryZone) -> None:
    assert [state.opened.epoch for state in row_epochs(zone.view)] == [EPOCH, *FLAGS]
