"""The documents are true in what a program can check: links, commands, rule numbers, refusal reasons, words."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from protos.errors import CATALOGUE
from scoring.statements import DisclosurePolicy, Outcome
from tests.support.reasons import receipt_reasons
from xinqiao import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = sorted(
    path
    for folder in ("crypto", "scoring", "connectors", "protos", "nodes", "gateway", "simulators", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "_pb2" not in path.name
)
SPECS = sorted((ROOT / "docs" / "specs").glob("*.md"))

_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:`|^|/bin/|\)/)xinqiao ([a-z][a-z|-]*)((?: [a-z][a-z|-]*)?)(?=[\s`])", re.MULTILINE)
_NUMBER = r"[PLM][1-9]\d?(?:\.\d{1,2})?"
_BRACKETS = re.compile(rf"\[({_NUMBER}(?:[^\[\]\n]*))\]|#\s+({_NUMBER}\b[^\n]*)")
_DEFINITION = re.compile(rf"^(?:#+ |\*\*)({_NUMBER})\b", re.MULTILINE)


def prose(path: Path) -> str:
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """GitHub's anchors of a document's headings."""
    found = set()
    for line in prose(path).splitlines():
        if line.startswith("#"):
            title = re.sub(r"[`*]", "", line.lstrip("#").strip().lower())
            found.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_internal_links_resolve(document: Path) -> None:
    broken = []
    for target in _LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@cache
def defined_numbers() -> frozenset[str]:
    return frozenset(number for path in SPECS for number in _DEFINITION.findall(path.read_text(encoding="utf-8")))


def cited_numbers(text: str) -> set[str]:
    """Rule numbers in brackets ``[P1.4, P5.3 (5)]`` or at the head of a comment ``# P5.3``."""
    found: set[str] = set()
    for bracket, comment in _BRACKETS.findall(text):
        found |= set(re.findall(rf"(?<![\w.-]){_NUMBER}(?![\w-])", bracket or comment))
    return found


def test_rules_are_numbered_without_gaps() -> None:
    defined = defined_numbers()
    assert {f"P{i}" for i in range(1, 9)} | {f"L{i}" for i in range(1, 10)} | {f"M{i}" for i in range(1, 5)} <= defined
    for section, last in (("P1", 7), ("P2", 5), ("P3", 3), ("P4", 6), ("P6", 7), ("P7", 3)):
        assert {f"{section}.{i}" for i in range(1, last + 1)} <= defined


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_rule_numbers_cited_in_code_exist(source: Path) -> None:
    assert cited_numbers(source.read_text(encoding="utf-8")) - defined_numbers() == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_rule_numbers_cited_in_documents_exist(document: Path) -> None:
    assert cited_numbers(document.read_text(encoding="utf-8")) - defined_numbers() == set()


@pytest.mark.parametrize("path", [*SOURCES, *DOCUMENTS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_cites_a_document_that_is_not_here(path: Path) -> None:
    if path != Path(__file__):
        assert re.findall(r"(?<=\s)[\[(]0[1-8](?:\](?!-)|\)|, )|, 0[1-8][\])](?!-)", path.read_text(encoding="utf-8")) == []


def test_citations_are_found_in_both_forms() -> None:
    assert cited_numbers("checks it [P1.4, P5.3 (5)]\n# P5.3: why\nx = 1  # not P-256 nor S1 [L6]") == {"P1.4", "P5.3", "L6"}


def commands() -> dict[str, frozenset[str]]:
    """Command -> its subcommands (none for a plain command), as ``xinqiao --help`` lists them."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return {name: frozenset(getattr(command, "commands", ())) for name, command in root.commands.items()}


def documented_commands() -> set[tuple[str, str]]:
    """(command, next word or empty) of every ``xinqiao …`` in code spans, code blocks and the Makefile."""
    found = set()
    for document in [*DOCUMENTS, ROOT / "Makefile"]:
        for first, second in _COMMAND.findall(document.read_text(encoding="utf-8")):
            found |= {(word, second.strip()) for word in first.split("|")}
    return found


def test_commands_named_in_documents_exist() -> None:
    named, there = documented_commands(), commands()
    assert {first for first, _ in named} <= set(there)
    for first, second in named:
        if there[first] and second:
            assert set(second.split("|")) <= there[first], f"xinqiao {first} {second}"


def test_every_command_is_documented() -> None:
    named = {(first, word) for first, second in documented_commands() for word in second.split("|")}
    there = {(first, second) for first, group in commands().items() for second in group}
    assert there - named == set()
    assert set(commands()) - {first for first, _ in named} == set()


def test_make_targets_named_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", document.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_refusal_reasons_named_in_documents_are_of_the_catalogue(document: Path) -> None:
    named = set(re.findall(r"`((?!XINQIAO_)[A-Z][A-Z]+(?:_[A-Z]+)+)`", document.read_text(encoding="utf-8")))
    assert named - {row.reason for row in CATALOGUE.values()} - receipt_reasons() - audit_codes() - set(get_args(Outcome)) == set()


def test_every_reason_of_the_receipt_verifier_is_documented() -> None:
    text = (ROOT / "docs" / "specs" / "receipt.md").read_text(encoding="utf-8")
    assert {reason for reason in receipt_reasons() if f"`{reason}`" not in text} == set()


def audit_codes() -> set[str]:
    """Codes that an audit can give by itself, as written in its source; those of receipts with their prefix."""
    names = ("auditor/audit", "evidence/contents", "evidence/documents", "evidence/mirror", "evidence/tree")
    sources = [*(ROOT / "nodes" / f"{name}.py" for name in names), ROOT / "scoring" / "audit.py"]
    found = {code for source in sources for code in codes_in(source)}
    shown = {"BEYOND_LOG", "TICKET_VOID"}
    outcomes = {*get_args(Outcome)}
    drawn = codes_in(ROOT / "scoring" / "draws" / "findings.py") - outcomes | {f"DRAW_{outcome}" for outcome in outcomes - {"AGREES"}}
    return found - shown | {f"RECEIPT_{reason}" for reason in (*shown, "FORK")} | drawn


def codes_in(source: Path) -> set[str]:
    return set(re.findall(r'"([A-Z]{3,}_[A-Z_]*[A-Z])"', source.read_text(encoding="utf-8")))


def test_every_code_of_an_audit_is_documented_and_no_other() -> None:
    text = (ROOT / "docs" / "specs" / "log.md").read_text(encoding="utf-8")
    section = text.partition("## Findings of an audit")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([A-Z]{3,}_[A-Z_]*[A-Z])`", section)) - {"RECEIPT_FORMAT"}
    assert named == audit_codes()


def test_every_word_of_the_glossary_has_one_meaning() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = [word for row in rows for word in row.split(", ")]
    assert len(words) > 40
    assert len(words) == len(set(words))
    firsts = [row.split(", ")[0].lower() for row in rows]
    assert firsts == sorted(firsts), "in alphabetical order"


def test_the_operator_guide_names_every_part_of_the_disclosure_policy_with_its_default() -> None:
    section = (ROOT / "docs" / "operator-guide.md").read_text(encoding="utf-8").split("### The disclosure policy", 1)[1].split("\n## ", 1)[0]
    said: dict[str, int] = {}
    for names, defaults in re.findall(r"^\| (`[a-z_`, ]+) \| ([\d, ]+)", section, re.MULTILINE):
        said |= dict(zip(re.findall(r"`(\w+)`", names), map(int, re.findall(r"\d+", defaults)), strict=True))
    assert said == DisclosurePolicy().model_dump()
