"""boto3 clients with short time-outs and few, known retries."""

import os
from typing import Any

import boto3
from botocore.config import Config

from monthclose.once import made_once


def _s3() -> dict[str, Any]:
    """Settings for links to objects: by default boto3 signs them by old rules, for an address that may redirect.

    An emulator has no host names for buckets.
    """
    emulated = "AWS_ENDPOINT_URL" in os.environ
    return {"signature_version": "s3v4", "s3": {"addressing_style": "auto" if emulated else "virtual"}}


@made_once
def client(service: str, *, retries: int = 4, read_timeout: int = 20) -> Any:
    """Make a client, once per process: one at a time, as boto3 asks for.

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


def share_session(session: Any) -> None:
    """Let boto3 make its clients by another's session: each session reads AWS's models, and inspects 250 handlers.

    Parameters
    ----------
    session : botocore.session.Session
        PynamoDB's.
    """
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session(botocore_session=session)
