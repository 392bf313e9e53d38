"""A zone that several organisations found by the commands of the operator guide, each from keys of its own, runs with all of its processes."""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.commands.output import ExitCode
from nodes.runtime.files import write_private
from nodes.runtime.peers.identity import load_private_key
from simulators.zone.authority import ROSTER_KEY_HOLDERS, CertificateAuthority, member_names
from simulators.zone.build import processes_of
from simulators.zone.configs import choose_addresses, write_configs
from tests.support.founding import PLAN, offices, xinqiao
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(600)]


def test_a_zone_founded_by_its_members_opens_for_business(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    public, authority = tmp_path / "public", CertificateAuthority.create(PLAN.zone)
    members = offices(tmp_path / "members", PLAN)
    roster_key = secrets.token_hex(32).encode()
    for plan in PLAN.members:
        keys = members[plan.id].keys
        tls = load_private_key(keys / "tls-key.pem").public_key()
        write_private(keys / "cert.pem", authority.issue(tls, member_names(PLAN.zone, plan)).public_bytes(Encoding.PEM))  # type: ignore[arg-type]  # P-256
        if ROSTER_KEY_HOLDERS & set(plan.roles):
            write_private(keys / "roster.key", roster_key)
        if "custodian" in plan.roles:
            write_private(keys / "passphrase", secrets.token_hex(32).encode())
    key = members["authority"].keys / "sign.pem"
    words = ["--zone", PLAN.zone, "--zh", PLAN.title.zh, "--en", PLAN.title.en, "--required", "2", "--outside", *PLAN.outside]
    assert xinqiao("zone", "found", *(office.entry() for office in members.values()), *words, "--key", key, "--public", public) == ExitCode.DONE
    (public / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (public / "packs").mkdir()
    witness = f"auditor={members['auditor'].keys}"
    ceremony = ("key", "ceremony", "--public", public, "--dealer-keys", members["authority"].keys, "--witness", witness, "--key-bits", "2048")
    assert xinqiao(*ceremony) == ExitCode.DONE
    for office in members.values():  # from here on the keys lie as the configurations of one machine name them
        for path in office.keys.iterdir():
            shutil.move(path, office.place / path.name)
    addresses = choose_addresses(PLAN)
    write_configs(PLAN, tmp_path, addresses)
    with processes_of(tmp_path) as processes:
        processes.start()
        processes.wait_ready(300)
        trusted = ssl.create_default_context(cafile=str(public / "ca.pem"))
        with httpx.Client(verify=trusted, base_url=f"https://{addresses.of['gateway']}") as gateway:
            until(lambda: gateway.get("/readyz").status_code == 200, "custodians have accepted their shares", 120)
            said = gateway.get("/v1/members").json()
        processes.check()
    assert said["zone"] == PLAN.zone
    assert json.loads((tmp_path / "endpoints.json").read_text())["log"] == addresses.of["log"]
