"""A small certificate authority and members' identities for tests over real loopback mutual TLS."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.runtime.identity import Identity, load_identity
from scoring.statements import Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan

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

    def make(member: str, *, listens: bool = False) -> Identity:
        keys_dir = directory / member
        if not keys_dir.exists():
            make_member(authority, ZONE, MemberPlan(member, Title(zh=member, en=member), (), listens=listens), keys_dir)
        return load_identity(ZONE, member, keys_dir, ca_file)

    return make
