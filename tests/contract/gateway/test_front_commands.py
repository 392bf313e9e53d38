"""``xinqiao epoch`` and ``xinqiao score``: real HTTP to a gateway and a bank node over a zone in memory; answers and exit codes."""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner, Result

from crypto.keygen import PrivateKey
from nodes.ceremony.countersigning import approve_change, change_files, read_members
from nodes.commands import epoch, score
from nodes.commands.keys import key
from nodes.commands.members.countersign import members
from nodes.custodian.shares.approvals import Approvals
from nodes.runtime import logging
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.server import WebServer
from scoring.exchange.validity import DAY_S
from scoring.statements import Refusal, RegistryRenewal
from simulators.zone.authority import CertificateAuthority
from tests.support.artifacts import write_public
from tests.support.bank import bank, bound_consent, uscc_of
from tests.support.custody import Custody
from tests.support.epoch import EPOCH, PERIOD
from tests.support.gateway import TOKEN, Front, front
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import PRODUCT, MemoryZone, open_zone, released_zone
from xinqiao import application


@dataclass
class Offices:
    """Configurations of a gateway and a bank that run, as their staff's commands read them."""

    site: Front
    gateway: Path
    bank: Path


@pytest.fixture
def offices(
    small_private_key: PrivateKey,
    make_identity: Callable[..., Identity],
    authority: CertificateAuthority,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Offices]:
    """``request.param`` makes the zone; its first subject has consented to bank-a where the epoch is released."""
    logging.configure("test", "error")  # to standard error, as in processes: standard output is the commands'
    zone = request.param(small_private_key)
    site = front(zone, tmp_path / "gateway")
    node = bank(site, tmp_path / "bank-a")
    if request.param is released_zone:
        node.told(bound_consent(zone, zone.subjects[0], uscc_of(0)), 1)
    public = tmp_path / "public"
    public.mkdir()
    (public / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    keys, identity = make_private_directory(tmp_path / "keys"), make_identity("authority", listens=True)
    write_private(keys / "cert.pem", identity.tls.chain)
    write_private(keys / "tls-key.pem", identity.tls.key)
    for directory in ("gateway", "bank-a"):
        write_private(tmp_path / directory / "api.token", TOKEN.encode())
    servers = [
        WebServer(site.client.app, "127.0.0.1:0", keys / "cert.pem", keys / "tls-key.pem"),
        WebServer(node.app(TOKEN), "127.0.0.1:0"),
    ]
    threads = [threading.Thread(target=server.run) for server in servers]
    for thread in threads:
        thread.start()
    common = f'zone = "test-zone"\nkeys_dir = "{keys}"\npublic_dir = "{public}"\n'
    gateway_file, bank_file = tmp_path / "gateway.toml", tmp_path / "bank.toml"
    base = f"https://127.0.0.1:{servers[0].port}"
    gateway_file.write_text(
        f'member = "authority"\nstate_dir = "{tmp_path / "gateway"}"\n{common}'
        f'[gateway]\nlisten = "127.0.0.1:1"\npublic_base = "{base}"\nadmin_token_file = "{tmp_path / "gateway" / "api.token"}"\n'
    )
    bank_file.write_text(
        f'member = "bank-a"\nstate_dir = "{tmp_path / "bank-a"}"\n{common}[bank]\nlisten = "127.0.0.1:{servers[1].port}"\ngateway = "{base}"\n'
    )
    yield Offices(site, gateway_file, bank_file)
    for server, thread in zip(servers, threads, strict=True):
        server.stop()
        thread.join(20)
    structlog.reset_defaults()


def run_epoch(*arguments: object) -> Result:
    return CliRunner().invoke(epoch.app, [str(argument) for argument in arguments])


def run_score(*arguments: object) -> Result:
    return CliRunner().invoke(score.app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("offices", [open_zone], indirect=True)
def test_staff_open_watch_close_and_wait_for_the_release(offices: Offices) -> None:
    again = run_epoch("open", EPOCH, "--config", offices.gateway, "--period", PERIOD, "--model", "firm-panel", "--json")
    assert (again.exit_code, json.loads(again.stdout)["state"]) == (0, "OPEN")
    watched = run_epoch("status", EPOCH, "--config", offices.gateway)
    assert "columns received: 0 of 7" in watched.stdout
    early = run_epoch("close", EPOCH, "--config", offices.gateway, "--json")
    assert (early.exit_code, json.loads(early.stdout)["error"]) == (4, "NOT_READY")
    offices.site.zone.contribute_columns()
    closed = run_epoch("close", EPOCH, "--config", offices.gateway, "--wait", 30)
    assert (closed.exit_code, "RELEASED" in closed.stdout) == (0, True)


@pytest.mark.parametrize("offices", [open_zone], indirect=True)
def test_a_failed_opening_ends_the_wait_with_its_reason(offices: Offices) -> None:
    offices.site.zone.contribute_columns()
    offices.site.exchange.garbled = {"tax", "credit"}
    closed = run_epoch("close", EPOCH, "--config", offices.gateway, "--wait", 30, "--json")
    assert (closed.exit_code, json.loads(closed.stdout)["error"]) == (3, "OPENING_INVALID")


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_an_unknown_epoch_a_wrong_token_and_a_missing_file_have_their_own_exit_codes(offices: Offices) -> None:
    unknown = run_epoch("status", "e9", "--config", offices.gateway, "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["error"]) == (3, "EPOCH_UNKNOWN")
    write_private(offices.gateway.parent / "gateway" / "api.token", b"x" * 43)
    wrong = run_epoch("status", EPOCH, "--config", offices.gateway, "--json")
    assert (wrong.exit_code, json.loads(wrong.stdout)["error"]) == (3, "TOKEN_INVALID")
    missing = run_epoch("status", EPOCH, "--config", offices.gateway.parent / "none.toml", "--json")
    assert missing.exit_code == 2


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_a_clerk_asks_and_is_answered_refused_or_told_what_is_wrong(offices: Offices) -> None:
    subject = offices.site.zone.subjects[0]
    asked = ("query", "--config", offices.bank, "--product", PRODUCT)
    answered = run_score(*asked, "--subject", subject, "--json")
    assert (answered.exit_code, json.loads(answered.stdout)["subject"]) == (0, subject)
    by_code = run_score(*asked, "--uscc", uscc_of(0))
    assert (by_code.exit_code, subject[:8] in by_code.stdout, "line" in by_code.stdout) == (0, True, True)
    refused = run_score(*asked, "--subject", offices.site.zone.subjects[3], "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["error"]) == (3, "CONSENT_MISSING")
    nobody = run_score(*asked)
    both = run_score(*asked, "--subject", subject, "--uscc", uscc_of(0))
    assert (nobody.exit_code, both.exit_code) == (2, 2)


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_a_node_that_does_not_run_is_unavailable(offices: Offices) -> None:
    offices.bank.write_text(offices.bank.read_text().replace("listen = ", 'listen = "127.0.0.1:1" # '))
    gone = run_score("query", "--config", offices.bank, "--product", PRODUCT, "--subject", "0" * 32, "--json")
    assert (gone.exit_code, json.loads(gone.stdout)["error"]) == (4, "PEER_UNAVAILABLE")


# --- xinqiao key ---


def key_command(offices: Offices, *arguments: str) -> Result:
    return CliRunner().invoke(key.app, [*arguments, "--config", str(offices.gateway), "--json"])


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_a_refresh_is_begun_watched_and_put_in_force(offices: Offices) -> None:
    zone, rounds = offices.site.zone, offices.site.rounds
    begun = json.loads(key_command(offices, "refresh").stdout)
    assert (begun["generation"], begun["round"]["generation"], begun["round"]["action"]) == (0, 1, "refresh")
    assert begun["round"]["awaited"]["receivers"] == list(CUSTODIANS)
    assert key_command(offices, "refresh").exit_code == 3, "one round at a time"
    custody = Custody(zone)
    for name in CUSTODIANS:
        zone.say(custody.receiver(name), name)
    for name in CUSTODIANS:
        zone.say(custody.deal(name), name)
    rounds.activate()
    for name in CUSTODIANS:
        assert zone.view.generation().number == 0
        zone.say(custody.acknowledgement(name), name)
    rounds.activate()
    found = json.loads(key_command(offices, "status").stdout)
    assert (found["generation"], found["round"], found["custodians"]) == (1, None, list(CUSTODIANS))
    assert zone.view.void == {}


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_a_round_is_given_up_and_another_one_begun(offices: Offices) -> None:
    zone = offices.site.zone
    assert key_command(offices, "abandon").exit_code == 3
    wanted = ("reshare", "--threshold", "2", "--custodian", "notary", "--custodian", "credit")
    begun = json.loads(key_command(offices, *wanted).stdout)["round"]
    assert (begun["custodians"], begun["dealers"]) == (["notary", "credit"], ["credit", "notary"])
    human = CliRunner().invoke(key.app, ["status", "--config", str(offices.gateway)])
    assert "dealers, whose operators approve: credit, notary" in human.stdout
    given_up = json.loads(key_command(offices, "abandon").stdout)
    assert (given_up["generation"], given_up["round"]) == (0, None)
    assert key_command(offices, "refresh").exit_code == 0
    timed_out = key_command(offices, "abandon")
    assert timed_out.exit_code == 0
    waited = key_command(offices, "refresh", "--wait", "0.2")
    assert waited.exit_code == 4
    assert json.loads(waited.stdout)["error"] == "NOT_READY"
    assert zone.view.void == {}


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_a_custodians_objection_ends_the_waiting_with_its_reason(offices: Offices) -> None:
    zone = offices.site.zone
    key_command(offices, "refresh")
    assert zone.view.round is not None
    digest = zone.view.round.digest
    zone.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="tax", reason="KEY_NOT_READY", about=digest), "tax")
    found = json.loads(key_command(offices, "status").stdout)
    assert found["round"]["refused"] == [{"member": "tax", "reason": "KEY_NOT_READY", "about": digest}]


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_an_operator_approves_a_round_on_the_custodians_own_machine(offices: Offices, tmp_path: Path) -> None:
    file = tmp_path / "notary.toml"
    file.write_text(
        f'member = "notary"\nzone = "test-zone"\nstate_dir = "{tmp_path / "notary"}"\nkeys_dir = "{tmp_path / "keys"}"\n'
        f'public_dir = "{tmp_path / "public"}"\n[custodian]\npassphrase_file = "{tmp_path / "secret"}"\n'
    )
    done = CliRunner().invoke(key.app, ["approve", "ab" * 32, "--config", str(file), "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"member": "notary", "approved": "ab" * 32})
    assert Approvals(tmp_path / "notary" / "custodian").has("ab" * 32)
    assert CliRunner().invoke(key.app, ["approve", "yes", "--config", str(file)]).exit_code == 2
    assert CliRunner().invoke(key.app, ["approve", "ab" * 32, "--config", str(offices.gateway)]).exit_code == 2


def ageing_zone(private_key: PrivateKey) -> MemoryZone:
    """A founded zone whose registry holds another forty days of a hundred."""
    zone = MemoryZone(private_key, validity_s=100 * DAY_S)
    zone.found()
    zone.now += 60 * DAY_S
    return zone


def run_zone(*arguments: object) -> Result:
    return CliRunner().invoke(application("zone"), ["zone", *(str(argument) for argument in arguments)])


@pytest.mark.parametrize("offices", [ageing_zone], indirect=True)
def test_staff_see_the_registrys_end_and_renew_it_with_the_custodians(offices: Offices, tmp_path: Path) -> None:
    zone, renewal = offices.site.zone, tmp_path / "renewal.json"
    seen = run_zone("expiry", "--config", offices.gateway, "--json")
    assert (seen.exit_code, json.loads(seen.stdout)["state"], json.loads(seen.stdout)["extensions"]) == (0, "ageing", 0)
    (tmp_path / "public" / "registry.dsse.json").write_bytes(zone.view.genesis)
    written = run_zone("renew", "--public", tmp_path / "public", "-o", renewal, "--json")
    assert (written.exit_code, json.loads(written.stdout)["kind"]) == (0, "registry-renewal")
    asked = RegistryRenewal(zone=ZONE, nonce=fresh_nonce(), until=zone.now + 99 * DAY_S)  # the memory zone's clock is its own
    renewal.write_bytes(asked.payload())
    words = ["renew", renewal, "--config", offices.gateway, "--json"]
    alone = run_zone(*words)
    assert (alone.exit_code, json.loads(alone.stdout)["error"]) == (3, "CHANGE_NOT_APPROVED")
    for name in CUSTODIANS[:2]:
        (tmp_path / name).write_bytes(approve_change(asked, name, zone.keys.signers[name]))
        words += ["--approval", tmp_path / name]
    made = run_zone(*words)
    assert (made.exit_code, json.loads(made.stdout)["state"], json.loads(made.stdout)["valid_until"]) == (0, "valid", asked.until)
    zone.now = asked.until + 1
    over = run_zone("expiry", "--config", offices.gateway)
    assert (over.exit_code, "EXPIRED" in over.stdout) == (1, True)


@pytest.mark.parametrize("offices", [ageing_zone], indirect=True)
def test_an_expired_registry_refuses_to_open_an_epoch_by_its_reason(offices: Offices) -> None:
    offices.site.zone.now += 50 * DAY_S
    offices.site.zone.compile()
    offices.site.zone.say(offices.site.zone.roster_statement(), "market")
    offices.site.zone.say(offices.site.zone.stages_statement(), "tax")
    opened = run_epoch("open", EPOCH, "--config", offices.gateway, "--period", PERIOD, "--model", "firm-panel", "--json")
    assert (opened.exit_code, json.loads(opened.stdout)["error"]) == (3, "REGISTRY_EXPIRED")


def run_key(*arguments: object) -> Result:
    return CliRunner().invoke(key.app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("offices", [released_zone], indirect=True)
def test_staff_plan_which_custodians_may_be_away(offices: Offices) -> None:
    asked = ("plan", "--config", offices.gateway, "--from", "2023-11-20", "--json")
    day = run_key(*asked, "--to", "2023-11-21", "--away", "notary")
    assert (day.exit_code, json.loads(day.stdout)["may_be_away"]) == (0, 1)
    week = run_key(*asked, "--to", "2023-11-27", "--away", "notary", "--together", "tax,credit")
    said = json.loads(week.stdout)
    assert (week.exit_code, said["first"], said["operators"]["tax"]) == (1, ["find-custodian", "reshare"], ["tax", "credit"])
    assert said["too_mighty"] == ["tax"]
    assert (said["may_go"], said["may_go_for_a_day"]) == ([], [["notary"]])
    text = run_key(*asked[:-1], "--to", "2023-11-27", "--away", "notary", "--together", "tax,credit")
    assert (text.exit_code, "cannot go yet" in text.stdout, "opens everything alone" in text.stdout) == (1, True, True)
    assert "2023-11-20 00:00 to 2023-11-27 00:00 UTC; generation 0: 2 of 3 open" in text.stdout
    assert "for a day at most: notary" in text.stdout
    nobody = run_key(*asked[:-1], "--to", "2023-11-21")
    assert "1 may be away at once: any 1 of credit, notary, tax" in nobody.stdout
    assert "away: " not in nobody.stdout.replace("may be away", "")
    stranger = run_key(*asked, "--away", "bank-a")
    assert (stranger.exit_code, json.loads(stranger.stdout)["error"]) == (3, "REQUEST_INVALID")


# --- who approves ------------------------------------------------------------------------------------------------------------


def member_command(offices: Offices, *arguments: str) -> Result:
    public = offices.gateway.parent / "public"
    return CliRunner().invoke(members, [*arguments, "--public", str(public), "--json"])


@pytest.mark.parametrize("offices", [open_zone], indirect=True)
def test_after_a_re_sharing_the_new_custodians_approve_offline_too(offices: Offices) -> None:
    """`member approve` and `enact` work on files: they know the new custodians once the gateway told of them."""
    zone, root = offices.site.zone, offices.gateway.parent
    write_public(zone, root / "public")
    custody = Custody(zone)
    custody.employ("insurance")
    custody.play(("credit", "notary", "insurance"), 2)
    keys = {name: private_file(zone, name, root) for name in ("tax", "notary", "insurance", "authority")}
    zone.keys.make("ip")
    (root / "ip.json").write_text(zone.keys.member("ip").model_dump_json())
    change = str(root / "change.json")
    assert member_command(offices, "propose", str(root / "ip.json"), "--action", "rekey", "-o", change).exit_code == 0

    def approve(name: str) -> Result:
        return member_command(offices, "approve", change, "--key", keys[name], "--member", name, "-o", str(root / f"{name}.json"))

    def enact(*names: str) -> Result:
        files = [word for name in names for word in ("--approval", str(root / f"{name}.json"))]
        return member_command(offices, "enact", change, "--key", keys["authority"], *files)

    assert [approve(name).exit_code for name in ("insurance", "notary", "tax")] == [2, 0, 0], "the ceremony's are known alone"
    updated = member_command(offices, "update", base_of(offices))
    assert updated.exit_code == 0, updated.output
    assert json.loads(updated.stdout)["approvers"] == ["credit", "insurance", "notary"]
    assert [approve(name).exit_code for name in ("insurance", "notary", "tax")] == [0, 0, 2]
    assert enact("notary", "tax").exit_code == 2
    assert enact("notary", "insurance").exit_code == 0
    (made,) = change_files(root / "public")
    assert zone.append(made.read_bytes(), "authority", "member") is not None
    assert read_members(root / "public").members == zone.view.registry.members


def private_file(zone: MemoryZone, member: str, root: Path) -> str:
    path = root / f"{member}.pem"
    write_private(path, zone.keys.signers[member].private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


def base_of(offices: Offices) -> str:
    """Where the gateway listens."""
    return str(tomllib.loads(offices.gateway.read_text())["gateway"]["public_base"])
