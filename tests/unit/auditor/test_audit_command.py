"""``xinqiao audit`` as people and scripts meet it: documents, exit codes, report, evidence bundle; and the demonstration's tamperings."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import tarfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from nodes.auditor.report import page
from nodes.bank.receipts import ReceiptStore
from nodes.commands.auditing.audit import audit
from nodes.commands.auditing.verify import verify
from nodes.commands.storage.receipts import open_receipts_, seal_receipts_
from nodes.evidence.roots import Roots
from nodes.recovery.keys import make_recovery_key
from nodes.runtime.database import open_database
from scoring.release.receipt import Receipt
from simulators.tampering import Attempt, flip_tile_bit, forge_opening, substitute_ciphertext
from simulators.zone.authority import CertificateAuthority
from tests.support.artifacts import receipt_of, records_of, tables_of, write_zone
from tests.support.key_2048 import private_key_2048
from tests.support.zone import closed_zone

app = typer.Typer()
app.command("audit")(audit)
app.command("verify")(verify)
app.command("seal-receipts")(seal_receipts_)
app.command("open-receipts")(open_receipts_)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run under a 2048-bit key, the shortest that the command takes. Read-only for tests."""
    zone = closed_zone(private_key_2048())
    zone.open_totals()
    zone.say(zone.release_statement(tables_of(zone)), "authority")
    asked = zone.asked(zone.consent(zone.subjects[0]))
    logged = zone.say(asked.ticket, "coordinator")
    return write_zone(zone, tmp_path_factory.mktemp("finished"), receipts=[receipt_of(zone, asked, logged)], records=records_of(zone))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments])


def audited(run: Path, *more: object, keys: Path | None = None) -> Result:
    return invoke("audit", run, "--keys", keys or run / "public", *more)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[5] ^= 4
    path.write_bytes(data)


def a_tile(run: Path) -> Path:
    return next(path for path in (run / "log" / "tile" / "0").rglob("*") if path.is_file())


def test_run_that_holds_is_exit_0_and_one_document(run: Path) -> None:
    ended = audited(run, "--json")
    document = json.loads(ended.stdout)
    assert (ended.exit_code, document["verdict"], document["findings"]) == (0, "pass", [])
    assert document["tree_size"] == document["checked"]["leaves"] == sum(document["kinds"].values())
    assert document["extent"] == "complete"


def test_finding_is_exit_1_with_code_leaf_and_detail(run: Path) -> None:
    flip(a_tile(run))
    ended = audited(run, "--json")
    document = json.loads(ended.stdout)
    (finding,) = document["findings"]
    assert (ended.exit_code, document["verdict"], set(finding)) == (1, "fail", {"code", "leaf_index", "detail"})
    assert (finding["code"], finding["leaf_index"]) == ("TILE_HASH_MISMATCH", 0)


def test_verdict_is_told_in_chinese_and_english(run: Path) -> None:
    passed = audited(run)
    assert "审计通过 AUDIT PASSED" in passed.stdout
    flip(a_tile(run))
    failed = audited(run)
    assert "审计未通过 AUDIT FAILED" in failed.stdout
    assert "TILE_HASH_MISMATCH (leaf 0)" in failed.stdout


def test_log_directory_alone_and_scopes_are_taken(run: Path) -> None:
    assert audited(run / "log", keys=run / "public").exit_code == 0
    assert audited(run, "--from", "2023-11-14", "--to", "2023-11-15T00:00:00Z", "--member", "tax").exit_code == 0
    assert audited(run, "--from", "1700000000", "--to", "1700000100", "--tree-only").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["{run}/nowhere", "--keys", "{run}/public"], 2, "SETTINGS_INVALID"),
        (["{run}", "--keys", "{run}/nowhere"], 2, "SETTINGS_INVALID"),
        (["{run}", "--keys", "{run}/public", "--from", "yesterday"], 2, "SETTINGS_INVALID"),
        (["{run}", "--keys", "{run}/public", "--note"], 2, "SETTINGS_INVALID"),
        (["http://127.0.0.1:1", "--keys", "{run}/public"], 2, "SETTINGS_INVALID"),
        (["https://127.0.0.1:1", "--keys", "{run}/public", "--identity", "{run}/nowhere"], 2, "SECRET_FILE"),
        (["https://127.0.0.1:1", "--keys", "{run}/public"], 4, "PEER_UNAVAILABLE"),
    ],
)
def test_what_cannot_be_audited_has_its_own_exit_code(run: Path, arguments: list[str], code: int, reason: str) -> None:
    certificate = CertificateAuthority.create("test").certificate
    (run / "public" / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    ended = invoke("audit", *(item.replace("{run}", str(run)) for item in arguments), "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["error"]) == (code, reason)
    assert "Traceback" not in ended.stderr


# --- report ---


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_report_is_written_and_the_bundle_is_audited_again_with_the_same_verdict(run: Path, tmp_path: Path) -> None:
    flip(a_tile(run))
    first = audited(run, "--report", tmp_path / "report", "--json")
    written = json.loads((tmp_path / "report" / "audit.json").read_bytes())
    assert written == json.loads(first.stdout)
    shown = Page((tmp_path / "report" / "audit.html").read_text(encoding="utf-8"))
    assert "审计未通过" in shown.text
    assert "TILE_HASH_MISMATCH" in shown.text
    with tarfile.open(tmp_path / "report" / "evidence.tar") as bundle:
        assert {item.mtime for item in bundle} == {0}
    shutil.unpack_archive(tmp_path / "report" / "evidence.tar", tmp_path / "again")
    assert {path.suffix for path in (tmp_path / "again" / "public").iterdir()} <= {".json", ".vkey", ""}  # public files alone
    again = audited(tmp_path / "again", "--json", keys=run / "public")
    assert json.loads(again.stdout) == json.loads(first.stdout)


def test_the_bundles_readme_says_the_command_that_repeats_the_verdict(run: Path, tmp_path: Path) -> None:
    """Nothing but the bundle and the pinned keys: the command is read from the README, and gives the same document and exit code."""
    flip(a_tile(run))
    first = audited(run, "--report", tmp_path / "report", "--member", "tax", "--from", "2023-11-14", "--json")
    shutil.move(run / "public", tmp_path / "pinned")
    shutil.rmtree(run)
    with tarfile.open(tmp_path / "report" / "evidence.tar") as bundle:
        assert bundle.getnames()[0] == "README.md"
    shutil.unpack_archive(tmp_path / "report" / "evidence.tar", tmp_path / "copy")
    readme = (tmp_path / "copy" / "README.md").read_text(encoding="utf-8")
    assert "verdict: fail, 1 findings" in readme
    (line,) = [line.strip() for line in readme.splitlines() if line.strip().startswith("xinqiao audit")]
    assert line in Page((tmp_path / "report" / "audit.html").read_text(encoding="utf-8")).text
    words = shlex.split(line.replace("COPY", str(tmp_path / "copy")).replace("YOUR-PINNED-KEYS", str(tmp_path / "pinned")))
    again = invoke(*words[1:], "--json")
    assert (again.exit_code, json.loads(again.stdout)) == (first.exit_code, json.loads(first.stdout))
    assert again.exit_code == 1


def test_bundle_of_the_same_files_is_the_same_file(run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        audited(run, "--report", tmp_path / name)
    one, two = ((tmp_path / name / "evidence.tar").read_bytes() for name in ("one", "two"))
    assert hashlib.sha256(one).digest() == hashlib.sha256(two).digest()


HOSTILE = '"><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>&amp;{{ 7*7 }}'


def hostile_draw() -> dict[str, Any]:
    return {
        "epoch": HOSTILE,
        "draw": HOSTILE,
        "state": HOSTILE,
        "count": 1,
        "of": 2,
        "agree": 0,
        "items": 1,
        "one_false": "1/2",
        "tenth_false": "1/2",
    }


def hostile_document() -> dict[str, Any]:
    finding = {"code": HOSTILE, "leaf_index": 3, "detail": HOSTILE}
    facts = {
        "zone": HOSTILE,
        "root": HOSTILE,
        "witnessed_at": 0,
        "extent": "complete",
        "checked": {"leaves": 5},
        "kinds": {HOSTILE: 1},
        "draws": [hostile_draw()],
    }
    return {"verdict": "fail", "tree_size": 5, "findings": [finding], **facts}


def test_report_escapes_whatever_the_log_says() -> None:
    shown = Page(page(hostile_document(), 1_700_000_000, HOSTILE))
    assert not {"script", "img", "iframe", "link", "object"} & set(shown.tags)
    assert not [name for name, _ in shown.attributes if name.startswith("on")]
    assert shown.text.count(HOSTILE) == 10  # title, zone, root, code, detail, kind, command, a draw's epoch, kind and state: as text


def test_report_loads_nothing_from_anywhere() -> None:
    text = page(hostile_document() | {"zone": "test-zone", "root": "", "findings": [], "kinds": {}, "draws": []}, 1_700_000_000, "xinqiao audit")
    shown = Page(text)
    assert not [value for name, value in shown.attributes if name in {"src", "href", "srcset", "action", "data"}]
    assert not re.search(r"url\(|@import|https?://", text)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in shown.attributes


# --- tamperings of the demonstration ---


@pytest.mark.parametrize(
    ("make", "reason"),
    [(flip_tile_bit, "TILE_HASH_MISMATCH"), (substitute_ciphertext, "CIPHERTEXT_ROOT_MISMATCH"), (forge_opening, "OPENING_INVALID")],
)
def test_tampering_is_caught_with_its_own_reason(finished: Path, tmp_path: Path, make: Callable[[Path, Path], Attempt], reason: str) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    ended = invoke(*make(finished, tmp_path).arguments)
    document = json.loads(ended.stdout)
    assert ended.exit_code == 1
    assert document.get("reason", (document.get("findings") or [{}])[0].get("code")) == reason
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_opening_of_an_epoch_record_is_forged_where_no_bank_asked(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run / "receipts")
    ended = invoke(*forge_opening(run, tmp_path).arguments)
    assert ended.exit_code == 1
    assert [item["code"] for item in json.loads(ended.stdout)["findings"]] == ["OPENING_INVALID"]


def test_a_bank_seals_its_receipts_and_puts_them_back_into_an_empty_state(finished: Path, tmp_path: Path) -> None:
    (receipt,) = (finished / "receipts").glob("*.json")
    found = Receipt.model_validate_json(receipt.read_bytes())
    config = tmp_path / "bank.toml"
    config.write_text(
        f'member = "bank-a"\nzone = "{found.zone}"\nstate_dir = "state"\nkeys_dir = "keys"\npublic_dir = "{finished / "public"}"\n\n'
        '[bank]\nlisten = "127.0.0.1:0"\ngateway = "https://127.0.0.1:1"\n',
        encoding="utf-8",
    )

    def kept() -> ReceiptStore:
        return ReceiptStore(open_database(tmp_path / "state", "bank"), tmp_path / "state" / "receipts", Roots.load(finished / "public"))

    kept().keep(found.id, found)
    document = kept().document(found.id)
    private, public, chunks = tmp_path / "recovery.key", tmp_path / "recovery.pub", tmp_path / "chunks"
    make_recovery_key(found.zone, private, public)
    for count in (1, 0):
        sealed = invoke("seal-receipts", config, "--recovery-key", public, "--to", chunks, "--json")
        assert (sealed.exit_code, json.loads(sealed.stdout.splitlines()[-1])["sealed"]) == (0, count)
    shutil.rmtree(tmp_path / "state")
    words = ("open-receipts", chunks, "--keys", finished / "public", "--recovery-key", private, "--config", config, "--json")
    opened = invoke(*words, "-o", tmp_path / "opened")
    assert (opened.exit_code, json.loads(opened.stdout.splitlines()[-1])["receipts"]) == (0, 1)
    assert (tmp_path / "opened" / f"{found.id}.json").read_bytes() == document == kept().document(found.id)
    again = invoke(*words, "-o", tmp_path / "opened")
    assert (again.exit_code, "fresh directory" in again.stdout) == (2, True)
