"""The examples in docstrings that tell the author of a provider what to answer."""

import doctest
from types import ModuleType

import pytest

from monthclose.domain.payments import charge_limits
from monthclose.ports import gateway


@pytest.mark.parametrize("module", [gateway, charge_limits], ids=["gateway", "charge limits"])
def test_the_examples_in_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
