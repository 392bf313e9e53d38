"""The configurations printed in the operator guide are ones that the programs accept."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nodes.runtime.peers.identity import load_identity
from nodes.runtime.settings import ROLES, role_of
from tests.settings_classes import settings_class

GUIDE = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text(encoding="utf-8")
LED_TO_BY_OTHERS = {"Reading a lint report", "Policies and libraries", "Audit draws"}
"""Chapters for those who are sent there by the one before."""

EXAMPLES = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split('"')[1])
def test_example_is_accepted_by_its_program(example: str, tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    settings = settings_class(role_of(path)).load(path)
    assert settings.zone == "hangzhou-binjiang"


def test_guide_shows_every_role(tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    shown = set()
    for example in EXAMPLES:
        path.write_text(example, encoding="utf-8")
        shown.add(role_of(path))
    assert shown == set(ROLES)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not on this machine")
@pytest.mark.parametrize("names", ["", ",DNS:log.zhengzhou.xinqiao"], ids=["dials out", "listens"])
def test_keys_and_certificate_made_as_printed_are_a_member_s(names: str, tmp_path: Path) -> None:
    """The three blocks as they stand, by a shell: keys, the zone's CA, a certificate."""
    tmp_path.chmod(0o700)
    section = GUIDE.split("### Keys and certificates by hand")[1].split("\n### ")[0]
    for block in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
        lines = block.replace("zhengzhou/bank-a", f"zhengzhou/bank-a{names}")
        subprocess.run(["sh", "-euc", lines], check=True, capture_output=True, cwd=tmp_path)
    (tmp_path / "cert.pem").chmod(0o600)
    identity = load_identity("zhengzhou", "bank-a", tmp_path, tmp_path / "ca.pem")
    assert (identity.member, identity.signer.algorithm) == ("bank-a", "ed25519")


def test_the_first_page_leads_to_every_chapter() -> None:
    first = GUIDE.split("## What to read when")[1].split("\n## ")[0]
    chapters = re.findall(r"^## (.+)$", GUIDE, re.MULTILINE)
    led = set(re.findall(r"\[([^\]]+)\]\(#", first))
    assert {chapter.split(" 名录")[0] for chapter in chapters} - led - {"What to read when"} == LED_TO_BY_OTHERS
