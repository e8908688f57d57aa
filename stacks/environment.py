"""What the functions are told, which must fit into their environment."""

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack

from monthclose.names import Env
from stacks.config import ConfigError

_LIMIT = 4096
"""In bytes, for all variables of a function together, as JSON: so Lambda measures them, quotes of texts escaped."""
_SINGLE_ONES = 300
"""What some functions have beside it: where links lead, a provider's name, Powertools' settings."""
_NAME, _ADDRESS = 66, 120
"""The longest names of tables and buckets; of queues' addresses and secrets' ARNs. They are known once deployed."""


def check_environment(stack: Stack, environment: Mapping[Env, str]) -> None:
    """See that the settings fit; else CloudFormation would find out, half-way through a deployment.

    Raises
    ------
    ConfigError
        They don't.
    """
    told = {env.value: _text(stack.resolve(value), _NAME) for env, value in environment.items()}
    size = len(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()) + _SINGLE_ONES
    if size > _LIMIT:
        raise ConfigError(
            f"the settings are too long for the functions' environment: {size} bytes, {_LIMIT} are possible\n"
            "shorten what invoices say of the company (company), or deploy with fewer providers"
        )


def _text(value: Any, unknown: int) -> str:
    """Write a value about as long as it will be, with some length for what is not known yet."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:  # JSON with queues' addresses or a secret's ARN in it
        return "".join(_text(part, _ADDRESS) for part in value["Fn::Join"][1])
    return "x" * unknown
