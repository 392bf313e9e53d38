"""``xinqiao policy``: real HTTP to a gateway over a zone in memory; entering, listing, the bank's files in and out, answers and exit codes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from crypto.keygen import PrivateKey
from gateway.policies import bank_files
from gateway.policies.desk import DAY_S
from nodes.commands import policy
from nodes.runtime import logging
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.identity import Identity
from nodes.runtime.web.server import WebServer
from simulators.zone.authority import CertificateAuthority
from tests.support.gateway import TOKEN
from tests.support.policies import SUBJECTS, Town, firm, town

OFFICIAL = "chief"


@dataclass
class Office:
    """A gateway that serves over HTTPS, and its configuration as staff's commands read it."""

    town: Town
    config: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(policy.app, [*arguments, "--config", str(self.config), "--json"])


@pytest.fixture
def office(
    small_private_key: PrivateKey, make_identity: Callable[..., Identity], authority: CertificateAuthority, tmp_path: Path
) -> Iterator[Office]:
    logging.configure("test", "error")
    place = town(small_private_key, make_private_directory(tmp_path / "gateway"), [firm(at, board="新三板") for at in range(3)], [4] * 3 + [0] * 9)
    public, keys = tmp_path / "public", make_private_directory(tmp_path / "keys")
    public.mkdir()
    (public / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    identity = make_identity("authority", listens=True)
    for name, content in (("cert.pem", identity.tls.chain), ("tls-key.pem", identity.tls.key), ("api.token", TOKEN.encode())):
        write_private(keys / name, content)
    server = WebServer(place.front.client.app, "127.0.0.1:0", keys / "cert.pem", keys / "tls-key.pem")
    thread = threading.Thread(target=server.run)
    thread.start()
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'member = "authority"\nzone = "test-zone"\nstate_dir = "{tmp_path}"\nkeys_dir = "{keys}"\npublic_dir = "{public}"\n'
        f'[gateway]\nlisten = "127.0.0.1:1"\npublic_base = "https://127.0.0.1:{server.port}"\nadmin_token_file = "{keys / "api.token"}"\n'
    )
    yield Office(place, config)
    server.stop()
    thread.join(20)
    structlog.reset_defaults()


def test_a_policy_is_entered_and_its_bank_files_go_out_and_come_back(office: Office, tmp_path: Path) -> None:
    entered = json.loads(office.run("add", "neeq").stdout)
    assert (entered["in_force"], entered["undecided"]) == (False, entered["tags"])
    assert office.run("add", "neeq").exit_code == 3, "it is there already"
    assert office.run("add", str(tmp_path / "none.yaml")).exit_code == 2
    place, desk = office.town, office.town.front.policies.desk
    policy_id, review = "neeq", office.town.front.policies.store.policy("neeq")[1]
    for tag, proposed in enumerate(review.tags):
        desk.decide(policy_id, tag, "dropped" if proposed.meaning.kind == "division" else "confirmed", OFFICIAL)
    desk.publish(policy_id)
    assert desk.compare(policy_id, OFFICIAL).claims == 3
    place.settle()
    for at in range(3):
        assert place.take(SUBJECTS[at], policy_id, "confirmed").status_code == 201
    desk.notice(policy_id, OFFICIAL)
    place.settle()
    place.zone.now += 5 * DAY_S
    file = desk.propose(policy_id, OFFICIAL).id
    desk.release(file, "second", differing_seen=True)
    assert office.run("bank-file", file, "-o", str(tmp_path / "orders.csv")).exit_code == 3, "its orders are not all in the log"
    place.settle()
    assert office.run("bank-file", file, "-o", str(tmp_path / "orders.csv")).exit_code == 0
    assert (tmp_path / "orders.csv").read_bytes() == desk.bank_file(file).content
    claims = [kept.claim.id for kept in place.front.policies.store.claims(policy=policy_id)]
    lines = [",".join(bank_files.ANSWER), *(f"{file},{claim},500000.00,成功,R" for claim in claims)]
    answer = tmp_path / "answer.csv"
    answer.write_text("\n".join(lines[:-1]), encoding="utf-8")
    refused = office.run("answer", file, str(answer))
    assert refused.exit_code == 3
    assert "PAYMENTS_DISAGREE" in refused.stdout + refused.stderr
    answer.write_text("\n".join(lines), encoding="utf-8")
    for _again in range(2):
        assert json.loads(office.run("answer", file, str(answer)).stdout)["orders"] == 3
        place.settle()
    (listed,) = json.loads(office.run("list").stdout)["policies"]
    assert listed["money_fen"]["paid"] == 3 * 50_000_000
    assert listed["claims"] == {"paid": 3}
