"""A browser, and the dashboard over a world in memory. `visit(...)` opens a window; see tests/browser/visiting.py."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import launching
from tests.browser.visiting import Served, Visitor, served, visiting
from tests.unit.cli.driving import Command, FakeMachine
from tests.world import World


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONTHCLOSE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Open one for each module: meanwhile the thread has an event loop, which other modules' tests could not have."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(**launching())
        yield made
        made.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def machine(world: World) -> FakeMachine:
    return FakeMachine(world)


@pytest.fixture
def operate() -> bool:
    """Whether the dashboard may change something."""
    return False


@pytest.fixture
def dashboard(world: World, machine: FakeMachine, operate: bool) -> Iterator[Served]:
    with served(Command(world, machine).system, operate=operate) as found:
        yield found


@pytest.fixture
def visit(browser: Browser, dashboard: Served) -> Iterator[Callable[..., Visitor]]:
    """Open the dashboard: `visit()`, `visit(TELEPHONE, "dark")`."""
    with ExitStack() as windows:
        yield lambda *how, **more: windows.enter_context(visiting(browser, dashboard, *how, **more))


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()
