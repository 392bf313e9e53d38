"""A department that has only phe contributes to a real coordinator with the functions of docs/interop-phe.md, over real mutual TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from crypto.packing import unpack
from nodes.errors import RpcRefusal
from scoring.statements import Column, Row, parse_leaf
from tests.support.intake import MakeIdentity, Sent, Site, intake_site

pytest.importorskip("phe")
pytestmark = pytest.mark.interop
DOCUMENT = (Path(__file__).parents[3] / "docs" / "interop-phe.md").read_text(encoding="utf-8")
SENDER = re.findall(r"^```python\n(.*?)^# ---- The zone:", DOCUMENT, re.MULTILINE | re.DOTALL)[0]
MEMBER = "ip"


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with intake_site(small_private_key, make_identity, tmp_path_factory.mktemp("interop")) as running:
        yield running


@pytest.fixture(scope="module")
def phe_sender() -> dict[str, Any]:
    """The sender's functions of the document."""
    namespace: dict[str, Any] = {}
    exec(compile(SENDER, "docs/interop-phe.md", "exec"), namespace)
    return namespace


def made_with_phe(site: Site, phe_sender: dict[str, Any], statement: Column | Row, plaintexts: list[int]) -> Sent:
    """What ``statement`` says, contributed by phe with these plaintexts."""
    mine = {"key", "batches", "proof", "merkle_root"}
    header = {name: value for name, value in statement.header.model_dump(mode="json").items() if name not in mine}
    header, proof, data = phe_sender["contribution"](site.memory.public_key.to_json(), header, plaintexts)
    signer = site.memory.keys.signers[MEMBER]
    return Sent(MEMBER, phe_sender["envelope"](header, proof, signer.key_id, signer.sign), data)


def packed_points(site: Site, phe_sender: dict[str, Any], indicator: str) -> list[int]:
    memory = site.memory
    points = [memory.points[subject][indicator] for subject, _, _ in memory.stages.subjects]
    slices = [points[batch.first_position : batch.first_position + batch.count] for batch in memory.placement.batches]
    return [phe_sender["pack"](part, memory.model.slot_bits) for part in slices]


def test_a_column_made_with_phe_is_taken_and_opened(site: Site, phe_sender: dict[str, Any]) -> None:
    memory, entry = site.memory, site.entries(MEMBER)[0]
    statement = site.column(entry, MEMBER)
    message = made_with_phe(site, phe_sender, statement, packed_points(site, phe_sender, entry.indicator))
    receipt = site.contribute(message)
    assert parse_leaf(receipt.leaf).kind == "column"
    assert site.contribute(message) == receipt
    width = memory.public_key.ciphertext_size
    for batch in memory.placement.batches:
        ciphertext = int.from_bytes(message.ciphertexts[batch.index * width : (batch.index + 1) * width], "big")
        subjects = [subject for subject, _, _ in memory.stages.subjects][batch.first_position : batch.first_position + batch.count]
        opened = unpack(memory.open(ciphertext).m, memory.model.slot_bits, batch.count)
        assert opened == [memory.points[subject][entry.indicator] for subject in subjects]


def test_a_row_made_with_phe_is_taken(site: Site, phe_sender: dict[str, Any]) -> None:
    row = site.row(MEMBER)
    points = site.memory.points[row.header.subject]
    receipt = site.contribute(made_with_phe(site, phe_sender, row, [points[entry.indicator] for entry in row.header.entries]))
    assert parse_leaf(receipt.leaf).kind == "row"


def test_the_rules_are_those_for_every_sender(site: Site, phe_sender: dict[str, Any]) -> None:
    entry = site.entries(MEMBER)[0]
    plaintexts, before = packed_points(site, phe_sender, entry.indicator), site.traces()
    statement = site.column(entry, MEMBER)
    with pytest.raises(RpcRefusal, match="LAYOUT_INVALID"):
        site.contribute(made_with_phe(site, phe_sender, statement, plaintexts[:-1]))
    theirs = statement.model_copy(update={"header": statement.header.model_copy(update={"entries": tuple(site.entries("science"))})})
    with pytest.raises(RpcRefusal, match="NOT_OWNER"):
        site.contribute(made_with_phe(site, phe_sender, theirs, plaintexts))
    one, other = (made_with_phe(site, phe_sender, statement, plaintexts) for _ in range(2))
    with pytest.raises(RpcRefusal, match="MERKLE_INVALID"):
        site.contribute(Sent(MEMBER, one.envelope, other.ciphertexts))
    assert site.traces() == before
