"""What the docs name exists: links and anchors, paths of code, commands and their options."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "bench" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
MADE_BY_GUIDES = {"adapters/wallet/gateway.py", "adapters/wallet/webhooks.py", "sandbox/wallet.py"}
"""Files that a reader is to write; docs/adding-a-provider.md shows them whole."""
IN_BUCKETS = ("usage/", "rejects/", "reports/", "packs/", "carried/", "dead-letters/")
"""Prefixes of objects: they look like paths of code."""
BESIDE_CODE = ("", "lambdas/monthclose/")
"""Where a path that a page names may begin."""
CODE = re.compile(r"[\w./-]+\.(py|json|toml|j2|typ|md)|[a-z_]+(/[\w-]+)*/")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """The code within a page's sentences; a span may go on in the next line."""
    return [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose(text))]


def anchor(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose(page.read_text()), re.MULTILINE)}


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_to_an_existing_file_and_heading(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(TEXTS[name])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name}: {target}"
        if fragment:
            assert fragment in anchors(file), f"{name}: {target}"


def test_the_index_lists_every_page() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", TEXTS["docs/README.md"]))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} == listed


@pytest.mark.parametrize("name", TEXTS)
def test_every_path_named_in_the_docs_exists(name: str) -> None:
    for path in (span for span in spans(TEXTS[name]) if CODE.fullmatch(span)):
        if path in MADE_BY_GUIDES or path.startswith(IN_BUCKETS) or "/" not in path:
            continue
        assert any((ROOT / beside / path).exists() for beside in BESIDE_CODE), f"{name}: {path}"


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_named_without_its_folder_exists_somewhere(name: str) -> None:
    for file in (span for span in spans(TEXTS[name]) if re.fullmatch(r"\w+\.py", span)):
        found = [
            path for folder in ("lambdas", "cli", "stacks", "sandbox", "tests") for path in (ROOT / folder).rglob(file)
        ]
        assert found or (ROOT / file).exists(), f"{name}: {file}"


@cache
def root() -> Any:
    return typer.main.get_command(app)


def at(*words: str) -> Any:
    """The command that words name, in the tree of commands; None if there is none."""
    command = root()
    for word in words:
        if not hasattr(command, "get_command"):
            return None
        command = command.get_command(command.context_class(command), word)
    return command


def leaves(*words: str) -> Iterator[str]:
    """All commands that do something, by their words."""
    command = at(*words)
    names = command.list_commands(command.context_class(command)) if hasattr(command, "list_commands") else []
    if words and (not names or command.invoke_without_command):
        yield " ".join(words)
    for name in names:
        yield from leaves(*words, name)


def written_commands(text: str) -> Iterator[list[str]]:
    """The words of every `monthclose …` that a page shows, in sentences and in blocks."""
    for span in spans(text):
        if re.match(r"monthclose [a-z]", span):
            yield span.split()
    for _, block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&& | \| ", line.removeprefix("$ ")):
                if re.match(r"monthclose [a-z]", part.strip()):
                    yield shlex.split(part, comments=True)


def check_command(words: list[str], name: str) -> None:
    """See that a command is there, and every option that is given to it."""
    path = list[str]()
    for word in words[1:]:
        if at(*path, word) is None:
            break
        path.append(word)
    assert path, f"{name}: {' '.join(words)}"
    command = at(*path)
    is_group = hasattr(command, "get_command") and not command.invoke_without_command
    named_as_a_group = len(words) == len(path) + 1 or words[len(path) + 1] == "…"
    assert not is_group or named_as_a_group, f"{name}: {' '.join(words)}"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for word in words[len(path) + 1 :]:
        if word.startswith("--"):
            assert word in known, f"{name}: {' '.join(words)}: {word}"


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_named_in_the_docs_exists_with_its_options(name: str) -> None:
    for words in written_commands(TEXTS[name]):
        check_command(words, name)


OPERATING = TEXTS["docs/operating.md"]


def section(heading: str) -> str:
    """A section of the page on operating."""
    return re.split(r"^## ", OPERATING.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_table_of_commands_has_every_command_and_only_existing_options() -> None:
    rows = re.findall(r"^\| `monthclose ([^`]+)`([^|]*)\|", section("All commands"), re.MULTILINE)
    for words, more in rows:
        check_command(["monthclose", *words.split(), *re.findall(r"`(--[\w-]+)`", more)], "the table")
    assert sorted(words for words, _ in rows) == sorted(leaves())


def test_the_table_of_permissions_has_every_command() -> None:
    cells = re.findall(r"^\| (`[^|]*`) \|", section("Who may run which command"), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    in_it = {leaf for leaf in leaves() if leaf in named or f"{leaf.split()[0]} …" in named}
    assert in_it == set(leaves())
    assert {name for name in named if not name.endswith("…")} <= set(leaves())


def test_the_readme_is_a_front_door() -> None:
    text = TEXTS["README.md"]
    assert len(text.encode()) <= 9 * 1024
    diagram = "".join(block for language, block in FENCE.findall(text) if language == "mermaid")
    long = [line for line in text.splitlines() if len(line) > 120 and line not in diagram]
    assert [line for line in long if not line.startswith("|") and "](" not in line] == []
