"""The cockpit over a released epoch: each official sees what divisions and trades cover, small figures are kept back, nobody else sees anything."""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from gateway.cockpit.publisher import Publisher
from gateway.cockpit.results import Results
from gateway.cockpit.store import CockpitStore
from gateway.register.book import Register
from nodes.records.deliveries import Intake
from nodes.records.store import RecordStore
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, CITY, COUNTY, PROVINCE
from tests.support.cockpit import PASSWORD, ROSTER_KEY, Board, another_epoch, board, lend
from tests.support.databases import ON_BOTH, database_in
from tests.support.epoch import EPOCH

STAGES = ("S1",) * 34 + ("S2",) * 17 + ("S3",) * 8 + ("S4",) * 2
PAGES = ("/cockpit/board", "/cockpit/enterprises", "/cockpit/supervision")
COUNTIES = ("330108", "330109")
LENT = "loans-1995"


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Board:
    made = board(small_private_key, tmp_path_factory.mktemp("cockpit"), STAGES)
    made.person("chief", AUTHORITY, ("",))
    made.person("province", PROVINCE, ("33",))
    made.person("city", CITY, ("3301",))
    made.person("county", COUNTY, ("330108",))
    made.person("chips", CITY, ("3301",), ("C",))
    made.person("elsewhere", COUNTY, ("320505",))
    made.person("nowhere", COUNTY, ())
    made.person("no-trade", CITY, ("3301",), ())
    made.person("auditor", AUDITOR, ("",))
    return made


def exported(site: Board, name: str, path: str = "/cockpit/enterprises") -> list[dict[str, str]]:
    """The file that a person takes away, in English."""
    answer = site.get(name, f"{path}?format=csv", english=True)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def scope(site: Board, division: str = "", trade: str = "") -> set[str]:
    found = site.register.edition().enterprises.values()
    return {item.uscc for item in found if item.division.startswith(division) and item.trade.startswith(trade)}


def test_totals_shown_are_those_that_were_opened(site: Board) -> None:
    totals = {item["subject"]: item for item in site.front.staff("GET", f"/v1/epochs/{EPOCH}/totals").json()["totals"]}
    rows = exported(site, "chief")
    assert len(rows) == len(STAGES) == len(totals)
    by_code = {item.uscc: item for item in site.register.edition().enterprises.values()}
    for row in rows:
        total = totals[by_code[row["Unified social credit code"]].subject]
        assert (round(float(row["Total"]) * 100), row["Percentile in its stage"]) == (total["hundredths"], str(float(total["percentile"])))
        assert row["Enterprise"] == by_code[row["Unified social credit code"]].company


@pytest.mark.parametrize(
    ("name", "division", "trade"), [("chief", "", ""), ("province", "33", ""), ("city", "3301", ""), ("county", "330108", ""), ("chips", "3301", "C")]
)
def test_each_level_sees_its_own_and_the_levels_below(site: Board, name: str, division: str, trade: str) -> None:
    assert {row["Unified social credit code"] for row in exported(site, name)} == scope(site, division, trade)
    for item in site.register.edition().enterprises.values():
        answer = site.get(name, f"/cockpit/enterprises/{item.subject}")
        assert answer.status_code == (200 if item.uscc in scope(site, division, trade) else 404)
        if answer.status_code == 404:
            assert item.company not in answer.text


@pytest.mark.parametrize("name", ["elsewhere", "nowhere", "no-trade"])
def test_who_covers_nothing_here_sees_nothing(site: Board, name: str) -> None:
    assert exported(site, name) == exported(site, name, "/cockpit/supervision") == []
    page = site.get(name, "/cockpit/board").text
    assert "没有企业" in page
    assert 'class="figure"' not in page
    assert site.get(name, "/cockpit/board?place=-").status_code == 403


@pytest.mark.parametrize("path", [*PAGES, f"/cockpit/epochs/{EPOCH}", "/cockpit/register", "/cockpit", f"/cockpit/enterprises/{'0' * 32}"])
def test_strangers_are_led_to_the_door_and_others_are_refused(site: Board, path: str) -> None:
    answer = site.get("", path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert site.get("auditor", path).status_code == 403


@pytest.mark.parametrize("name", ["province", "city", "county", "chips"])
def test_only_the_authority_looks_at_the_registers_sources(site: Board, name: str) -> None:
    assert site.get(name, "/cockpit/register").status_code == 403
    assert site.get("chief", "/cockpit/register").status_code == 200


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("county", ("-", "33-", "3301-", "330109-", "330109-C", "-C")),
        ("chips", ("-", "3301-", "330108-", "330108-I", "-C", "3301-I")),
        ("city", ("-", "33-", "-I", "3205-")),
        ("province", ("-", "-C", "32-")),
    ],
)
def test_tables_of_other_divisions_and_trades_are_refused(site: Board, name: str, places: tuple[str, ...]) -> None:
    for place in places:
        assert site.get(name, f"/cockpit/board?place={place}").status_code == 403, place
    assert site.get(name, "/cockpit/board?place=%2F-").status_code == 403
    assert site.get(name, "/cockpit/board?epoch=none").status_code == 404
    assert site.get(name, "/cockpit/board").status_code == 200


def options(text: str) -> list[str]:
    return re.findall(r'<option value="([0-9]*-[A-T]?)"', text)


def test_what_may_be_chosen_is_what_may_be_looked_at(site: Board) -> None:
    wanted = {"county": ("330108", ""), "chips": ("3301", "C"), "city": ("3301", "")}
    for name, (division, trade) in wanted.items():
        offered = options(site.get(name, "/cockpit/board").text)
        assert offered
        for word in offered[:6]:
            prefix, _, section = word.partition("-")
            assert prefix.startswith(division)
            assert section.startswith(trade)
            assert site.get(name, f"/cockpit/board?place={word}").status_code == 200


def test_small_figures_are_on_no_page_and_the_others_are_right(site: Board) -> None:
    """By the released totals: every number of a stage that is shown is the true one, none is under five."""
    document = site.front.cockpit.publisher._store.publication(EPOCH)
    assert document is not None
    home = {item.subject: item for item in site.register.edition().enterprises.values()}
    stages = {item["subject"]: item["stage"] for item in site.front.staff("GET", f"/v1/epochs/{EPOCH}/totals").json()["totals"]}
    true = Counter((home[subject].division, home[subject].section, stage) for subject, stage in stages.items())
    shown = 0
    for question, place, group, count, _ in document["shown"]:
        assert count >= 5
        if question.startswith("stage/"):
            prefix, _, section = place.partition("|")
            told = sum(
                number for (county, trade, stage), number in true.items() if county.startswith(prefix) and section in {"", trade} and stage == group
            )
            assert count == told
            shown += 1
    assert shown
    kept = {tuple(cell) for cell in document["kept"]}
    assert (f"stage/{EPOCH}", "|", "S4") in kept
    page = site.get("chief", "/cockpit/board", english=True).text
    assert '<td class="number">–</td>' in page
    assert not re.search(r'<td class="number">[1-4]</td>', page[page.index("Levels below") :])


def test_a_publication_is_made_once(site: Board) -> None:
    store = site.front.cockpit.publisher._store
    before = store.publication(EPOCH)
    assert not site.front.cockpit.publisher.publish_all()
    assert store.publication(EPOCH) == before
    assert [document["epoch"] for document in store.publications()].count(EPOCH) == 1


def test_every_look_at_an_enterprise_is_written_down(site: Board) -> None:
    item = next(iter(site.register.edition().enterprises.values()))
    site.get("chief", f"/cockpit/enterprises/{item.subject}")
    assert site.front.site.views.of(item.subject)[0].person == "chief"
    site.get("county", "/cockpit/supervision")
    assert site.front.site.views.of("*")[0].person == "county"


def test_supervision_lists_those_whose_total_counts_as_nothing(site: Board) -> None:
    gated = {item["subject"] for item in site.front.staff("GET", f"/v1/epochs/{EPOCH}/totals").json()["totals"] if item["gated"]}
    assert gated
    codes = {item.uscc for item in site.register.edition().enterprises.values() if item.subject in gated}
    assert {row["Unified social credit code"] for row in exported(site, "chief", "/cockpit/supervision")} == codes


def test_pages_speak_both_languages(site: Board) -> None:
    for path in (*PAGES, f"/cockpit/epochs/{EPOCH}", "/cockpit/register"):
        for english in (False, True):
            answer = site.get("chief", path, english=english)
            assert answer.status_code == 200
            assert ('<html lang="en">' in answer.text) == english
    assert "滨江区" in html.unescape(site.get("county", "/cockpit/board").text)


def test_the_planned_closing_is_the_authoritys_to_set(site: Board) -> None:
    path = f"/cockpit/epochs/{EPOCH}/plan"
    for name in ("chief", "county"):
        session = site.front.site.sessions.find(site.tokens[name])
        headers = {"cookie": f"{site.front.site.cookie}={site.tokens[name]}", "origin": "https://gateway.test:8443"}
        for closing, expected in (("2026-03-31", 303), ("tomorrow", 403 if name == "county" else 400)):
            answer = site.front.client.post(path, data={"form": session.form, "closing": closing}, headers=headers, follow_redirects=False)
            assert answer.status_code == (403 if name == "county" else expected), answer.text
        refused = site.front.client.post(path, data={"form": "another", "closing": "2026-03-31"}, headers=headers, follow_redirects=False)
        assert refused.status_code == 403
    assert "2026-03-31" in site.get("county", f"/cockpit/epochs/{EPOCH}").text
    assert PASSWORD not in site.get("chief", "/cockpit/board").text


@ON_BOTH
def test_tables_wait_until_the_register_is_read(site: Board, tmp_path: Path) -> None:
    """Else everybody would be counted without a trade, for good."""
    engine = database_in(tmp_path, "records")
    late = Register(RecordStore(engine), Intake(engine, lambda: 0), ROSTER_KEY, {}, ["facts"])
    results = Results(site.front.zone_held, site.front.evaluation, site.front.store, late)
    store = CockpitStore(database_in(tmp_path, "gateway"))
    assert Publisher(results, late, store, lambda: 0).publish_all() is True
    assert store.publications() == []
    known = Results(site.front.zone_held, site.front.evaluation, site.front.store, site.register)
    assert Publisher(known, site.register, store, lambda: 0).publish_all() is False
    assert [document["epoch"] for document in store.publications()] == [EPOCH]


Books = Mapping[str, tuple[int, int, int, int]]
"""Of one bank: subject → the figures of its loans."""


@pytest.fixture(scope="module")
def lent(site: Board) -> tuple[Mapping[str, str], Books, Books]:
    """Loans of two banks, summed, opened and published: each subject's stage, and the books."""
    stages = {item["subject"]: item["stage"] for item in site.front.staff("GET", f"/v1/epochs/{EPOCH}/totals").json()["totals"]}
    at_a = {subject: (1000 + 10 * place, 7 * place, 100, 0) for place, subject in enumerate(sorted(stages)) if place % 3}
    at_b = {subject: (500, 50 + place, 200, 100 * (place % 2)) for place, subject in enumerate(sorted(stages)) if place % 4 == 1}
    lend(site, LENT, {"bank-a": at_a, "bank-b": at_b})
    return stages, at_a, at_b


@pytest.mark.slow
def test_loans_and_repayment_are_shown_by_stage_as_the_banks_sums_say(site: Board, lent: tuple[Mapping[str, str], Books, Books]) -> None:
    """Sums over two banks, opened from their ciphertexts; the only borrower of a stage, and a sum that one makes up, are on no table."""
    stages, at_a, at_b = lent
    state = next(
        state
        for state, _ in Results(site.front.zone_held, site.front.evaluation, site.front.store, site.register).ratings()
        if state.opened.epoch == EPOCH
    )
    document = site.front.cockpit.store.publication(LENT)
    assert document is not None
    assert (document["kind"], document["previous"], document["withheld"]) == ("loans", state.opened.epoch, [])
    nothing = (0, 0, 0, 0)
    sums = {subject: tuple(map(sum, zip(at_a.get(subject, nothing), at_b.get(subject, nothing), strict=True))) for subject in stages}
    shown = {(question, group): (count, amount) for question, place, group, count, amount in document["shown"] if place == "|"}
    for at, question, unit in ((0, "balance", 1_000_000), (1, "repaid", 1_000_000)):
        for stage in ("S1", "S2"):
            mine = [found[at] for subject, found in sums.items() if found[at] and stages[subject] == stage]
            assert shown[f"{question}/{LENT}", stage] == (len(mine), unit * sum(mine))
    assert all(count >= 5 for _, _, _, count, _ in document["shown"])
    assert (f"balance/{LENT}", "S4") not in shown
    page = site.get("chief", "/cockpit/board", english=True).text
    count, amount = shown[f"repaid/{LENT}", "S1"]
    assert f'<td class="number">{count}</td><td class="number">{amount / 100:,.2f}</td>' in page


@pytest.mark.slow
@pytest.mark.usefixtures("lent")
def test_no_other_stages_than_those_in_the_lists_protect_loans(site: Board) -> None:
    """An official reads in lists by name who is in which stage: what protects a figure of loans leaves everybody there."""
    document = site.front.cockpit.store.publication(LENT)
    assert document is not None
    protected = [recipe for question, _, _, *recipe in document["protections"] if question.endswith(f"/{LENT}")]
    assert protected
    assert {name for names, _ in protected for name in names} <= {f"{what}/{LENT}" for what in ("balance", "repaid", "overdue")}


@pytest.mark.slow
def test_movement_since_the_epoch_before_is_shown_and_the_first_tables_stay(
    small_private_key: PrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = board(small_private_key, tmp_path, STAGES)
    made.person("chief", AUTHORITY, ("",))
    store = made.front.cockpit.publisher._store
    first = store.publication(EPOCH)
    another_epoch(made, "epoch-1996", "1996", monkeypatch)
    second = store.publication("epoch-1996")
    assert store.publication(EPOCH) == first
    assert second is not None
    assert second["previous"] == EPOCH
    asked = {cell[0] for part in ("shown", "kept") for cell in second[part]} | set(second["withheld"])
    assert {"move/epoch-1996", "trend/epoch-1996"} <= asked
    page = made.get("chief", "/cockpit/board", english=True).text
    assert "epoch-1996 (1996)" in page
    assert "Since the epoch before: totals" in page
    subject = made.zone.subjects[0]
    text = made.get("chief", f"/cockpit/enterprises/{subject}").text
    assert "epoch-1996" in text
    assert EPOCH in text
    assert made.get("chief", f"/cockpit/board?epoch={EPOCH}").status_code == 200
