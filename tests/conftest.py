"""Options of the whole suite, and how Hypothesis tries things: without a deadline, for a busy machine is no failure."""

import pytest
from hypothesis import settings

settings.register_profile("monthclose", deadline=None, max_examples=60)
settings.load_profile("monthclose")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--endpoint-url",
        help="run the integration tests on this LocalStack-compatible AWS instead of their own; it must be empty",
    )
