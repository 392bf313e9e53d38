"""What the department's page shows its own people: text and nothing else, in two languages, each view logged."""

from __future__ import annotations

import re

import pytest

from nodes.runtime.pages.guard import POLICY
from nodes.runtime.pages.views import View, ViewLog
from tests.support.databases import database_in
from tests.support.desk import HOSTILE, PAGES, Desk, OneIntake, Visitor
from tests.support.four_eyes import LI


def test_every_page_comes_with_the_headers_that_keep_it_to_itself(still: Desk, reader: Visitor) -> None:
    visitor = reader
    for path in (*PAGES, "/sign-in", "/nothing"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"


def test_no_page_has_a_script_or_a_style_of_its_own(still: Desk, reader: Visitor) -> None:
    visitor = reader
    for path in (*PAGES, f"/contributions/{still.held()[0]}", "/nothing"):
        tags = " ".join(re.findall(r"<[^>]+>", visitor.get(path).text))
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://", tags), path
        assert re.findall(r"<script[^>]*>", tags) == re.findall(r'<script src="/static/pages/xinqiao.js[^>]*" defer>', tags)


def test_what_others_wrote_is_text_and_nothing_else(still: Desk, reader: Visitor) -> None:
    visitor = reader
    for path, times in (("/quarantine", 3), ("/connectors", 2)):
        text = visitor.get(path).text.partition("<main")[2]
        assert "<script" not in text
        assert "<img" not in text
        assert text.count("&lt;script&gt;alert(") == times


def test_what_waits_in_quarantine_has_the_number_by_which_commands_name_it(still: Desk, reader: Visitor) -> None:
    text = reader.get("/quarantine").text
    assert "No." in text
    assert all(f'<th scope="row" class="number">{part.number}</th>' in text for part in OneIntake().aside)


def test_lists_are_searched_sorted_and_taken_away_without_a_formula(still: Desk, reader: Visitor) -> None:
    assert "Everything was taken." in reader.get("/quarantine?q=nothing-like-this").text
    rows = reader.get("/quarantine?format=csv").content.decode("utf-8-sig").splitlines()
    assert (rows[0].split(",")[0], rows[1].split(",")[0]) == ("No.", "1")
    assert reader.get("/connectors?format=xlsx").content.startswith(b"PK")
    assert [view.person for view in views(still) if view.page == "/quarantine"]


def views(desk: Desk) -> list[View]:
    return ViewLog(database_in(desk.directory.parent / "pages", "pages"), lambda: 0).of("*")


def test_the_reason_of_a_rejection_is_text_too(desk: Desk) -> None:
    visitor, contribution = desk.signed_in(), desk.held()[0]
    assert visitor.decide(LI, [contribution], "reject", HOSTILE).status_code == 303
    text = visitor.get(f"/contributions/{contribution}").text.partition("<main")[2]
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_every_page_is_chinese_first_with_an_english_switch(still: Desk) -> None:
    visitor = still.signed_in()
    for path, zh, en in (
        ("/outgoing", "修订号", "revision"),
        ("/coverage", "缺数据的企业", "enterprises without data"),
        ("/quarantine", "位置", "Place"),
    ):
        for language, tongue, there, other in (("zh", "zh-CN", zh, en), ("en", "en", en, zh)):
            visitor.get(f"/language?to={language}&back=/outgoing")
            text = visitor.get(path).text.partition("<main")
            assert f'<html lang="{tongue}">' in text[0]
            assert there in text[2]
            assert other not in text[2]


def test_the_page_shows_what_leaves_and_nothing_of_one_enterprise(still: Desk, reader: Visitor) -> None:
    text = reader.get("/outgoing").text
    assert "patents" in text
    assert "epoch-1995" in text
    stored = still.node.office.store.period("1995")
    assert not any(uscc in text for uscc in stored)


def test_each_view_is_logged_with_who_and_what_but_no_content(still: Desk, reader: Visitor, capsys: pytest.CaptureFixture[str]) -> None:
    visitor = reader
    capsys.readouterr()
    visitor.get("/quarantine")
    out = capsys.readouterr()
    said = out.out + out.err
    assert "page.viewed" in said
    assert LI in said
    assert "/quarantine" in said
    assert "script" not in said
    still.visitor().sign_in("a password typed into the wrong field", "x")
    out = capsys.readouterr()
    assert "page.sign_in_refused" in out.out + out.err
    assert "wrong field" not in out.out + out.err
