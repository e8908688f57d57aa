"""DynamoDB's calls without what the SDK does for any service: a third of the CPU (`bench/profiles/README.md`).

A close asks DynamoDB some twenty times for each customer. For each call, the SDK walks the request and the answer along
the service's model (though items are sent as they are written in JSON), evaluates the rules of the endpoint, names
itself, and asks some forty handlers. What is left here is what such a call needs: JSON, a signature (AWS, "Create a
signed AWS API request"), the client's own HTTP session with its time-outs, proxies and certificates, the events that
may refuse or repeat a call, and the SDK's errors.
"""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from urllib3 import exceptions as http_errors

DIRECT_OPERATIONS = frozenset(
    {"BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "DeleteItem", "ExecuteStatement", "GetItem"}
    | {"PutItem", "Query", "Scan", "TransactGetItems", "TransactWriteItems", "UpdateItem"}
)
"""Those on items, whose requests and answers are plain JSON; all others go the SDK's way."""
_TARGET = "DynamoDB_20120810"
_CONTENT_TYPE = "application/x-amz-json-1.0"
_FAILED = 300
_SDKS_WAY: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

type Json = dict[str, Any]


def call_directly(client: Any) -> None:
    """Have a DynamoDB client make its calls on items directly, unless its address has a path, as no DynamoDB's has."""
    if not isinstance(client._make_api_call, DirectCalls) and urlsplit(client.meta.endpoint_url).path in ("", "/"):
        client._make_api_call = DirectCalls(client)


class DirectCalls:
    """Takes the place of a DynamoDB client's `_make_api_call`; any number of threads may call it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._url = f"{client.meta.endpoint_url.rstrip('/')}/"
        self._host = urlsplit(self._url).netloc
        self._agent: str = client._user_agent_creator.to_string()
        self._session = client._endpoint.http_session
        self._proxied = bool(self._session._proxy_config.proxy_url_for(self._url))
        self._pool = self._session._manager.connection_from_url(self._url)
        self._session._setup_ssl_cert(self._pool, self._url, self._session._verify)
        if self._pool.scheme == "https" and self._pool.ca_certs:  # it reads them for each connection, which takes 18 ms
            self._pool.conn_kw["ssl_context"].load_verify_locations(self._pool.ca_certs)
            self._pool.ca_certs = None
        self._models = {name: client.meta.service_model.operation_model(name) for name in DIRECT_OPERATIONS}

    def __call__(self, operation: str, arguments: Mapping[str, Any]) -> Json:
        """Make a call, as often as whoever listens to `needs-retry` says.

        Where somebody has put something in front of all of the SDK's calls, a tracer or a test, it sees these, too.

        Raises
        ------
        ClientError
            DynamoDB refused it.
        BotoCoreError
            It was not answered.
        """
        sdk: Any = BaseClient
        if operation not in DIRECT_OPERATIONS or sdk._make_api_call is not _SDKS_WAY:
            answer: Json = sdk._make_api_call(self._client, operation, arguments)
            return answer
        return self.call(operation, arguments)

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Json:
        """Make a call on items directly; see `__call__`."""
        if operation == "TransactWriteItems" and "ClientRequestToken" not in arguments:
            arguments = {**arguments, "ClientRequestToken": str(uuid.uuid4())}  # repetitions answer like the first
        body = json.dumps(arguments, separators=(",", ":"), default=_text_of).encode()
        handed_on: dict[str, str] = {}
        self._emit("before-call", operation, params={"headers": handed_on})  # its handlers add the trace's header
        attempts = 1
        while True:
            status, answer, error = self._ask(operation, body, handed_on)
            failed = error is not None or status >= _FAILED
            if not failed or not self._again(operation, attempts, None if error else answer, error):
                break
            attempts += 1
        if error is not None:
            raise error
        self._emit("after-call", operation, http_response=None, parsed=answer, context={})
        answer["ResponseMetadata"]["RetryAttempts"] = attempts - 1
        if failed:
            raise self._client.exceptions.from_code(answer["Error"]["Code"])(answer, operation)
        return answer

    def _ask(self, operation: str, body: bytes, handed_on: Mapping[str, str]) -> tuple[int, Json, Exception | None]:
        headers: Any = {**handed_on, **self._headers(operation, body)}
        request: Any = AWSPreparedRequest("POST", self._url, headers, body, stream_output=False)
        try:
            answers = self._client.meta.events.emit(f"before-send.dynamodb.{operation}", request=request)
            found = next((answer for _, answer in answers if answer is not None), None)
            if found is not None or self._proxied:
                http = found or self._session.send(request)
                return http.status_code, _read(http.status_code, http.headers, http.content), None
            return self.send(request.headers, request.body)
        except Exception as error:  # whether it is repeated is for `needs-retry` to say
            return 0, {}, error

    def send(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Json, None]:
        """Send a request through the session's own pool of connections: it has the time-outs and the certificates."""
        try:
            answer = self._pool.urlopen(
                "POST",
                "/",
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                decode_content=False,
            )
        except (http_errors.HTTPError, OSError) as error:
            raise _as_the_sdk(error, self._url) from error
        return answer.status, _read(answer.status, answer.headers, answer.data), None

    def _emit(self, event: str, operation: str, **more: Any) -> None:
        self._client.meta.events.emit(f"{event}.dynamodb.{operation}", model=self._models[operation], **more)

    def _again(self, operation: str, attempts: int, answer: Json | None, error: Exception | None) -> bool:
        """Ask whether to repeat a call; whoever says so has waited already, or says how long to."""
        return bool(
            any(
                waited is not None
                for _, waited in self._client.meta.events.emit(
                    f"needs-retry.dynamodb.{operation}",
                    response=(None, answer) if answer is not None else None,
                    endpoint=self._client._endpoint,
                    operation=self._models[operation],
                    attempts=attempts,
                    caught_exception=error,
                    request_dict={"context": {}},
                )
            )
        )

    def _headers(self, operation: str, body: bytes) -> dict[str, str | bytes]:
        credentials = self._client._request_signer._credentials
        if credentials is None:
            raise NoCredentialsError
        known = credentials.get_frozen_credentials()
        signed = {
            "host": self._host,
            "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            **({"x-amz-security-token": known.token} if known.token else {}),
            "x-amz-target": f"{_TARGET}.{operation}",
        }
        authorization = authorize(signed, body, known.access_key, known.secret_key, self._client.meta.region_name)
        headers: dict[str, str | bytes] = {
            "Host": self._host,
            "X-Amz-Target": signed["x-amz-target"].encode(),  # bytes, as who listens to the SDK's requests has it
            "X-Amz-Date": signed["x-amz-date"],
            "Content-Type": _CONTENT_TYPE,
            "User-Agent": self._agent,
            "Authorization": authorization,
            "Content-Length": str(len(body)),
        }
        if known.token:
            headers["X-Amz-Security-Token"] = known.token
        return headers


def _as_the_sdk(error: Exception, url: str) -> Exception:
    """Make the SDK's error for one of its HTTP library."""
    match error:
        case http_errors.NewConnectionError():
            return EndpointConnectionError(endpoint_url=url, error=error)
        case http_errors.ConnectTimeoutError():
            return ConnectTimeoutError(endpoint_url=url, error=error)
        case http_errors.ReadTimeoutError():
            return ReadTimeoutError(endpoint_url=url, error=error)
        case http_errors.ProtocolError():
            return ConnectionClosedError(error=error, request=None, endpoint_url=url)
    return HTTPClientError(error=error)


def authorize(signed: Mapping[str, str], body: bytes, access_key: str, secret_key: str, region: str) -> str:
    """Write the `Authorization` header of a POST to `/` (Signature Version 4).

    Parameters
    ----------
    signed : mapping
        The headers that are signed, by their names in lower case and in order.
    """
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    time = signed["x-amz-date"]
    scope = f"{time[:8]}/{region}/dynamodb/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(secret_key, time[:8], region), text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"


@lru_cache(maxsize=4)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "dynamodb", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _text_of(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is nothing that DynamoDB stores")


def _read(status: int, headers: Any, body: bytes) -> Json:
    """Read an answer; one that isn't JSON is not DynamoDB's, but of something between it and us."""
    known = {name.lower(): value for name, value in headers.items()}
    metadata = {"RequestId": known.get("x-amzn-requestid", ""), "HTTPStatusCode": status, "HTTPHeaders": known}
    try:
        answer: Json = json.loads(body) if body else {}
    except ValueError:
        if status < _FAILED:
            raise
        answer = {}
    if b'"B":' in body or b'"BS":' in body:
        answer = _with_bytes(answer)
    if status >= _FAILED:
        code = str(answer.pop("__type", "") or status).rpartition("#")[2].partition(":")[0]
        message = answer.get("message") or answer.get("Message") or ""
        answer["Error"] = {"Message": message, "Code": code}
    answer["ResponseMetadata"] = metadata
    return answer


def _with_bytes(value: Any) -> Any:
    """Decode binary values: objects whose only member is `B`, a text, or `BS`, a list of texts."""
    match value:
        case {"B": str(text), **others} if not others:
            return {"B": base64.b64decode(text)}
        case {"BS": [*texts], **others} if not others:
            return {"BS": [base64.b64decode(text) for text in texts]}
        case dict():
            return {name: _with_bytes(inner) for name, inner in value.items()}
        case list():
            return [_with_bytes(inner) for inner in value]
    return value
