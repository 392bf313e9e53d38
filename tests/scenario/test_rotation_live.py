"""Certificates, CA and members' keys are replaced while log and coordinator run as processes and members call without a pause [P7.1, P10]."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.ceremony.countersigning import approve_change, sign_change
from nodes.commands.output import ExitCode, run
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime.files import make_private_directory
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity, load_identity, load_private_key, load_signing_key
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.settings import Peer
from nodes.runtime.standing.keyring import OVERLAP_S
from protos.v1 import exchange_pb2, exchange_pb2_grpc
from scoring.statements import EpochOpen, Member, MemberChange, SigningKey, Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan
from tests.scenario.log_zone import START_TIMEOUT_S, ZONE, Zone, make_zone, start_log
from tests.support.waiting import until
from xinqiao import application

MEMBERS = ("registrar", "custodian-a", "bank-a")  # a department, a custodian, a bank
pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(300)]


@dataclass
class Place:
    """A log and a coordinator that run, the CA of their zone, and the members' own view of who they are."""

    zone: Zone
    log: Peer
    coordinator: Peer
    authority: CertificateAuthority
    ours: dict[str, Identity]
    made: int = 0
    errors: list[Path] = field(default_factory=list)

    def fresh(self, member: str, authority: CertificateAuthority) -> Path:
        """New keys of a member, beside those in use."""
        self.made += 1
        keys = self.zone.root / "new" / f"{member}-{self.made}"
        keys.parent.mkdir(exist_ok=True)
        listens = member in {"log", "coordinator"}
        make_member(authority, ZONE, MemberPlan(member, Title(zh=member, en=member), (), listens=listens), keys)
        return keys

    def replace(self, member: str, authority: CertificateAuthority | None = None) -> None:
        """Certificate first, then its key: half a pair lies there for a moment, as with any operator."""
        new = self.fresh(member, authority or self.authority)
        for name in ("cert.pem", "tls-key.pem"):
            (new / name).replace(self.zone.root / "members" / member / name)

    def publish(self, name: str, data: bytes) -> None:
        """A file of the public directory, whole."""
        new = self.zone.public_dir / f"{name}.new"
        new.write_bytes(data)
        new.replace(self.zone.public_dir / name)

    def trust(self, *cas: CertificateAuthority) -> None:
        self.publish("ca.pem", b"".join(ca.certificate.public_bytes(Encoding.PEM) for ca in cas))

    def change(self, action: str, entry: Member) -> int:
        """A change of the registry, approved and logged; its leaf."""
        change = MemberChange.model_validate({"zone": ZONE, "nonce": fresh_nonce(), "action": action, "member": entry})
        approval = approve_change(change, "custodian-a", self.ours["custodian-a"].signer)
        client = LogClient(self.ours["authority"], self.log)
        try:
            return client.append(sign_change(change, [approval], self.ours["authority"].signer)).index
        finally:
            client.close()

    def entry(self, member: str) -> Member:
        return next(item for item in self.zone.registry.members if item.id == member)


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """``request.param``: how many seconds the registry holds; without end where a test does not say."""
    zone = make_zone(tmp_path / "z", validity_s=getattr(request, "param", None))
    log = start_log(zone)
    config = zone.root / "coordinator.toml"
    config.write_text(
        f'member = "coordinator"\nzone = "{ZONE}"\nstate_dir = "state/coordinator"\nkeys_dir = "members/coordinator"\npublic_dir = "public"\n'
        f'[peers.log]\nmember = "log"\naddress = "{log.peer.address}"\n[coordinator]\nlisten = "127.0.0.1:0"\n'
    )
    errors = zone.root / "coordinator.err"
    with errors.open("ab") as stream:
        process = subprocess.Popen([sys.executable, "-m", "nodes.coordinator", str(config)], stderr=stream, cwd=Path(__file__).parents[2])
    ready = zone.root / "state" / "coordinator" / "ready"
    until(lambda: ready.exists() or process.poll() is not None, "the coordinator runs", START_TIMEOUT_S)
    assert process.poll() is None, errors.read_text()[-2000:]
    peer = Peer(member="coordinator", address=f"127.0.0.1:{json.loads(ready.read_bytes())['port']}")
    key = load_private_key(zone.root / "ca" / "ca-key.pem")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    authority = CertificateAuthority(x509.load_pem_x509_certificate((zone.public_dir / "ca.pem").read_bytes()), key)
    ours = {name: load_identity(ZONE, name, zone.root / "members" / name, zone.public_dir / "ca.pem") for name in (*MEMBERS, "authority")}
    for identity in ours.values():
        for member in zone.registry.members:
            identity.registered(member, 0)
    try:
        yield Place(zone, log.peer, peer, authority, ours, errors=[errors, log.errors])
    finally:
        for running in (process, log.process):
            running.kill()
            running.wait(30)


class Load:
    """Members that say something to the log and send something through the coordinator, again and again, until one call fails."""

    def __init__(self, place: Place) -> None:
        self.turns: dict[str, int] = dict.fromkeys(MEMBERS, 0)
        self.failed: list[tuple[str, BaseException]] = []
        self._place, self._stop = place, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(name,)) for name in MEMBERS]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not self.failed, [(name, str(error)) for name, error in self.failed]

    def round(self) -> None:
        """Return once every member has made at least one whole turn from now on."""
        before = dict(self.turns)
        while any(self.turns[name] < before[name] + 2 for name in MEMBERS):
            assert not self.failed, [(name, str(error)) for name, error in self.failed]
            self._stop.wait(0.02)

    def _run(self, name: str) -> None:
        place, identity = self._place, self._place.ours[name]
        log, exchange = LogClient(identity, place.log), ExchangeClient(identity, place.coordinator)
        try:
            while not self._stop.is_set():
                place.zone.identities[name] = identity
                log.append(place.zone.refusal(name))
                exchange.relay("custodian-a", "loan", secrets.token_bytes(40))
                self.turns[name] += 1
        except BaseException as error:  # noqa: BLE001 - what fails is what the test is about
            self.failed.append((name, error))
        finally:
            log.close()
            exchange.close()


def test_everything_is_replaced_under_load_and_no_call_fails(place: Place) -> None:
    new = CertificateAuthority.create("test zone, new")
    with Load(place) as load:
        load.round()
        for member in (*MEMBERS, "log", "coordinator"):
            place.replace(member)
            load.round()
        place.trust(place.authority, new)
        load.round()
        for member in ("log", "coordinator", *MEMBERS):  # the authority does not renew in time
            place.replace(member, new)
            load.round()
        before = {name: place.ours[name].signer.key_id for name in MEMBERS}
        for member in MEMBERS:
            rekey(place, load, member)
        assert all(place.ours[name].signer.key_id != before[name] for name in MEMBERS)
        place.trust(new)
        load.round()
    late = LogClient(place.ours["authority"], place.log)
    with pytest.raises((PeerUnavailableError, RpcRefusal)):
        late.checkpoint(0, 2.0)
    late.close()
    told = b"".join(path.read_bytes() for path in place.errors)
    assert told.count(b'"certificate.taken"') >= 4


def rekey(place: Place, load: Load, member: str) -> None:
    """Old and new key side by side, then the new one alone; the member signs with whichever counts, throughout."""
    keys, new = place.zone.root / "members" / member, place.fresh(member, place.authority)
    make_private_directory(keys / "next")
    for name in ("sign.pem", "hpke.pem"):
        shutil.copy2(new / name, keys / "next" / name)
    fresh, old = load_signing_key(member, new / "sign.pem"), place.entry(member)
    added = SigningKey(key_id=fresh.key_id, algorithm=fresh.algorithm, public=fresh.public.hex())
    both = old.model_copy(update={"keys": (*old.keys, added)})
    place.change("rekey", both)
    place.ours[member].registered(both, 0)  # as if its leaf were older than the overlap
    load.round()
    assert place.ours[member].signer.key_id == fresh.key_id
    place.change("rekey", old.model_copy(update={"keys": (added,)}))
    place.ours[member].registered(old.model_copy(update={"keys": (added,)}), OVERLAP_S)
    load.round()


def test_who_leaves_or_is_revoked_is_cut_off_on_its_open_stream_at_once(place: Place) -> None:
    def follow(member: str) -> tuple[threading.Thread, list[BaseException]]:
        """An open stream of work of the member, and how it ended."""
        ended: list[BaseException] = []
        begun = threading.Event()

        def run() -> None:
            with tls.channel(place.ours[member], place.coordinator.address, "coordinator") as channel:
                call = rpc.stream(exchange_pb2_grpc.ExchangeStub(channel).FollowWork, exchange_pb2.WorkCursor(after=0), timeout_s=60)
                try:
                    for _ in call:
                        begun.set()
                except (RpcRefusal, PeerUnavailableError) as error:
                    ended.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        sender = ExchangeClient(place.ours["registrar"], place.coordinator)
        sender.relay(member, "loan", secrets.token_bytes(40))  # its first item: the stream is open
        sender.close()
        assert begun.wait(30)
        return thread, ended

    leaving, ended = follow("bank-a")
    place.change("leave", place.entry("bank-a"))
    leaving.join(8)  # the coordinator's heartbeat is ten seconds
    assert [getattr(error, "reason", "") for error in ended] == ["MEMBER_UNKNOWN"]
    again = ExchangeClient(place.ours["bank-a"], place.coordinator)
    with pytest.raises(RpcRefusal, match="left"):
        again.relay("registrar", "loan", b"x" * 40)
    again.close()

    revoked, ended = follow("custodian-a")
    shown = x509.load_pem_x509_certificate(place.ours["custodian-a"].tls.now().chain)
    place.publish("ca.crl", place.authority.revoke([shown]))
    sender = ExchangeClient(place.ours["registrar"], place.coordinator)
    sender.relay("custodian-a", "loan", secrets.token_bytes(40))  # the next message finds it out
    sender.close()
    revoked.join(15)
    assert [getattr(error, "reason", "") for error in ended] == ["CALLER_UNKNOWN"]


@pytest.mark.parametrize("place", [4], indirect=True)
def test_an_expired_registry_opens_no_epoch_until_custodians_alone_extend_it(place: Place, tmp_path: Path) -> None:
    coordinator, log = ExchangeClient(place.ours["authority"], place.coordinator), LogClient(place.ours["registrar"], place.log)
    hashes = dict.fromkeys(("model", "key", "roster"), "00" * 32)
    opening = EpochOpen.model_validate(
        {"zone": ZONE, "nonce": fresh_nonce(), "epoch": "e1", "period": "2023", "stages_leaf": 0, "slot_bits": 1, "slots": 1, "batches": 1}
        | {"contributors": {}, "order": "", **hashes}
    )

    def refused() -> str:
        with pytest.raises(RpcRefusal) as refusal:
            coordinator.submit(place.zone.sign("authority", opening))
        return refusal.value.reason

    def told(event: str) -> None:
        until(lambda: f'"{event}"'.encode() in place.errors[0].read_bytes(), event)

    until(lambda: refused() == "REGISTRY_EXPIRED", "the registry has expired")
    told("registry.expired")  # the coordinator looks every few seconds: an extension at once would be found before the end was
    log.append(place.zone.refusal("registrar"))  # what contributes nothing to an opening goes on being logged
    config, public = tmp_path / "custodian.toml", str(place.zone.public_dir)
    config.write_text(
        f'member = "custodian-a"\nzone = "{ZONE}"\nstate_dir = "state"\nkeys_dir = "{place.zone.root}/members/custodian-a"\n'
        f'public_dir = "{public}"\n[peers.log]\nmember = "log"\naddress = "{place.log.address}"\n'
        f'[peers.coordinator]\nmember = "coordinator"\naddress = "{place.coordinator.address}"\n[custodian]\npassphrase_file = "none"\n'
    )
    written, approved = str(tmp_path / "extension.json"), str(tmp_path / "approval.json")
    key = f"{place.zone.root}/members/custodian-a/sign.pem"
    assert run(application("zone"), ["zone", "extend", "--days", "20", "--public", public, "-o", written]) == 0
    assert run(application("zone"), ["zone", "extend", written, "--config", str(config)]) == ExitCode.REFUSED  # nobody approved it
    assert (
        run(application("member"), ["member", "approve", written, "--key", key, "--member", "custodian-a", "--public", public, "-o", approved]) == 0
    )
    assert run(application("zone"), ["zone", "extend", written, "--config", str(config), "--approval", approved]) == 0
    assert refused() != "REGISTRY_EXPIRED"
    told("registry.ageing")
    log.close()
    coordinator.close()
