"""``xinqiao model lint``: what an official reads, the JSON document, exit codes, and errors that name file, line and path."""

from __future__ import annotations

import csv
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crypto.keygen import PrivateKey
from nodes.commands.models import lint_inputs
from nodes.commands.models.model import app
from nodes.packs import pack_path, read_pack
from scoring.disclosure.lint import lint
from scoring.statements import DisclosurePolicy
from simulators.population.generate import generate
from simulators.zone.layout import plan_for
from tests.oracles import small_pack
from tests.support.models import document, item, linear, plain
from tests.support.zone import MemoryZone

ROOT = Path(__file__).parents[2]
PANEL = ROOT / "simulators" / "data" / "firm_panel.csv"


def run(*words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, ["lint", *(str(word) for word in words)])


def answer(*words: str | Path, code: int = 0) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.fixture
def panel_file(tmp_path: Path) -> Path:
    path = tmp_path / "panel.csv"
    path.write_text(PANEL.read_text(encoding="utf-8").replace("company,", "subject,", 1), encoding="utf-8")
    return path


@pytest.fixture
def isolating(tmp_path: Path) -> Path:
    """A pack whose bank is given a total and the same total without one indicator."""
    rest = {name: spec | {"dimension": "rest"} for name, spec in plain(6).items()}
    found = document(rest | {"alone": item("market", linear(10))}, {"line": {"dimensions": ["rest"], "disclosed_to": ["bank"]}})
    return written(tmp_path / "isolating.yaml", found)


def written(path: Path, found: dict[str, Any]) -> Path:
    path.write_bytes(small_pack.to_bytes(found))
    return path


LONG = [pytest.param(name, marks=pytest.mark.slow) for name in ("suzhou-snd", "longwan")] + [
    pytest.param("kunshan", marks=[pytest.mark.slow, pytest.mark.nightly])
]


@pytest.mark.parametrize("name", ["firm-panel", "sme-tech", "hangzhou-binjiang", *LONG])
def test_every_shipped_pack_is_admissible_and_its_report_is_the_one_that_owners_sign(name: str) -> None:
    found = answer(name)
    assert found["admissible"] is True
    assert found["estimated"] is False
    assert found["sha256"] == lint(read_pack(name)).sha256
    text = run(name).stdout
    assert "ADMISSIBLE 可以采用" in text
    assert found["sha256"] in text


def test_a_pack_that_isolates_exits_1_and_says_what_leaks_to_whom_by_what_and_what_to_change(isolating: Path) -> None:
    result = run(isolating)
    assert result.exit_code == 1
    assert "NOT ADMISSIBLE 不得采用" in result.stdout
    assert "银行 bank, stage 阶段 all: total − line leaves only 名 alone, of market/city: computed exactly" in result.stdout
    assert "change 建议: give this audience fewer of these functionals" in result.stdout
    assert "A score of 0 or of the maximum always shows every indicator" in result.stdout
    found = answer(isolating, code=1)
    assert {(finding["rule"], finding["audience"]) for finding in found["findings"] if finding["outcome"] == "refused"} == {
        ("isolated", "bank"), ("ratio", "bank"), ("pinned", "bank"),
    }  # fmt: skip


def test_exposures_are_shown_with_who_accepts_them_and_why() -> None:
    text = run("sme-tech").stdout
    assert "ACCEPTED BY ITS OWNER 所有者已接受的披露例外" in text
    assert "5.56 % of firms show 研发投入（两项比例由企业任选其一） rd-expense" in text
    assert "accepted by 接受方 tax/city, pinned at most 可锁定比例至多 0.06" in text


def test_records_of_real_firms_give_the_figures_that_the_exposures_name(panel_file: Path) -> None:
    found = answer("firm-panel", "--records", panel_file, "--year", "1995")
    accepted = {(finding["indicators"][0], finding["stage"]): finding["value"] for finding in found["findings"] if finding["audience"] == "bank"}
    assert accepted == {("growth", "S1"): pytest.approx(1808, abs=2), ("rd", "S1"): pytest.approx(537, abs=2)}
    assert {finding["prior"] for finding in found["findings"]} == {"panel.csv, 1995"}
    assert found["priors"] == ["uniform", "panel.csv, 1995"]


@pytest.mark.parametrize("name", ["hangzhou-binjiang", *(pytest.param(*pack.values, marks=[*pack.marks, pytest.mark.nightly]) for pack in LONG)])
@pytest.mark.timeout(300)
def test_simulated_enterprises_need_no_exposure_that_is_not_named(name: str, tmp_path: Path) -> None:
    model, path = read_pack(name), tmp_path / "simulated.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["subject", *model.fields])
        writer.writeheader()
        for firm in generate(model, plan_for([model]), 3000, seed=2).firms:
            writer.writerow({"subject": firm.uscc} | {name: firm.values.get(name) for name in model.fields})
    found = answer(name, "--records", path)
    assert {finding["outcome"] for finding in found["findings"] if finding["audience"] == "bank"} == {"accepted"}


def test_an_exposure_that_is_taken_out_of_a_pack_makes_it_inadmissible(tmp_path: Path) -> None:
    text = pack_path("sme-tech").read_text(encoding="utf-8")
    path = tmp_path / "bare.yaml"
    path.write_text(text[: text.index("exposures:")] + text[text.index("qualification:") :], encoding="utf-8")
    result = run(path)
    assert result.exit_code == 1
    assert "exposures: [{indicator: rd-expense, audiences: [authority, bank], stages: [all], pinned_at_most: 0.0556," in result.stdout


def test_a_previous_model_of_the_same_period_is_taken_into_account(tmp_path: Path) -> None:
    before = written(tmp_path / "before.yaml", document(plain(6)))
    changed = plain(6)
    changed["i5"]["weights"] = 2
    after = written(tmp_path / "after.yaml", document(changed, version="2"))
    assert answer(after)["admissible"] is True
    found = answer(after, "--previous", before, code=1)
    assert [finding["indicators"] for finding in found["findings"] if finding["rule"] == "isolated" and finding["audience"] == "bank"] == [["i5"]]
    assert "linted together with 同期旧版本: small@1" in run(after, "--previous", before).stdout


def test_an_audience_that_holds_records_itself_is_said_on_the_command_line(tmp_path: Path) -> None:
    path = written(tmp_path / "pair.yaml", document(plain(6, ("tax", "science"))))
    assert answer(path)["admissible"] is True
    assert answer(path, "--holds", "bank=tax/city", code=1)["audiences"][1]["known"] == ["i0", "i2", "i4"]
    assert "AUDIENCE=DEPARTMENT/LEVEL is expected" in run(path, "--holds", "bank:tax").output
    assert "no indicator has this owner; there are science/city, tax/city" in run(path, "--holds", "bank=ip/city").output


def test_policy_and_members_of_a_zone_are_read_from_its_public_directory(tmp_path: Path, small_private_key: PrivateKey) -> None:
    strict = MemoryZone(small_private_key, policy=DisclosurePolicy(ratio_at_least=9000))
    (tmp_path / "registry.dsse.json").write_bytes(strict.view.genesis)
    found = answer("firm-panel", "--public", tmp_path, code=1)
    assert found["policy"]["ratio_at_least"] == 9000
    assert "(at least 0.9 is needed)" in run("firm-panel", "--public", tmp_path).stdout
    assert run("firm-panel", "--public", tmp_path / "elsewhere").exit_code == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accepted_by": {"department": "ip", "level": "city"}}, "only the owner of i0 accepts: tax/city"),
        ({"indicator": "nobody"}, "nobody is not an indicator that earns points"),
        ({"stages": ["S9"]}, "no such stage; there are all"),
        ({"pinned_at_most": None}, "an exposure says what it accepts"),
    ],
)
def test_an_exposure_that_does_not_fit_is_named_by_file_line_and_path(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    owner, reason = {"department": "tax", "level": "city"}, {"zh": "因", "en": "why"}
    exposure = {"indicator": "i0", "audiences": ["bank"], "stages": ["all"], "pinned_at_most": 0.1, "reason": reason, "accepted_by": owner}
    path = written(tmp_path / "wrong.yaml", document(plain(6), exposures=[exposure | changes]))
    result = run(path)
    assert result.exit_code == 2
    assert f"{path}, line " in result.output
    assert "exposures[0]" in result.output
    assert said in result.output


def test_progress_is_told_after_two_seconds_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with lint_inputs.patience(said.append) as progress:
        progress("the first step")
    assert said == []
    monkeypatch.setattr(lint_inputs, "PATIENCE_S", 0.0)
    heard = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        heard.set()

    with lint_inputs.patience(say) as progress:
        assert heard.wait(10)
        progress("the second step")
    assert said[-1] == "the second step …"
