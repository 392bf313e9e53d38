"""The log explorer: what it shows is under the log's checkpoint, its proofs hold for other verifiers, and receipts are judged as the command does."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from httpx import Response

from crypto.checkpoint import Checkpoint, check_tlog_proof, open_checkpoint, sign_checkpoint
from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.merkle import MemoryTree
from gateway.explorer.index import Asked, LeafIndex
from gateway.explorer.proofs import Prover
from gateway.explorer.words import KINDS, REASONS
from nodes.runtime.pages.accounts import AUDITOR, COUNTY, Person
from scoring.errors import LogInconsistentError
from scoring.statements.catalogue import LOGGED
from tests.support.databases import database_in
from tests.support.gateway import ARTIFACTS, Front, front
from tests.support.reasons import receipt_reasons
from tests.support.zone import released_zone

pytestmark = pytest.mark.usefixtures("both_engines_in_turn")

HTML = {"accept": "text/html"}
CORPUS = [item for item in json.loads((ARTIFACTS / "index.json").read_text(encoding="utf-8")) if item["kind"] == "receipt"]
VALID = [item["file"] for item in CORPUS if item["valid"]]
WRONG = [(item["file"], item["reason"]) for item in CORPUS if not item["valid"]]


@pytest.fixture(scope="module")
def site(both_engines_in_turn: None, small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Front:
    made = front(released_zone(small_private_key), tmp_path_factory.mktemp("explorer"))
    assert made.explorer.index.update() == len(made.zone.entries)
    return made


def get(site: Front, path: str, *, english: bool = True, token: str = "") -> Response:
    cookies = (["xinqiao-language=en"] if english else []) + ([f"{site.site.cookie}={token}"] if token else [])
    answer: Response = site.client.get(path, headers={**HTML, "cookie": "; ".join(cookies)}, follow_redirects=False)
    return answer


def send(site: Front, content: bytes) -> Response:
    files = {"receipt": ("receipt.json", content, "application/json")}
    headers = {**HTML, "origin": "https://gateway.test:8443", "cookie": "xinqiao-language=en"}
    answer: Response = site.client.post("/explorer/receipt", files=files, headers=headers)
    if answer.status_code == 200:
        site.explorer.limit.charge("", -1)  # the tests are more than a minute's worth
    return answer


# --- leaves ---


def test_every_leaf_is_found_by_kind_and_by_the_beginning_of_its_digest(site: Front) -> None:
    entries = site.zone.entries
    kinds = site.explorer.index.kinds()
    assert sum(kinds.values()) == len(entries)
    for index, (leaf, envelope) in enumerate(entries):
        said = json.loads(leaf)
        found = site.explorer.index.leaves(Asked(said["kind"], sha256(envelope).hex()[:12]), 1)
        assert [(row.index, row.actor, row.time, row.leaf) for row in found] == [(index, said["actor"], said["time"], leaf)]
    assert site.explorer.index.count(Asked(digest="f" * 64)) == 0


def test_kinds_are_told_in_chinese_and_in_english_by_their_own_names(site: Front) -> None:
    assert KINDS.keys() == {statement.kind for statement in LOGGED}
    assert "<td>评价期开启 epoch-open</td>" in get(site, "/explorer?kind=epoch-open", english=False).text
    assert "<td>epoch-open</td>" in get(site, "/explorer?kind=epoch-open").text


def test_pages_of_leaves_go_through_all_of_them_once(site: Front) -> None:
    seen: list[int] = []
    for page in range(1, 9):
        text = get(site, f"/explorer?page={page}").text
        seen += [int(index) for index in re.findall(r'href="/explorer/leaves/(\d+)"', text)]
        if 'rel="next"' not in text:
            break
    assert seen == list(range(len(site.zone.entries)))[::-1]
    rows = list(csv.DictReader(io.StringIO(get(site, "/explorer?sort=index&format=csv").content.decode("utf-8-sig"))))
    assert [int(row["Index"]) for row in rows] == list(range(len(site.zone.entries)))


def test_what_is_asked_in_vain_is_told_and_passed_over(site: Front) -> None:
    for query in ("digest=%25", "digest=zz", "kind=nothing", "page=x", "page=-1", "page=99999999999", "sort=%27"):
        assert get(site, f"/explorer?{query}").status_code == 200, query
    assert "A digest is written in" in get(site, "/explorer?digest=zz").text
    for path in ("/explorer/leaves/999999", "/explorer/leaves/999999/leaf.json", "/explorer/leaves/999999/proof.tlog-proof"):
        assert get(site, path).status_code == 404
    assert get(site, "/explorer/leaves/-1").status_code == 422


# --- proofs ---


def test_a_downloaded_proof_holds_for_another_verifier(site: Front) -> None:
    genesis = site.zone.view.registry.genesis
    for index in range(len(site.zone.entries)):
        leaf, proof = get(site, f"/explorer/leaves/{index}/leaf.json").content, get(site, f"/explorer/leaves/{index}/proof.tlog-proof").content
        assert leaf == site.zone.entries[index][0]
        witnessed = check_tlog_proof(proof, leaf, genesis.log_vkey, genesis.witness_policy.witnesses, genesis.witness_policy.required)
        assert witnessed.size == len(site.zone.entries)


def test_drawn_proofs_have_their_hashes_in_a_table_beside_them(site: Front) -> None:
    last = len(site.zone.entries) - 1
    text = get(site, f"/explorer/leaves/{last}").text
    tree = MemoryTree([leaf for leaf, _ in site.zone.entries])
    hashes = re.findall(r"<td><code>([0-9a-f]{64})</code></td>", text)
    assert hashes == [item.hex() for item in tree.inclusion_proof(last)]
    assert tree.root().hex() in text
    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    drawn = base64.b64decode(picture).decode()
    assert all(item[:16] in drawn for item in hashes)
    assert "<script" not in drawn


def test_an_earlier_tree_is_proven_to_be_the_beginning_of_the_present_one(site: Front) -> None:
    size = len(site.zone.entries)
    for earlier in range(1, size + 1):
        text = get(site, f"/explorer/consistency?earlier={earlier}").text
        assert MemoryTree([leaf for leaf, _ in site.zone.entries[:earlier]]).root().hex() in text, earlier
        assert "Checked: the log of then" in text
    for word in ("0", str(size + 1), "x", "1.5", "-3"):
        assert "Write a number" in get(site, f"/explorer/consistency?earlier={word}").text


def test_a_proofs_path_covers_more_and_more_leaves_up_to_all(site: Front) -> None:
    prover, size, note = Prover(site.log.client()), len(site.zone.entries), site.log.note()
    key = site.zone.view.registry.genesis.log_vkey
    proofs = [prover.inclusion(index, leaf, note, key)[0] for index, (leaf, _) in enumerate(site.zone.entries)]
    proofs += [prover.consistency(earlier, note, key) for earlier in range(1, size + 1)]
    for proof in proofs:
        covered = proof.covered()
        assert covered[-1] == (0, size)
        assert all(new[0] <= old[0] <= old[1] <= new[1] for old, new in pairwise(covered) if old[0] < old[1])


def test_a_checkpoint_whose_leaves_are_others_is_not_believed(site: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log signs a root that is not that of its leaves: nothing of it is shown."""
    index = LeafIndex(database_in(tmp_path, "gateway"), site.log.client(), site.zone.view.registry.genesis.log_vkey)
    note, read = site.log.note(), site.log.read_tile
    said = open_checkpoint(note, site.zone.view.registry.genesis.log_vkey)
    forged = sign_checkpoint(Checkpoint(said.origin, said.size, bytes(32)), site.zone.log_signer)
    monkeypatch.setattr(site.log, "read_tile", lambda path: forged if path == "checkpoint" else read(path))
    with pytest.raises(LogInconsistentError):
        index.update()
    assert (index.size(), index.leaf(0)) == (0, None)
    monkeypatch.undo()
    assert index.update() == said.size == index.size()


def test_a_log_that_grew_is_indexed_from_where_it_was(small_private_key: PrivateKey, tmp_path: Path) -> None:
    made = front(released_zone(small_private_key), tmp_path)
    first = made.explorer.index.update()
    made.zone.consent(made.zone.subjects[0])
    assert made.explorer.index.update() == len(made.zone.entries) > first
    assert made.explorer.index.leaves(Asked("consent"), 1)[0].index >= first


# --- receipts ---


@pytest.mark.parametrize("file", VALID)
def test_a_receipt_that_holds_is_told_in_words(site: Front, file: str) -> None:
    answer = send(site, (ARTIFACTS / file).read_bytes())
    said = json.loads((ARTIFACTS / file).read_text(encoding="utf-8"))
    assert answer.status_code == 200
    assert "The receipt holds" in answer.text
    assert said["subject"] in answer.text
    assert said["result"]["total"] in answer.text


@pytest.mark.parametrize(("file", "reason"), WRONG, ids=[file for file, _ in WRONG])
def test_a_receipt_that_does_not_hold_is_refused_for_its_reason(site: Front, file: str, reason: str) -> None:
    text = send(site, (ARTIFACTS / file).read_bytes()).text
    assert "The receipt does not hold" in text
    assert f"<code>{reason}</code>" in text
    assert "The receipt holds" not in text


def test_every_reason_of_the_verifier_has_words() -> None:
    assert receipt_reasons() == set(REASONS)


def test_uploads_are_bounded_and_kept_nowhere(site: Front, tmp_path: Path) -> None:
    if site.site.accounts._engine.dialect.name != "sqlite":
        pytest.skip("looks into SQLite's files")  # the mark on_files is for engines by test, here they go by module
    marker = b"receipt-marker-4711"
    assert "RECEIPT_FORMAT" in send(site, b'{"x": "' + marker + b'"}').text
    assert "RECEIPT_FORMAT" in send(site, b"").text
    assert "RECEIPT_FORMAT" in send(site, b"[" * 100_000).text
    assert send(site, b"x" * (3 << 20)).status_code == 413
    headers = {**HTML, "origin": "https://gateway.test:8443"}
    assert site.client.post("/explorer/receipt", data={"receipt": "x"}, headers=headers).status_code == 403
    assert site.client.post("/explorer/receipt", files={"receipt": b"x", "other": b"x"}, headers=headers).status_code == 403
    foreign = {**HTML, "origin": "https://elsewhere.test"}
    assert site.client.post("/explorer/receipt", files={"receipt": b"x"}, headers=foreign).status_code == 403
    state = Path(str(site.site.accounts._engine.url.database)).parent
    assert not any(marker in path.read_bytes() for path in state.rglob("*") if path.is_file())


def nested(depth: int, size: int) -> bytes:
    """Parts within parts, and then lines of which each could end any of them."""
    parts = b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1) for level in range(depth))
    return parts + b"--\r\n" * ((size - len(parts)) // 4)


@pytest.mark.parametrize(
    "body",
    [
        nested(600, 2_000_000),
        nested(3000, 0),
        b"--b0\r\n\r\nx\r\n" * 160_000,
        b"--b0\r\nContent-Disposition: form-data; " + b"((" * 5000 + b"\r\n\r\nx\r\n--b0--\r\n",
    ],
    ids=["nested", "nested too deep", "many", "comments"],
)
def test_no_upload_holds_up_the_gateway(site: Front, body: bytes) -> None:
    """Everybody else's requests wait while a form is read: one of 2 MiB took 25 seconds, others ended as if the gateway had failed."""
    headers = {**HTML, "origin": "https://gateway.test:8443", "content-type": "multipart/form-data; boundary=b0"}
    began = time.process_time()
    assert site.client.post("/explorer/receipt", content=body, headers=headers).status_code == 403
    assert time.process_time() - began < 2


def test_receipts_and_files_are_made_so_many_a_minute(small_private_key: PrivateKey, tmp_path: Path) -> None:
    made = front(released_zone(small_private_key), tmp_path)
    made.explorer.limit.charge("", 100)
    assert send(made, b"{}").status_code == 429
    assert get(made, "/explorer?format=xlsx").status_code == 429
    assert get(made, "/explorer").status_code == 200


# --- who ---


def test_everything_but_envelopes_is_open_to_all(site: Front) -> None:
    for path in ("/explorer", "/explorer/leaves/0", "/explorer/consistency", "/explorer/witnesses", "/explorer/receipt"):
        for english in (False, True):
            assert get(site, path, english=english).status_code == 200
    envelope = "/explorer/leaves/3/envelope.dsse.json"
    assert get(site, envelope).headers["location"].startswith("/sign-in")
    tokens = {}
    for role in (AUDITOR, COUNTY):
        person = Person(f"a-{role}", role, frozenset({role}))
        site.site.accounts.add(person, "a long enough password")
        tokens[role] = site.site.sessions.begin(person)
    assert get(site, envelope, token=tokens[COUNTY]).status_code == 403
    assert get(site, envelope, token=tokens[AUDITOR]).content == site.zone.entries[3][1]
    assert "envelope.dsse.json" not in get(site, "/explorer/leaves/3").text
    assert "envelope.dsse.json" in get(site, "/explorer/leaves/3", token=tokens[AUDITOR]).text


def test_witnesses_are_shown_with_the_age_of_their_cosignatures(site: Front) -> None:
    text = get(site, "/explorer/witnesses").text
    assert "The newest checkpoint has enough cosignatures." in text
    assert re.search(r"\d+ seconds? ago", text)
