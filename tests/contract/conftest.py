"""A small certificate authority and members' identities for tests over real loopback mutual TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.runtime.peers.identity import Identity, load_identity
from scoring.statements import Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan
from tests.support.waiting import until

ZONE = "test-zone"
MakeIdentity = Callable[..., Identity]


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    """The zone's CA."""
    return CertificateAuthority.create("test zone")


@pytest.fixture(scope="session")
def make_identity(authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory) -> MakeIdentity:
    """``make_identity(member, listens=False)``: keys made, written and loaded as a process does it."""
    directory = tmp_path_factory.mktemp("members")
    directory.chmod(0o700)
    ca_file = directory / "ca.pem"
    ca_file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))

    making = threading.Lock()  # threads of a test may ask for the same member first

    def make(member: str, *, listens: bool = False) -> Identity:
        keys_dir = directory / (f"{member}-listening" if listens else member)  # another certificate than for calling alone
        with making:
            if not keys_dir.exists():
                make_member(authority, ZONE, MemberPlan(member, Title(zh=member, en=member), (), listens=listens), keys_dir)
        return load_identity(ZONE, member, keys_dir, ca_file)

    return make


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """URL of an empty MariaDB of our own, on a socket, without accounts. Skips where MariaDB is not installed."""
    server = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None:
        pytest.skip("MariaDB is not installed")
    directory = Path(tempfile.mkdtemp(prefix="xq-my-", dir="/tmp"))
    (directory / "data").mkdir()
    place = ["--no-defaults", f"--datadir={directory / 'data'}", f"--socket={directory / 's'}", f"--pid-file={directory / 'pid'}"]
    alone = ["--skip-networking", "--skip-grant-tables", "--innodb-buffer-pool-size=16M", *(["--user=root"] if os.geteuid() == 0 else [])]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([server, *place, *alone], stdout=log, stderr=log, cwd="/")
    try:
        until(lambda: (directory / "pid").exists() or process.poll() is not None, "MariaDB serves")  # then it writes its number
        assert process.poll() is None, (directory / "log").read_text(errors="replace")
        yield f"mysql+pymysql://root@/?unix_socket={directory / 's'}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory)
