"""Options and order of the whole suite, and how Hypothesis tries things: never with a deadline, as a busy machine is no
failure. `make test-fast` tries fewer examples, `make stories` more.
"""

import gc

import pytest
from hypothesis import settings

settings.register_profile("monthclose", deadline=None, max_examples=10)
settings.register_profile("fast", deadline=None, max_examples=6)
settings.register_profile("stories", deadline=None, max_examples=85)
settings.load_profile("monthclose")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--endpoint-url",
        help="run the integration tests on this LocalStack-compatible AWS instead of their own; it must be empty",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark by folder what `make test-fast` leaves out."""
    if item.nodeid.startswith("tests/simulation/"):
        item.add_marker("simulation")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, once the order is shuffled: at the end, one worker would do it while others idle."""
    items.sort(key=lambda item: not (item.get_closest_marker("simulation") or item.get_closest_marker("long")))


def pytest_collection() -> None:
    """Import all tests without looking for garbage: nothing of it is any."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that was imported, which stays: it took a seventh of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
