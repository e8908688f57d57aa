"""boto3 clients, made on purpose: short time-outs, few and known retries."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config


@cache
def client(service: str, *, retries: int = 4) -> Any:
    """Make a client, once per process.

    Parameters
    ----------
    retries : int
        How often the SDK repeats a failed call by itself; 0 for calls that must not happen twice.
    """
    config = Config(connect_timeout=3, read_timeout=20, retries={"total_max_attempts": retries + 1, "mode": "standard"})
    return boto3.client(service, config=config)  # type: ignore[call-overload]
