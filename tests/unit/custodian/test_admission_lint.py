"""A custodian opens nothing under a model that its own admission lint does not pass, and makes tickets wait for the verdict [P7.1]."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.custodian.admission import AdmissionLint, Case, case_of, lint_case
from nodes.errors import NotReadyError
from protos.errors import refusal_of
from scoring.disclosure.report import LintReport
from scoring.errors import ModelLeaksError, WrongModelError
from scoring.exchange.view import Logged
from scoring.indicators.model import load_pack
from scoring.statements import DisclosurePolicy
from tests.support.epoch import EPOCH
from tests.support.exchange import HeldZone
from tests.support.ledger import PACK
from tests.support.zone import MemoryZone, open_zone, released_zone
from tests.unit.custodian.conftest import Desk

NARROW = """
  narrow:
    title: {zh: 窄, en: narrow}
    dimensions: [innovation]
    gates: [gate]
    disclosed_to: [bank]
"""


@pytest.fixture(scope="module")
def leaky(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> MemoryZone:
    """A released zone whose model gives banks a total, and the same without the market office's only indicator and the like."""
    text = PACK.read_text(encoding="utf-8")
    alone = text.replace("dimension: growth-and-size\n    record: market", "dimension: alone\n    record: market")
    alone = alone.replace("  growth-and-size: {", "  alone: {zh: 单, en: alone}\n  growth-and-size: {")
    pack = tmp_path_factory.mktemp("packs") / "leaky.yaml"
    disclosed = NARROW.replace("[innovation]", "[innovation, growth-and-size]")
    pack.write_text(alone.replace("\nproducts:", f"{disclosed}\nproducts:"), encoding="utf-8")
    return released_zone(small_private_key, pack)


def ticket_of(desk: Desk) -> Callable[[], object]:
    """A bank's ticket that holds in all but what is being tested."""
    consent = desk.zone.consent(desk.zone.subjects[5])
    work = desk.say(desk.zone.asked(consent))
    return lambda: desk.examine(work)


def test_nothing_is_opened_under_a_model_that_our_own_lint_does_not_pass(leaky: MemoryZone, tmp_path: Path) -> None:
    desk = Desk(leaky.fork(), tmp_path)
    examine = ticket_of(desk)
    with pytest.raises(ModelLeaksError, match=r"does not pass the admission lint \(bank, stage S1: value\)"):
        examine()
    assert refusal_of(ModelLeaksError()).reason == "MODEL_LEAKS"


def test_the_same_ticket_is_opened_where_nobody_lints(leaky: MemoryZone, tmp_path: Path) -> None:
    """The positive control: without the defence the isolating functional would be opened."""
    desk = Desk(leaky.fork(), tmp_path)
    examine = ticket_of(desk)
    desk.unlinted()
    examine()


def test_a_ticket_waits_while_the_lint_is_under_way_and_is_answered_then(released: MemoryZone, tmp_path: Path) -> None:
    desk = Desk(released.fork(), tmp_path)
    examine = ticket_of(desk)
    desk.lint_anew()
    with pytest.raises(NotReadyError, match=r"the admission lint of firm-panel@1 is under way"):
        examine()
    desk.admission.settle()
    examine()


def test_a_model_is_linted_once_from_its_admission_on(released: MemoryZone) -> None:
    zone, cases = released.fork(), list[Case]()

    def counting(case: Case, policy: DisclosurePolicy, tick: Callable[[], None]) -> LintReport:
        cases.append(case)
        return lint_case(case, policy, tick)

    admission = AdmissionLint(HeldZone(zone.view), threading.Event(), counting)
    for logged in zone.view.statements.values():
        admission.observe(logged)
    admission.settle()
    admission.check(EPOCH)
    admission.check(EPOCH)
    assert [case.hashes for case in cases] == [(zone.model.sha256,)]


def test_models_of_one_data_period_are_linted_together(released: MemoryZone, small_private_key: PrivateKey) -> None:
    """The second model passes by itself; with the first one's total it gives away a weight's difference."""
    zone = released.fork()
    text = PACK.read_text(encoding="utf-8")
    heavier = text.replace("{S1: 1, S2: 1, S3: 1, S4: 1}", "{S1: 2, S2: 1, S3: 1, S4: 1}", 1)
    second = load_pack(heavier.replace('version: "1"', 'version: "2"', 1).encode())
    zone.view.models = {**zone.view.models, second.sha256: second}
    admission = AdmissionLint(HeldZone(zone.view), threading.Event())
    first = zone.view.epochs[EPOCH]
    opened = first.opened.model_copy(update={"epoch": "again", "model": second.sha256})
    zone.view.admitted[second.sha256] = zone.view.admitted[zone.model.sha256]
    zone.view.epochs["again"] = type(first)(opened, first.open_index + 1)
    assert case_of(zone.view, "again").hashes == (second.sha256, zone.model.sha256)
    assert case_of(zone.view, EPOCH).hashes == (zone.model.sha256,)
    judged(admission, EPOCH)
    with pytest.raises(ModelLeaksError, match="firm-panel@2"):
        judged(admission, "again")
    zone.view.epochs["again"] = type(first)(opened.model_copy(update={"period": "another"}), first.open_index + 1)
    judged(admission, "again")


def judged(admission: AdmissionLint, epoch: str) -> None:
    with pytest.raises(NotReadyError):
        admission.check(epoch)
    admission.settle()
    admission.check(epoch)


def test_a_bank_that_is_a_department_too_is_judged_with_its_own_records(released: MemoryZone) -> None:
    zone = released.fork()
    bank = zone.view.registry.members["bank-a"]
    as_department = bank.model_copy(update={"roles": (*bank.roles, "department"), "department": "tax", "level": "city"})
    zone.view.registry.members["bank-a"] = as_department
    (known,) = [audience for audience in case_of(zone.view, EPOCH).audiences if audience.name == "bank bank-a"]
    assert {owner.department for owner in known.holds} == {"tax"}


def test_a_pack_that_is_not_at_hand_is_said_to_the_ticket(released: MemoryZone) -> None:
    zone = released.fork()
    zone.view.models = {}
    admission = AdmissionLint(HeldZone(zone.view), threading.Event())
    for logged in zone.view.statements.values():
        admission.observe(logged)
    with pytest.raises(WrongModelError, match="not at hand"):
        admission.check(EPOCH)


def test_a_lint_that_is_under_way_ends_with_the_process(small_private_key: PrivateKey) -> None:
    zone, stopping, begun = open_zone(small_private_key), threading.Event(), threading.Event()

    def endless(_case: Case, _policy: DisclosurePolicy, tick: Callable[[], None]) -> LintReport:
        begun.set()
        while True:
            tick()

    admission = AdmissionLint(HeldZone(zone.view), stopping, endless)
    admission.observe(admitted(zone))
    thread = threading.Thread(target=admission.run, daemon=True)
    thread.start()
    assert begun.wait(10)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()


def test_the_real_lint_gives_up_when_it_is_told_to(released: MemoryZone) -> None:
    case = case_of(released.view, EPOCH)

    class GivenUpError(Exception):
        pass

    def give_up() -> None:
        raise GivenUpError

    with pytest.raises(GivenUpError):
        lint_case(case, DisclosurePolicy(), give_up)


def admitted(zone: MemoryZone) -> Logged:
    return zone.view.admitted[zone.model.sha256]
