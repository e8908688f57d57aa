"""`monthclose dashboard`: what it prints, and what is vendored with it."""

import hashlib
import json
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn

from tests.unit.cli.driving import Command

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "cli" / "dashboard" / "static"
HTMX = ROOT / "node_modules" / "htmx.org"


@pytest.fixture
def served_once(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response]:
    """Let the server answer one request for the first page, and end as by Ctrl-C."""
    answers = list[httpx.Response]()
    run = uvicorn.Server.run

    def once(server: uvicorn.Server, sockets: list) -> None:  # type: ignore[type-arg]
        thread = threading.Thread(target=run, args=(server, sockets), daemon=True)
        thread.start()
        answers.append(httpx.get(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"))
        server.should_exit = True
        thread.join(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", once)
    return answers


def test_it_prints_the_address_with_its_key_and_ends_with_ctrl_c(
    monthclose: Command, served_once: list[httpx.Response]
) -> None:
    said = monthclose("dashboard", "--operate", "--by", "ada")
    assert "the dashboard is at http://127.0.0.1:" in said.stdout
    assert "/start?key=" in said.stdout
    assert "what is done there is done by ada; Ctrl-C ends it" in said.stderr
    assert [answer.status_code for answer in served_once] == [403]


def test_in_json_it_prints_the_address(monthclose: Command, served_once: list[httpx.Response]) -> None:
    answer = json.loads(monthclose("dashboard", "--json").stdout)
    assert answer["url"].startswith("http://127.0.0.1:")
    assert answer["operate"] is False


def test_what_is_vendored_is_what_npm_has_with_its_licence() -> None:
    """package-lock.json has the hash that npm checks the package by."""
    assert _hash(STATIC / "htmx.min.js") == _hash(HTMX / "dist" / "htmx.min.js")
    assert _hash(STATIC / "htmx.LICENSE.txt") == _hash(HTMX / "LICENSE")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
