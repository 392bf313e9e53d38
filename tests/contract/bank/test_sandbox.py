"""Every refusal that the sandbox makes on purpose is the one that it announces, at the gateway's real application."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from nodes.errors import SettingsError
from simulators.sandbox.cases import CASES, Asking, Bench, Case
from simulators.sandbox.requests import Sent
from simulators.sandbox.trial import RunningZone, chosen, try_cases
from tests.support.gateway import Front, front
from tests.support.zone import BASE, MemoryZone

SPEC = Path(__file__).parents[3] / "docs" / "specs" / "signed-requests.md"


@pytest.fixture(scope="module")
def site(zone: MemoryZone, tmp_path_factory: pytest.TempPathFactory) -> Front:
    return front(zone.fork(), tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="module")
def bench(site: Front) -> Bench:
    own = site.zone
    given, withdrawn = own.consent(own.subjects[0]), own.consent(own.subjects[1])
    own.say(own.revocation(withdrawn), own.own_key[own.subjects[1]])
    asked = [Asking(item.statement.subject, item.statement.products[0], item.statement.id) for item in (given, withdrawn)]
    return Bench(own.keys.signers["bank-a"], own.keys.signers["bank-b"], BASE, own.now, *asked)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_zone_answers_as_the_case_says(case: Case, site: Front, bench: Bench) -> None:
    def send(sent: Sent) -> httpx.Response:
        path = sent.url.removeprefix(BASE)
        answer: httpx.Response = site.client.request(sent.method, path, headers=list(sent.headers), content=sent.body)
        return answer

    (tried,) = try_cases([case], lambda: Bench(bench.key, bench.other, BASE, site.zone.now, bench.asking, bench.revoked), send)
    assert (tried.status, tried.reason) == (case.status, case.reason), tried.detail
    assert tried.as_told


def test_every_refusal_of_the_profile_has_a_case() -> None:
    text = SPEC.read_text(encoding="utf-8")
    table = text[text.index("## Refusals") : text.index("## With a common library")]
    announced = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert announced <= {case.reason for case in CASES}
    for rule in (f"S{number}" for number in range(1, 13) if number != 11):  # S11 is about evidence, not about what is sent
        assert any(case.does.startswith(f"{rule}:") for case in CASES), rule


def test_a_case_or_zone_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no case nonsense"):
        chosen(["nonsense"])
    with pytest.raises(SettingsError, match="sandbox up"):
        RunningZone(tmp_path)
