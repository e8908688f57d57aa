"""Texts that people read are plain English: wordings that made native readers stumble do not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from monthclose.domain.month import HoldAction, HoldChange
from monthclose.domain.notices.notice import OF_HOLDS, NoticeKind
from monthclose.use_cases.notices.notice_texts import NoticeTexts
from tests.unit.any import OCTOBER, a_customer
from tests.unit.notices.test_notice_texts import OF_INVOICES, a_mail

ROOT = Path(__file__).parents[2]
SCOPE = (
    "lambdas/monthclose",
    "sandbox",
    "cli",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "stacks",
    "statemachines",
    "bench",
)
"""Files and folders whose texts are checked, from the project's root."""


class Wording(NamedTuple):
    """A wording that is not to come back."""

    pattern: str
    """`{}` stands for whatever a text is filled in with."""
    example: str
    better: str


WORDINGS = (
    Wording(r"\bif not (?:said|told)\b", "October if not said", "write the default, as in [default: last month]"),
    Wording(r"\banew\b", "import the table anew", "again; for an invoice: regenerate"),
    Wording(r"\bover (?:\{\}(?! h\b)|[$€£]?\d)", "a credit note over 12.00", "for 12.00"),
    Wording(
        r"\b(?:take|takes|took|taken|taking)(?: \S+){0,4} back\b",
        "we have taken invoice {} back",
        "a credit note credits an invoice, a bank reverses a payment, we claw credit back",
    ),
    Wording(r"\b(?:given|gave|gives?) back\b", "12.00 given back by stripe", "refunded, returned"),
    Wording(r"\btold to nobody\b", "told to nobody", "not announced"),
    Wording(r"\bwho (?:has|have|lacks?) (?:none|it)\b", "empty for who has none", "empty for customers without one"),
    Wording(r"\bmend(?:s|ed|ing)?\b", "close again once that is mended", "fix, correct"),
    Wording(
        r"\bsay (?:the same (?:again|`)|[`\"]?(?:monthclose|make|cdk|invoice)\b)",
        "say the same again",
        "run the same command again, run `monthclose …`",
    ),
    Wording(r"\b(?:go|goes|going|gone|went) on with\b", "it goes on with the rest", "continues with"),
    Wording(r"\bthe more so\b", "the more so as", "especially as"),
    Wording(r"\bby hand of\b", "held by hand of ada", "by ada"),
    Wording(r"\b(?:owed?s?|owes) (?:\{\} )?in all\b", "You owe {} in all", "a total of"),
    Wording(
        r"\bon hold (?:no more|any ?more)\b|\bis on hold since\b",
        "is on hold since May",
        "has been on hold since, is no longer on hold",
    ),
    Wording(r"\b(?:is|are) there twice\b", "the column is there twice", "appears twice"),
    Wording(r"\{\}['\"`]? is no (?!longer\b|later\b|more\b)\w", "{} is no port", "is not a"),
    Wording(r"\bis none of\b", "the country is none of {}", "is not one of"),
    Wording(r"\bcannot be(?=[.;,:)]|$)", "their addresses cannot be", "is invalid, is impossible"),
    Wording(r"\bwaits for you\b", "your payment waits for you", "is waiting for"),
    Wording(r"\b(?:did|does) not suffice\b", "time did not suffice", "ran out, is not enough"),
    Wording(r"\bbriefly unable\b", "S3 is briefly unable", "briefly unavailable"),
    Wording(r"\bat this moment\b", "cannot be shown at this moment", "right now"),
    Wording(r"\bmore than nothing\b", "the amount must be more than nothing", "more than zero"),
    Wording(r"\bnot right(?! now\b| away\b)", "the card number is not right", "incorrect"),
    Wording(r"\bgood until\b", "credit good until May", "valid until"),
    Wording(r"\bgiven out\b", "that number has not been given out", "used, issued"),
    Wording(r"\b(?:looks|looked) at\b", "80 payments looked at", "checked"),
    Wording(r"\bwhat there is\b", "shows what there is", "name it: shows the imports"),
    Wording(
        r"\b(?:file|page|report|table|command|mail)s? tells?\b", "the file tells the columns", "says, lists, names"
    ),
    Wording(r"\bbegun with\b", "3 customers not begun with", "started"),
    Wording(r"\b\w+ of (?:theirs|yours)\b", "credit of theirs covers it", "their credit"),
    Wording(r"\bwhat of (?:it|them|that)\b", "credit, less what of it expired", "the part that"),
    Wording(r"\btimes of\b", "ten times of its size", "ten times its size"),
    Wording(r"\bnot (?:yet )?through with\b", "a close is not through with them", "has not finished"),
    Wording(r"\bnobody takes (?:it )?up\b", "a batch that nobody takes up", "nothing picks up"),
    Wording(r"\bwill not take\b", "mails the service will not take", "refuses, does not accept"),
    Wording(r"\bonce begun ones?\b|\bbegun ones\b", "begun ones count", "part packages count in full"),
    Wording(r"\bmade anew\b|\bmake anew\b", "made anew, it would be", "regenerated"),
)


class Text(NamedTuple):
    """A text that somebody reads, and where it is written."""

    place: str
    words: str


def texts_of(scope: str) -> Iterator[Text]:
    """Collect the texts of a file or of a folder's files, with `{}` for what they are filled in with."""
    path = ROOT / scope
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        place = str(file.relative_to(ROOT))
        match file.suffix:
            case ".py":
                yield from _in_python(place, file.read_text())
            case ".j2" | ".md" | ".typ":
                yield from _in_prose(place, file.read_text(), file.suffix)
            case ".json" if file.name.endswith(".asl.json"):
                yield from _in_definition(place, file.read_text())


def _in_prose(place: str, content: str, suffix: str) -> Iterator[Text]:
    """Yield the paragraphs of a page, or the lines of a Typst template, without their comments."""
    if suffix == ".typ":
        content = "\n\n".join(line.partition("//")[0] for line in content.splitlines())
    content = re.sub(r"\{%.*?%\}|\{#.*?#\}", " ", re.sub(r"\{\{.*?\}\}", _filled_in, content), flags=re.DOTALL)
    line = 1
    for paragraph in re.split(r"(\n\s*\n)", content):
        if paragraph.strip():
            yield Text(f"{place}:{line}", _one_line(paragraph))
        line += paragraph.count("\n")


def _filled_in(found: re.Match[str]) -> str:
    """Keep the words that a template's expression chooses from."""
    return " ".join(["{}", *re.findall(r'"([^"]*)"', found[0])])


def _in_definition(place: str, content: str) -> Iterator[Text]:
    """Yield what a state machine's definition says: its comments, causes and the names of its states."""
    for number, line in enumerate(content.splitlines(), 1):
        for words in re.findall(r'"([^"]* [^"]*)"', line):
            yield Text(f"{place}:{number}", words)


def _in_python(place: str, source: str) -> Iterator[Text]:
    tree = ast.parse(source)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inner |= {id(docstring) for docstring in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inner:
            words = _one_line(_written(node))
            if " " in words:
                yield Text(f"{place}:{node.lineno}", words)


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield strings that stand alone, but not those of commands: they are the commands' help."""
    helps = {
        id(node.body[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if re.search(r"\.(?:command|callback)\(", ast.unparse(decorator))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and id(node) not in helps:
            yield node.value


def _written(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return "".join(str(part) for part in parts)
    return node.value if isinstance(node.value, str) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def stumbles(text: Text) -> list[str]:
    """Say which wordings of a text need to be rephrased."""
    found = [(re.search(wording.pattern, text.words, re.IGNORECASE), wording.better) for wording in WORDINGS]
    return [
        f'{text.place}: "…{text.words[max(hit.start() - 50, 0) : hit.end() + 50]}…": not "{hit[0]}" but {better}'
        for hit, better in found
        if hit
    ]


@pytest.mark.parametrize("scope", SCOPE)
def test_no_text_makes_a_native_reader_stumble(scope: str) -> None:
    texts = list(texts_of(scope))
    assert texts
    assert [line for text in texts for line in stumbles(text)] == []


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_no_mail_makes_a_customer_stumble(kind: NoticeKind) -> None:
    change = HoldChange("C-1", OCTOBER, HoldAction.PLACED, "overdue", OCTOBER.end, 1)
    mail = NoticeTexts("Northwind").hold_mail(a_customer(), kind, change) if kind in OF_HOLDS else a_mail(kind)
    assert kind in (*OF_INVOICES, *OF_HOLDS)
    assert [line for part in (mail.subject, mail.text) for line in stumbles(Text(kind, _one_line(part)))] == []


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.example)
def test_each_wording_is_found(wording: Wording) -> None:
    assert re.search(wording.pattern, wording.example, re.IGNORECASE)


def test_the_parts_of_a_text_are_read_as_one() -> None:
    source = 'raise E(f"a credit note "\n f"over {amount} was taken")\n"""over 12 is a comment."""'
    assert [text.words for text in _in_python("x.py", source)] == ["a credit note over {} was taken"]


def test_the_help_of_a_command_is_a_text() -> None:
    source = '@app.command("x")\ndef x():\n    """Import it anew."""\n\ndef y():\n    """Not for users anew."""'
    assert [text.words for text in _in_python("x.py", source)] == ["Import it anew."]
