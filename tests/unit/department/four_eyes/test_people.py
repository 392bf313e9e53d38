"""Who counts as a person: the files of an office's people and their passwords [A2]."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodes.contributing.four_eyes.people import People, add_person, remove_person
from nodes.department.desk.settings import DeskTable
from nodes.errors import NotFoundError, SecretFileError, SettingsError, SignInError
from tests.support.desk import password
from tests.support.four_eyes import LI, WANG, ZHAO


def test_a_persons_key_opens_with_the_persons_password_only(people: People, tmp_path: Path) -> None:
    key = people.unlock(LI, password(LI))
    assert people.in_force()[LI].public == key.public == people.find(LI).public
    assert (people.find(LI).title, people.find(WANG).title) == ("李伟", WANG)
    for name, wrong in ((LI, password(WANG)), ("nobody", password(LI)), ("../people/li-wei", password(LI))):
        with pytest.raises(SignInError):
            people.unlock(name, wrong)
    stored = (tmp_path / "people" / "li-wei.person.json").read_bytes()
    assert isinstance(key.private, Ed25519PrivateKey)
    assert key.private.private_bytes_raw().hex().encode() not in stored
    assert password(LI).encode() not in stored


def test_a_file_without_a_name_in_the_settings_or_the_reverse_is_nobody(people: People, tmp_path: Path) -> None:
    with pytest.raises(SignInError):
        People(tmp_path / "people", (WANG,)).unlock(LI, password(LI))
    remove_person(tmp_path / "people", LI)
    with pytest.raises(SignInError):
        people.unlock(LI, password(LI))
    assert set(people.in_force()) == {WANG, ZHAO}
    with pytest.raises(NotFoundError):
        remove_person(tmp_path / "people", LI)


def test_a_persons_file_that_others_may_read_or_that_was_changed_is_not_used(people: People, tmp_path: Path) -> None:
    path = tmp_path / "people" / "li-wei.person.json"
    path.chmod(0o640)
    with pytest.raises(SecretFileError, match="mode"):
        people.find(LI)
    path.chmod(0o600)
    (tmp_path / "people" / "wang-fang.person.json").write_bytes(path.read_bytes())
    with pytest.raises(SecretFileError):
        people.find(WANG)
    path.write_text(path.read_text().replace(people.find(ZHAO).public.hex(), "").replace('"public":"', '"public":"00', 1))
    with pytest.raises(SecretFileError):
        people.unlock(LI, password(LI))


@pytest.mark.parametrize("given", ["short", "x" * 257])
def test_a_password_has_twelve_characters_at_least(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingsError, match="12 to 256"):
        add_person(tmp_path / "new", LI, "", given)
    assert not list((tmp_path / "new").iterdir())


def test_a_person_is_not_made_twice(people: People, tmp_path: Path) -> None:
    before = people.find(LI).public
    with pytest.raises(SettingsError, match="already"):
        add_person(tmp_path / "people", LI, "", password(LI))
    assert people.find(LI).public == before


def test_two_persons_are_named_where_two_are_needed() -> None:
    table = {"listen": "127.0.0.1:0", "people_dir": "people", "approval": "two-persons"}
    for people in ([], ["li-wei"], ["li-wei", "li-wei"]):
        with pytest.raises(ValueError, match="people"):
            DeskTable.model_validate({**table, "people": people})
    with pytest.raises(ValueError, match="approve_rows"):
        DeskTable.model_validate({**table, "approval": "none", "approve_rows": True})
    assert DeskTable.model_validate({**table, "people": ["li-wei", "wang-fang"]}).approval == "two-persons"


def test_a_persons_file_that_cannot_be_used_makes_nobody_and_stops_nothing(people: People, tmp_path: Path) -> None:
    (tmp_path / "people" / "li-wei.person.json").chmod(0o644)
    (tmp_path / "people" / "wang-fang.person.json").write_bytes(b"[]")
    assert set(people.in_force()) == {ZHAO}
