"""boto3 clients with short time-outs and few, known retries."""

import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config


def _s3() -> dict[str, Any]:
    """Settings for links to objects: by default boto3 signs them by old rules, for an address that may redirect.

    An emulator has no host names for buckets.
    """
    emulated = "AWS_ENDPOINT_URL" in os.environ
    return {"signature_version": "s3v4", "s3": {"addressing_style": "auto" if emulated else "virtual"}}


@cache
def client(service: str, *, retries: int = 4, read_timeout: int = 20) -> Any:
    """Make a client, once per process.

    Parameters
    ----------
    retries : int
        How often the SDK repeats a failed call by itself; 0 for calls that must not happen twice.
    read_timeout : int
        Seconds that an answer may take.
    """
    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"total_max_attempts": retries + 1, "mode": "standard"},
        **(_s3() if service == "s3" else {}),
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def shared_loader() -> Any:
    """Return what boto3's clients read AWS's models with, so that other clients need not read them again."""
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    session: Any = boto3.DEFAULT_SESSION
    return session._session.get_component("data_loader")
