"""Checks that the settings fit into the functions' environment."""

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack

from monthclose.names import Env
from stacks.config import ConfigError

_LIMIT = 4096
"""In bytes, for all variables of a function together, as JSON with quotes escaped: that is what Lambda measures."""
_OTHERS = 300
"""In bytes: the variables that only some functions have (where links lead, a provider's name), and Powertools'."""
_NAME, _ADDRESS = 66, 120
"""The longest name of a table or bucket; the longest address of a queue or ARN of a secret. Known once deployed."""


def check_environment(stack: Stack, environment: Mapping[Env, str]) -> None:
    """Check that the settings fit before anything is deployed: CloudFormation would find out half-way through.

    Raises
    ------
    ConfigError
        If they don't fit.
    """
    variables = {env.value: _text(stack.resolve(value), _NAME) for env, value in environment.items()}
    size = len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode()) + _OTHERS
    if size > _LIMIT:
        raise ConfigError(
            f"the settings are too long for the functions' environment: {size} bytes, {_LIMIT} at most\n"
            "shorten what invoices say about the company (company), or deploy with fewer providers"
        )


def _text(value: Any, unknown: int) -> str:
    """Write a value about as long as it will be: parts that are known once deployed count at their longest."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:  # JSON with queues' addresses or a secret's ARN in it
        return "".join(_text(part, _ADDRESS) for part in value["Fn::Join"][1])
    return "x" * unknown
