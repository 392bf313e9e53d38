"""The life of a file in a drop folder: when it is taken, that it is put away whatever lies there, and that no crash loses it [C4]."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path

import pytest

from connectors.errors import DeliveryError, SourceUnavailableError
from connectors.files.folder import DONE, FAILED, QUARANTINE
from connectors.records import Delivery, Malformed, Outcome
from tests.support.connecting import MAPPING, row, table
from tests.support.drop_folder import deliveries


def test_files_that_are_not_complete_are_left_alone(inbox: Path) -> None:
    for name in ("a.csv.tmp", ".a.csv", "~$a.csv", "a.txt", "a.csv.part"):
        (inbox / name).write_text(table(row(0)))
    (inbox / "b.csv").mkdir()
    assert deliveries(inbox) == []
    mapping = inbox.parent / "tax.yaml"
    mapping.write_text(MAPPING.replace("quiet_s: 0", "quiet_s: 3600"), encoding="utf-8")
    (inbox / "growing.csv").write_text(table(row(0)))
    os.utime(inbox / "growing.csv", (1, 1))  # an old time of writing says nothing: it can be set
    assert deliveries(inbox) == []


def test_files_come_in_the_order_of_their_writing(inbox: Path) -> None:
    for place, name in enumerate(("c.csv", "a.csv", "b.csv")):
        (inbox / name).write_text(table(row(0)))
        os.utime(inbox / name, (place + 1, place + 1))
    assert [delivery.name for delivery in deliveries(inbox)] == ["c.csv", "a.csv", "b.csv"]


def test_settling_again_changes_nothing_and_touches_no_newer_file(inbox: Path) -> None:
    path = inbox / "a.csv"
    path.write_text(table(row(0)))
    (delivery,) = deliveries(inbox)
    list(delivery.items())
    delivery.settle(Outcome.TAKEN, ())
    delivery.settle(Outcome.TAKEN, ())
    path.write_text(table(row(1)))
    delivery.settle(Outcome.TAKEN, ())
    assert path.read_text() == table(row(1))
    assert (inbox / DONE / "a.csv").read_text() == table(row(0))


def test_a_file_that_was_read_before_a_crash_is_put_away_without_being_read(inbox: Path) -> None:
    path = inbox / "a.csv"
    path.write_text(table(row(0)))
    (before,) = deliveries(inbox)
    (after,) = deliveries(inbox)
    assert before.digest == after.digest
    refused = tuple(item for item in after.items() if isinstance(item, Malformed))
    after.settle(Outcome.TAKEN, refused)
    assert list(inbox.glob("*.csv")) == []


def test_another_file_of_the_same_name_is_kept_beside_the_first(inbox: Path) -> None:
    for place in (0, 1, 1):
        (inbox / "a.csv").write_text(table(row(place)))
        (delivery,) = deliveries(inbox)
        delivery.settle(Outcome.TAKEN, ())
    assert sorted(path.read_text() for path in (inbox / DONE).iterdir()) == sorted([table(row(0)), table(row(1))])


def test_what_was_refused_is_copied_for_whoever_corrects_it_and_computes_nothing_there(inbox: Path) -> None:
    (inbox / "a.csv").write_text(table(row(0), "=HYPERLINK(0)" + row(1)[18:]))
    (delivery,) = deliveries(inbox)
    refused = tuple(item for item in delivery.items() if isinstance(item, Malformed))
    delivery.settle(Outcome.PARTLY, refused)
    (copy,) = (inbox / QUARANTINE).iterdir()
    text = copy.read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    lines = text.decode("utf-8-sig").splitlines()
    assert lines[0] == "位置 place,字段 field,原因 reason,内容 content"
    assert lines[1].startswith('line 3,uscc,"length')
    assert ",\"'=HYPERLINK(0)" in lines[1]
    delivery.settle(Outcome.PARTLY, refused)
    assert copy.read_bytes() == text


@pytest.mark.parametrize("name", [DONE, FAILED, QUARANTINE])
def test_nothing_leaves_the_watched_folder_by_a_link_in_the_place_of_one_of_ours(inbox: Path, tmp_path: Path, name: str) -> None:
    records = tmp_path / "records"
    records.mkdir()
    (inbox / name).symlink_to(records)
    (inbox / "a.csv").write_text(table(row(0), row(1)[18:]))
    (delivery,) = deliveries(inbox)
    refused = tuple(item for item in delivery.items() if isinstance(item, Malformed))
    with pytest.raises(SourceUnavailableError, match="put away"):
        delivery.settle(Outcome.REFUSED if name == FAILED else Outcome.PARTLY, refused)
    assert list(records.iterdir()) == []
    assert (inbox / "a.csv").exists()
    (inbox / name).unlink()
    delivery.settle(Outcome.PARTLY, refused)
    assert (inbox / DONE / "a.csv").is_file()


def test_a_copy_is_written_to_a_file_of_ours_whatever_lies_there(inbox: Path, tmp_path: Path) -> None:
    (inbox / "a.csv").write_text(table(row(0), row(1)[18:]))
    (delivery,) = deliveries(inbox)
    refused = tuple(item for item in delivery.items() if isinstance(item, Malformed))
    copy = inbox / QUARANTINE / f"a.csv.{delivery.digest[:12]}.csv"
    copy.parent.mkdir()
    other = tmp_path / "other"
    other.write_text("other")
    copy.symlink_to(other)
    copy.with_name(f".{copy.name}.tmp").symlink_to(other)
    delivery.settle(Outcome.PARTLY, refused)
    assert copy.is_file()
    assert not copy.is_symlink()
    assert other.read_text() == "other"


def test_a_name_that_would_act_on_a_terminal_or_is_as_long_as_can_be_is_shown_and_put_away(inbox: Path) -> None:
    for name in (b"\x1b]0;x\x07\xc2\x9b2J\xe2\x80\xae.csv", b"x" * 251 + b".csv"):
        (inbox / os.fsdecode(name)).write_text(table(row(0), row(1)[18:]))
    assert "\\x1b]0;x\\x07\\x9b2J\\u202e.csv" in {delivery.name for delivery in deliveries(inbox)}
    for delivery in deliveries(inbox):
        assert delivery.name.isprintable()
        assert len(delivery.name) <= 200
        delivery.settle(Outcome.PARTLY, tuple(item for item in delivery.items() if isinstance(item, Malformed)))
    assert (len(list((inbox / DONE).iterdir())), len(list((inbox / QUARANTINE).iterdir()))) == (2, 2)


def test_a_link_is_not_followed_and_is_put_away_as_itself(inbox: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(table(row(0)))
    (inbox / "a.csv").symlink_to(secret)
    (delivery,) = deliveries(inbox)
    with pytest.raises(DeliveryError, match="not a file"):
        list(delivery.items())
    delivery.settle(Outcome.REFUSED, ())
    assert (inbox / FAILED / "a.csv").is_symlink()
    assert secret.exists()


def test_a_pipe_does_not_stop_the_reader(inbox: Path) -> None:
    os.mkfifo(inbox / "a.csv")
    (delivery,) = deliveries(inbox)
    with pytest.raises(DeliveryError, match="not a regular file"):
        list(delivery.items())


def test_a_file_that_changes_while_it_is_read_is_read_again_later(inbox: Path) -> None:
    path = inbox / "a.csv"
    path.write_text(table(row(0), row(1)))
    (delivery,) = deliveries(inbox)
    items = delivery.items()
    next(items)
    path.write_text(table(row(2)))
    with pytest.raises(SourceUnavailableError, match="changed while it was read"):
        list(items)
    path.write_text(table(row(0)))
    with pytest.raises(SourceUnavailableError, match="changed"):
        list(delivery.items())
    (again,) = deliveries(inbox)
    assert len(list(again.items())) == 1


def test_a_file_over_the_bound_is_refused_unread(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (inbox / "a.csv").open("wb") as file:
        file.truncate((512 << 20) + 1)  # a hole: it takes no room
    (delivery,) = deliveries(inbox)
    with pytest.raises(DeliveryError, match="a file has at most"):
        list(delivery.items())
    delivery.settle(Outcome.REFUSED, ())
    assert (inbox / FAILED / "a.csv").exists()


def test_a_folder_that_is_not_there_is_unavailable(inbox: Path) -> None:
    inbox.rmdir()
    with pytest.raises(SourceUnavailableError, match="does not exist"):
        deliveries(inbox)


def settled_but_killed(delivery: Delivery, refused: tuple[Malformed, ...], before: int) -> bool:
    """Settle in a process of its own that dies before its file operation number ``before``; whether it came to its end."""
    child = os.fork()
    if child == 0:
        done = itertools.count(1)

        def die(event: str, _arguments: object) -> None:
            if event in {"open", "os.mkdir", "os.rename", "os.remove"} and next(done) == before:
                os._exit(9)

        sys.addaudithook(die)
        delivery.settle(Outcome.PARTLY, refused)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_crash_at_any_step_of_putting_away_loses_nothing_and_is_made_good(inbox: Path) -> None:
    data = table(row(0), row(1, staff="x"))
    for before in itertools.count(1):
        path = inbox / "a.csv"
        path.write_text(data)
        (delivery,) = deliveries(inbox)
        refused = tuple(item for item in delivery.items() if isinstance(item, Malformed))
        ended = settled_but_killed(delivery, refused, before)
        for again in deliveries(inbox):
            assert again.digest == delivery.digest
            again.settle(Outcome.PARTLY, refused)
        assert not path.exists()
        assert [kept.read_text() for kept in (inbox / DONE).iterdir()] == [data]
        assert [kept.name for kept in (inbox / QUARANTINE).iterdir()] == [f"a.csv.{delivery.digest[:12]}.csv"]
        if ended:
            assert before > 6, "there are steps to die at"
            break
        shutil.rmtree(inbox / DONE)
        shutil.rmtree(inbox / QUARANTINE)
