"""Settings: one TOML a process, every mistake in it a clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from nodes.errors import SettingsError
from nodes.runtime.settings import Address, ConfigPath, NodeSettings, Table, role_of

GOOD = """
member = "bank-a"
zone = "test-zone"
state_dir = "../state/bank-a"
keys_dir = "../members/bank-a"
public_dir = "/var/lib/xinqiao/public"

[peers.log]
member = "log"
address = "127.0.0.1:8445"

[bank]
listen = "127.0.0.1:8446"
token_file = "token"
"""


class BankTable(Table):
    listen: Address
    token_file: ConfigPath
    limit: int = 3


class BankSettings(NodeSettings):
    bank: BankTable


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "bank-a.toml"
    path.parent.mkdir()
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file(config: Path, tmp_path: Path) -> None:
    settings = BankSettings.load(config)
    assert settings.state_dir == tmp_path / "state" / "bank-a"
    assert settings.bank.token_file == tmp_path / "config" / "token"
    assert settings.public_dir == Path("/var/lib/xinqiao/public")


def test_settings_are_frozen(config: Path) -> None:
    settings = BankSettings.load(config)
    with pytest.raises(ValidationError, match="frozen"):
        settings.member = "bank-b"
    with pytest.raises(ValidationError, match="frozen"):
        settings.bank.limit = 4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml does not exist"):
        BankSettings.load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('zone = "test-zone"', 'zone = "test-zone"\nstatedir = "x"', "statedir: unknown key"),
        ('listen = "127.0.0.1:8446"', 'listen = "127.0.0.1:8446"\nlimits = 4', r"bank\.limits: unknown key"),
        ('listen = "127.0.0.1:8446"', 'listen = "8446"', r"bank\.listen"),
        ('listen = "127.0.0.1:8446"', "", r"bank\.listen: Field required"),
        ('member = "bank-a"', 'member = "Bank A"', "member: "),
        ("[peers.log]", "[peers.logg]", r"peers\.logg: unknown key"),
        ("[bank]", "[bank", "bank-a.toml"),
    ],
)
def test_a_mistake_is_named_with_its_key(old: str, new: str, message: str, config: Path) -> None:
    config.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        BankSettings.load(config)


def test_a_file_that_is_not_utf8_is_refused(config: Path) -> None:
    config.write_bytes(b'member = "\xff"')
    with pytest.raises(SettingsError, match="configuration"):
        BankSettings.load(config)


def test_an_error_never_repeats_the_value(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_BANK__LIMIT", "s3cret")
    with pytest.raises(SettingsError) as error:
        BankSettings.load(config)
    assert "bank.limit" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_the_environment_overrides_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_DATABASE_URL", "postgresql+psycopg://x:password@host/db")
    monkeypatch.setenv("XINQIAO_BANK__LIMIT", "9")
    settings = BankSettings.load(config)
    assert settings.database_url.endswith("host/db")
    assert settings.bank.limit == 9
    assert settings.bank.listen == "127.0.0.1:8446"
    assert "password" not in repr(settings)


def test_an_unknown_environment_variable_is_an_error(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_DATABSE_URL", "x")
    with pytest.raises(SettingsError, match="XINQIAO_DATABSE_URL"):
        BankSettings.load(config)


def test_a_peer_that_is_not_configured_is_named(config: Path) -> None:
    settings = BankSettings.load(config)
    assert settings.peer("log").address == "127.0.0.1:8445"
    with pytest.raises(SettingsError, match=r"\[peers\.coordinator\]"):
        settings.peer("coordinator")


def test_a_department_that_is_a_custodian_runs_as_a_department(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[custodian]\n[department]\n", encoding="utf-8")
    assert role_of(path) == "department"


def test_a_configuration_without_a_role_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('member = "x"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"no role table: one of \[department\]"):
        role_of(path)
