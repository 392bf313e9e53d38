"""A running zone of three witnesses: releases stop without them and go on with them; revocations that no server wants; a log that forks."""

from __future__ import annotations

import base64
import json
import shutil
from collections import Counter
from contextlib import closing, suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crypto.checkpoint import open_checkpoint
from crypto.encoding import canonical_json
from crypto.notes import COSIGNATURE_V1
from nodes.ceremony.countersigning import approve_change
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import Roots
from nodes.packs import shipped_pack
from nodes.runtime.clock import Timer
from nodes.runtime.files import write_private
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.identity import Identity, key_id, load_identity, load_note_signer, witness_name
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.settings import Peer
from protos.v1 import log_pb2, log_pb2_grpc
from scoring.disclosure.countersigning import embed
from scoring.indicators.model import load_pack
from scoring.statements import MemberChange, Refusal, SigningKey, parse_leaf
from simulators.zone.configs import free_ports, read_endpoints
from simulators.zone.layout import ZONE
from simulators.zone.processes import ZoneProcesses
from tests.scenario.log_witness import WitnessDouble
from tests.support.live_zone import EPOCH, LiveZone
from tests.support.shared_zone import CUSTODIANS, GROUP, MAX_AGE_S
from tests.support.waiting import until

pytestmark = [pytest.mark.xdist_group(GROUP), pytest.mark.timeout(600), pytest.mark.slow]
PRODUCT = next(iter(load_pack(shipped_pack("firm-panel")).products))
VICTIM = "notary-hangzhou"


@pytest.fixture(scope="module")
def zone(common_zone: LiveZone) -> LiveZone:
    """The common zone, which does not outlive these tests: they come last, and the last of them makes its log fork."""
    common_zone.evaluated()
    return common_zone


@pytest.fixture(scope="module")
def granted(zone: LiveZone) -> tuple[str, str]:
    """(subject, consent id) of an enterprise that consented to bank-a, and was asked about."""
    subject = zone.authority.totals(EPOCH)[30]["subject"]
    consent = zone.grant(subject, "bank-a", PRODUCT)
    assert zone.banks["bank-a"].query(subject, PRODUCT)["total"]
    return subject, consent


def identity(zone: LiveZone, member: str) -> Identity:
    return load_identity(ZONE, member, zone.out / "members" / member, zone.out / "public" / "ca.pem")


def kinds(zone: LiveZone) -> Counter[str]:
    """How many leaves of each kind the log has now, by its own stream, up to its signed head."""
    log = Peer(member="log", address=read_endpoints(zone.out)["log"])
    found: Counter[str] = Counter()
    with tls.channel(identity(zone, "auditor"), log.address, "log") as channel:
        call: rpc.Call[log_pb2.LogUpdate] = rpc.stream(log_pb2_grpc.LogStub(channel).Follow, log_pb2.FollowRequest(from_index=0), timeout_s=2)
        with suppress(PeerUnavailableError):  # the stream has no end: it is left after its deadline
            for update in call:
                found.update(parse_leaf(entry.leaf).kind for entry in update.entries)
    return found


def reason(response: Any) -> str:
    return "" if response.status_code == 200 else str(response.json()["reason"])


@pytest.mark.nightly
def test_releases_stop_without_witnesses_contributions_go_on_and_releases_resume(zone: LiveZone, granted: tuple[str, str]) -> None:
    subject, consent = granted
    assert zone.ask("bank-a", subject, PRODUCT, consent).status_code == 200
    zone.processes.stop(["data-zhejiang"])  # two of three are left: enough
    assert zone.ask("bank-a", subject, PRODUCT, consent).status_code == 200
    zone.processes.stop(["zone-ningbo"])
    assert reason(zone.ask("bank-a", subject, PRODUCT, consent)) == "CHECKPOINT_STALE"  # after the wait for witnesses

    before, other = kinds(zone), zone.authority.totals(EPOCH)[31]["subject"]
    new = zone.grant(other, "bank-b", PRODUCT)
    until(lambda: kinds(zone)["row"] > before["row"], "rows are logged while witnesses are missing", 60)
    timer = Timer(60)
    while timer.left_s() > 60 - MAX_AGE_S - 2:
        zone.processes.check()
    timer, before = Timer(60), kinds(zone)
    answer = zone.ask("bank-a", subject, PRODUCT, consent)
    assert reason(answer) == "CHECKPOINT_STALE"
    assert "witnesses" in answer.json()["detail"]
    assert timer.left_s() > 45, "the refusal comes at once"
    assert kinds(zone)["ticket"] == before["ticket"], "no ticket is made"

    zone.processes.start(["zone-ningbo"])
    zone.processes.wait_ready(60, ["zone-ningbo"])
    until(lambda: zone.ask("bank-a", subject, PRODUCT, consent).status_code == 200, "releases go on", 60)
    until(lambda: zone.ask("bank-b", other, PRODUCT, new).status_code == 200, "what was contributed meanwhile is released", 60)
    zone.processes.start(["data-zhejiang"])


@pytest.mark.nightly
def test_a_revocation_binds_though_gateway_and_log_never_get_it(zone: LiveZone, granted: tuple[str, str]) -> None:
    """The gateway is away, so nothing can be logged; then the enterprise service too, and one custodian is killed and comes back."""
    subject = zone.authority.totals(EPOCH)[32]["subject"]
    consent = zone.grant(subject, "bank-a", PRODUCT)
    assert zone.banks["bank-a"].query(subject, PRODUCT)["total"]
    zone.processes.kill("gateway")
    with pytest.raises((RpcRefusal, PeerUnavailableError)):
        zone.service.revoke(consent)

    def shown() -> dict[str, Any]:
        return next(item for item in zone.service.call("GET", "/consents")["consents"] if item["id"] == consent)

    until(lambda: len(shown()["held_by"]) == len(CUSTODIANS), "custodians acknowledge", 30)
    assert shown()["binding"] is True
    assert shown()["revoked_leaf_index"] == -1
    for name in ("enterprise-binjiang", VICTIM):
        zone.processes.kill(name)
    zone.processes.start(["gateway", VICTIM])
    zone.processes.wait_ready(60, ["gateway", VICTIM])
    zone.authority.wait_usable(60)
    before = kinds(zone)
    assert reason(zone.ask("bank-a", subject, PRODUCT, consent)) == "CONSENT_REVOKED"
    after = kinds(zone)
    assert after["revocation"] == before["revocation"], "the log does not know of it"
    assert after["ticket"] == before["ticket"] + 1, "the coordinator made a ticket; it was the custodians who refused"
    zone.processes.start(["enterprise-binjiang"])
    zone.processes.wait_ready(60, ["enterprise-binjiang"])
    until(lambda: kinds(zone)["revocation"] > before["revocation"], "the revocation is logged when the way is free again", 90)


def test_a_department_and_custodian_changes_its_key_in_a_running_zone(zone: LiveZone, granted: tuple[str, str]) -> None:
    """Its rows, its partials and its receipts hold before and after, for everyone who pinned the zone at its beginning."""
    subject, _ = granted
    member, roots = "tax-hangzhou", Roots.load(zone.out / "public")
    before = zone.banks["bank-a"].query(subject, PRODUCT)
    old = zone.banks["bank-a"].receipt(before["receipt_id"])
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    entry = roots.registry.member(member)
    key = SigningKey(key_id=key_id(member, public), algorithm="ed25519", public=public.hex())
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=entry.model_copy(update={"keys": (key,)}))
    approvals = [approve_change(change, name, zone.signer(name)) for name in CUSTODIANS[:3]]
    approved = change.model_copy(update={"approvals": embed(approvals)})
    with closing(LogClient(identity(zone, "authority"), Peer(member="log", address=read_endpoints(zone.out)["log"]))) as log:
        log.append(sign_statement(approved, zone.signer("authority")))
    file = zone.out / "members" / member / "sign.pem"
    write_private(file, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    zone.processes.stop([member])
    zone.processes.start([member])
    zone.processes.wait_ready(60, [member])
    other = zone.authority.totals(EPOCH)[33]["subject"]
    zone.grant(other, "bank-a", PRODUCT)
    after = zone.banks["bank-a"].query(other, PRODUCT)
    new = zone.banks["bank-a"].receipt(after["receipt_id"])
    assert [base64.b64decode(item["envelope"]) for item in new["members"]] == [sign_statement(approved, zone.signer("authority"))]
    for receipt in (old, new):
        verify_receipt(canonical_json(receipt), roots)
    assert zone.banks["bank-a"].query(subject, PRODUCT)["total"] == before["total"]


def fork_of(zone: LiveZone) -> tuple[ZoneProcesses, Peer]:
    """A second log with the zone's own log key and a copy of its history, on another port: what whoever runs the log can do. The victim is
    stopped meanwhile: it has seen nothing of what the two will differ in."""
    zone.processes.stop([VICTIM, "log"])
    shutil.copytree(zone.out / "state" / "log", zone.out / "state" / "log-fork")
    zone.processes.start(["log"])
    zone.processes.wait_ready(60, ["log"])
    address = f"127.0.0.1:{free_ports(1)[0]}"
    config = zone.out / "config" / "log-fork.toml"
    text = (zone.out / "config" / "log.toml").read_text().replace("state/log", "state/log-fork")
    write_private(config, text.replace(read_endpoints(zone.out)["log"], address).encode())
    return ZoneProcesses({"log-fork": config}, zone.out / "state"), Peer(member="log", address=address)


@pytest.mark.nightly
def test_a_log_that_shows_one_custodian_another_history_is_caught_though_witnesses_collude(zone: LiveZone, granted: tuple[str, str]) -> None:
    subject, consent = granted
    vkey = (zone.out / "public" / "log.vkey").read_text().strip()
    forks, peer = fork_of(zone)
    until(lambda: zone.ask("bank-a", subject, PRODUCT, consent).status_code == 200, "with one history the bank is answered", 60)
    with forks, closing(LogClient(identity(zone, "bank-b"), peer)) as other:
        forks.start()
        forks.wait_ready(60)
        other.append(sign_statement(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="NOT_READY"), zone.signer("bank-b")))
        colluding = [
            WitnessDouble(
                identity(zone, name),
                load_note_signer(witness_name(ZONE, name), COSIGNATURE_V1, zone.out / "members" / name / "note.pem"),
                vkey,
            ).start(peer)
            for name in ("data-zhejiang", "zone-ningbo")
        ]
        config = zone.out / "config" / f"{VICTIM}.toml"
        write_private(config, config.read_text().replace(read_endpoints(zone.out)["log"], peer.address).encode())
        zone.processes.start([VICTIM])
        zone.processes.wait_ready(60, [VICTIM])
        until(lambda: reason(zone.ask("bank-a", subject, PRODUCT, consent)) == "LOG_SPLIT", "the split is found", 60)
        for witness in colluding:
            witness.stop()
    until(lambda: not zone.processes.alive("auditor"), "the auditor ends", 60)
    for name in CUSTODIANS:
        evidence = zone.out / "state" / name / "custodian" / "heads"
        split = json.loads((evidence / "split.json").read_bytes())
        ours, theirs = (open_checkpoint((evidence / note).read_bytes(), vkey) for note in split["notes"])
        assert theirs.root.hex() == split["root_there"] != split["root_here"]
        assert ours.size >= split["size"] == theirs.size
        alarm = next(json.loads(line) for line in zone.processes.log_file(name).read_text().splitlines() if '"log.split"' in line)
        assert alarm["notes"] == split["notes"]
    zone.processes.stop([CUSTODIANS[0]])
    zone.processes.start([CUSTODIANS[0]])
    zone.processes.wait_ready(60, [CUSTODIANS[0]])
    assert reason(zone.ask("bank-a", subject, PRODUCT, consent)) == "LOG_SPLIT"  # a restart clears nothing
