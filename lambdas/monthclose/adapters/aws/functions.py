"""Asking a function and waiting for its answer: Lambda."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import HTTPClientError, ReadTimeoutError

from monthclose.errors import BrokeOffError

_LONGEST_SECONDS = 900
"""The longest time-out of a function (AWS Lambda's guide, "Lambda quotas")."""
_AGAIN = "what is done stays done; run the command again"


class LambdaFunction:
    """A function that is called by name, once for each request: never again by the SDK itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        config = Config(
            connect_timeout=3,
            read_timeout=_LONGEST_SECONDS + 10,
            retries={"total_max_attempts": 1, "mode": "standard"},
            tcp_keepalive=True,  # networks forget connections on which nothing moves for minutes
        )
        self._client = boto3.client("lambda", config=config)

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a request and wait for the answer, up to a quarter of an hour.

        Raises
        ------
        BrokeOffError
            It did not answer in time, or failed; what is done stays done.
        botocore.exceptions.ClientError
            The caller may not call it, or it is not there.
        """
        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=json.dumps(request).encode())
            content = json.loads(answer["Payload"].read())
        except ReadTimeoutError:
            raise BrokeOffError(
                f"the function {self._name} did not answer within a quarter of an hour\n{_AGAIN}"
            ) from None
        except HTTPClientError as error:
            raise BrokeOffError(f"the connection broke off: {type(error).__name__}\n{_AGAIN}") from error
        if answer.get("FunctionError"):
            said = f"{content.get('errorType', 'unknown')}: {content.get('errorMessage', 'no message')}"
            raise BrokeOffError(f"the function {self._name} failed: {said}\n{_AGAIN}; its log says more")
        found: Mapping[str, Any] = content
        return found
