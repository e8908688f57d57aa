"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--endpoint-url",
        help="run the integration tests on this LocalStack-compatible AWS instead of their own; it must be empty",
    )
