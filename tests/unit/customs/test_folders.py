"""The import client's folders: which files are taken when; nothing in them is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.customs.folders import MAX_FILE_BYTES, QUIET_S, ClientFolders, read_file, unpack
from connectors.customs.markup import MAX_BYTES
from connectors.errors import DeliveryError, SourceUnavailableError
from tests.support.customs import NOW, Client, receipt, response, zipped


def names(folders: ClientFolders, now: float = NOW) -> list[str]:
    return [found.name for found in folders.complete(now)]


@pytest.mark.parametrize("name", ["Deccus001", "DecCus001", "DECCUS001"])
def test_the_boxes_are_found_whatever_the_case_and_from_either_folder(tmp_path: Path, name: str) -> None:
    client = Client(tmp_path / "ImpPath", name)
    client.put("InBox/Receipt_1.xml", receipt())
    for folder in (tmp_path / "ImpPath", tmp_path / "ImpPath" / name):
        assert names(ClientFolders(folder)) == ["InBox/Receipt_1.xml"]


def test_files_are_taken_by_their_names(tmp_path: Path) -> None:
    client = Client(tmp_path)
    wanted = ["OutBox/a.zip", "SentBox/b.ZIP", "FailBox/Failed_c", "InBox/Successed_d.xml", "InBox/e_Receipt_f", "InBox/g.XML"]
    for name in (*wanted, "OutBox/a.zip.tmp", "InBox/Receipt.tmp", "InBox/.hidden.xml", "InBox/readme.txt"):
        client.put(name, response())
    assert set(names(ClientFolders(tmp_path))) == set(wanted)


def test_a_file_that_still_grows_is_left_alone_until_it_rests(tmp_path: Path) -> None:
    client, folders = Client(tmp_path), ClientFolders(tmp_path)
    path = client.put("InBox/Receipt_1.xml", receipt()[:20])
    now = path.stat().st_ctime
    assert names(folders, now) == []
    path.write_bytes(receipt())
    later = max(now + QUIET_S, path.stat().st_ctime)
    assert names(folders, later) == []
    assert names(folders, later + QUIET_S) == [f"InBox/{path.name}"]


def test_a_time_of_writing_that_was_set_makes_no_file_complete(tmp_path: Path) -> None:
    path = Client(tmp_path).put("InBox/Receipt_1.xml", receipt(), age_s=NOW)
    assert path.stat().st_mtime == 0
    assert names(ClientFolders(tmp_path), path.stat().st_ctime) == []


def test_a_clock_that_is_ahead_of_ours_keeps_no_file_back(tmp_path: Path) -> None:
    path, folders = Client(tmp_path).put("InBox/Receipt_1.xml", receipt()), ClientFolders(tmp_path)
    now = path.stat().st_ctime - 86_400
    assert names(folders, now) == []
    assert names(folders, now + QUIET_S) == ["InBox/Receipt_1.xml"]


def test_a_file_that_changes_or_goes_while_it_is_read_is_left_for_later(tmp_path: Path) -> None:
    client = Client(tmp_path)
    path = client.put("InBox/Receipt_1.xml", receipt())
    (found,) = ClientFolders(tmp_path).complete(NOW)
    path.write_bytes(receipt() + b" ")
    assert read_file(found) is None
    path.unlink()
    assert read_file(found) is None


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    client = Client(tmp_path / "client")
    outside = tmp_path / "secret.xml"
    outside.write_bytes(receipt())
    os.utime(outside, (NOW - 60, NOW - 60))
    (client.root / "Deccus001" / "InBox" / "link.xml").symlink_to(outside)
    os.mkfifo(client.root / "Deccus001" / "InBox" / "pipe.xml")
    path = client.put("InBox/a.xml", receipt())
    (found,) = ClientFolders(client.root).complete(NOW)
    assert found.name == "InBox/a.xml"
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(DeliveryError):
        read_file(found)


def test_a_file_that_is_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    client = Client(tmp_path)
    path = client.put("OutBox/a.zip", b"")
    os.truncate(path, MAX_FILE_BYTES + 1)
    os.utime(path, (NOW - 60, NOW - 60))
    (found,) = ClientFolders(tmp_path).complete(NOW)
    with pytest.raises(DeliveryError, match="at most"):
        read_file(found)


def test_each_member_of_a_zip_is_a_message(tmp_path: Path) -> None:
    client = Client(tmp_path)
    client.put("SentBox/a.zip", zipped({"folder/": b"", "folder/1.xml": receipt("L"), "2.xml": receipt("P")}))
    (found,) = ClientFolders(tmp_path).complete(NOW)
    pieces = read_file(found)
    assert pieces is not None
    assert [(piece.place, piece.fault) for piece in pieces] == [("folder/1.xml", ""), ("2.xml", "")]


@pytest.mark.parametrize("present", [False, True])
def test_a_folder_that_is_not_there_or_is_another_is_told(tmp_path: Path, present: bool) -> None:
    folder = tmp_path / "ImpPath"
    if present:
        folder.mkdir()
    with pytest.raises(SourceUnavailableError, match="ImpPath"):
        names(ClientFolders(folder))


def test_what_comes_out_of_refused_members_counts_too() -> None:
    with pytest.raises(DeliveryError, match="unpacks to more"):
        list(unpack(zipped({f"{place}.xml": b"\0" * (MAX_BYTES + 1) for place in range(9)})))
