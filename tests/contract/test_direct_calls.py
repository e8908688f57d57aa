"""DynamoDB's calls without the SDK's: they are signed, answered, refused and repeated as the SDK's are."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from moto import mock_aws

from monthclose.adapters.dynamo.direct import authorize, call_directly
from monthclose.adapters.dynamo.throttling import DynamoPatience, repeat_throttled

KEY = {"id": {"S": "a"}}
BODY = b'{"TableName":"t","Key":{"id":{"S":"\xc3\xa9"}}}'


def a_client(address: str | None = None, patience: DynamoPatience | None = None, *, direct: bool = True) -> Any:
    session = botocore.session.get_session()
    session.set_credentials("AKIDEXAMPLE", "secret", "token")
    config = Config(connect_timeout=1, read_timeout=1, parameter_validation=False, proxies={"http": ""})
    client = session.create_client("dynamodb", "eu-central-1", endpoint_url=address, config=config)
    repeat_throttled(client, patience or DynamoPatience(sleep=lambda _: None))
    if direct:
        call_directly(client)
    return client


def test_a_signature_is_the_sdks() -> None:
    request = AWSRequest("POST", "https://dynamodb.eu-central-1.amazonaws.com/", data=BODY)
    request.headers["X-Amz-Target"] = "DynamoDB_20120810.GetItem"
    SigV4Auth(Credentials("AKIDEXAMPLE", "secret", "token"), "dynamodb", "eu-central-1").add_auth(request)
    signed = {
        "host": "dynamodb.eu-central-1.amazonaws.com",
        "x-amz-date": request.context["timestamp"],
        "x-amz-security-token": "token",
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }
    assert authorize(signed, BODY, "AKIDEXAMPLE", "secret", "eu-central-1") == request.headers["Authorization"]


class Answers:
    """An HTTP server that answers one request after the other as it is told, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, bytes] | None) -> None:
        self.answers, self.asked = list(answers), list[tuple[dict[str, str], bytes]]()
        self.connections = 0

    @contextmanager
    def up(self, certified: ssl.SSLContext | None = None) -> Iterator[str]:
        mine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                mine.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mine.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
                answer = mine.answers.pop(0)
                if answer is None:  # breaks off without one
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.send_header("x-amzn-RequestId", "REQUEST")
                if certified:
                    self.send_header("Connection", "close")  # each call makes a new one
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certified:
            server.socket = certified.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"{'https' if certified else 'http'}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


@pytest.fixture
def certified(tmp_path: Path) -> ssl.SSLContext:
    """A server's, with a certificate of our own, which is also in `authority.pem`."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    (tmp_path / "authority.pem").write_bytes(certificate)
    (tmp_path / "server.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def test_certificates_are_read_once_whatever_the_number_of_connections(
    certified: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    read, load = list[Any](), ssl.SSLContext.load_verify_locations

    def reading(context: ssl.SSLContext, *files: Any) -> None:
        read.append(files)
        load(context, *files)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", reading)
    server = Answers(*[(200, b"{}")] * 3)
    with server.up(certified) as address:
        client = a_client(address)
        for _ in range(3):
            client.get_item(TableName="t", Key=KEY)
            client._endpoint.http_session.close()  # the next call makes a new connection
    assert len(server.asked) == server.connections == 3
    assert len(read) == 1


def test_a_server_without_a_known_certificate_is_not_talked_to(certified: ssl.SSLContext) -> None:
    server = Answers((200, b"{}"))
    with server.up(certified) as address, pytest.raises(HTTPClientError, match="certificate verify failed"):
        a_client(address).get_item(TableName="t", Key=KEY)
    assert not server.asked


def test_a_request_has_what_dynamodb_and_tracing_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "generate")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-2;Lineage=a")
    server = Answers((200, b'{"Item":{"id":{"S":"a"}}}'))
    with server.up() as address:
        assert a_client(address).get_item(TableName="t", Key=KEY)["Item"] == KEY
    headers, body = server.asked[0]
    assert body == b'{"TableName":"t","Key":{"id":{"S":"a"}}}'
    assert headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["x-amz-security-token"] == "token"
    assert headers["x-amz-date"][:8] == f"{datetime.now(UTC):%Y%m%d}"
    assert headers["x-amzn-trace-id"] == "Root=1-2;Lineage=a"
    assert headers["user-agent"].startswith("Botocore/")


def test_a_refusal_is_the_sdks_error_with_all_that_dynamodb_says() -> None:
    refusal = b'{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"no",'
    refusal += b'"CancellationReasons":[{"Code":"None"},{"Code":"ConditionalCheckFailed","Item":{"id":{"B":"AQI="}}}]}'
    for direct in (True, False):
        with Answers((400, refusal)).up() as address, pytest.raises(ClientError) as refused:
            a_client(address, direct=direct).transact_write_items(TransactItems=[])
        answer: Any = refused.value.response
        assert answer["Error"]["Code"] == "TransactionCanceledException"
        assert answer["CancellationReasons"][1] == {
            "Code": "ConditionalCheckFailed",
            "Item": {"id": {"B": b"\x01\x02"}},
        }
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert answer["ResponseMetadata"]["RequestId"] == "REQUEST"
        assert type(refused.value).__name__ == "TransactionCanceledException"


def test_what_passes_is_repeated_with_the_same_content() -> None:
    throttled = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}'
    server = Answers((503, b"<html>not DynamoDB</html>"), None, (400, throttled), (200, b"{}"))
    with server.up() as address:
        answer = a_client(address).transact_write_items(TransactItems=[])
    assert answer["ResponseMetadata"]["RetryAttempts"] == 3
    assert len({body for _, body in server.asked}) == 1
    assert b"ClientRequestToken" in server.asked[0][1]


def test_what_does_not_pass_is_not_repeated() -> None:
    never = b'{"__type":"com.amazon.coral.validate#ValidationException","message":"no such attribute"}'
    server = Answers((400, never))
    with server.up() as address, pytest.raises(ClientError, match="no such attribute"):
        a_client(address).put_item(TableName="t", Item=KEY)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("answer", "error"), [(None, ConnectionClosedError), ((0, b""), ReadTimeoutError)])
def test_a_request_without_an_answer_is_the_sdks_error(answer: Any, error: type[Exception]) -> None:
    class Impatient(DynamoPatience):
        def pause(self, attempt: int) -> bool:
            return False

    listener = socket.create_server(("127.0.0.1", 0))
    if answer is None:
        with Answers(None).up() as address, pytest.raises(error):
            a_client(address, Impatient()).get_item(TableName="t", Key=KEY)
    else:  # connections are taken, and nobody answers
        with pytest.raises(error):
            a_client(f"http://127.0.0.1:{listener.getsockname()[1]}", Impatient()).get_item(TableName="t", Key=KEY)
    listener.close()


def test_an_address_where_nobody_listens_is_the_sdks_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(EndpointConnectionError):
        a_client(address).get_item(TableName="t", Key=KEY)


def test_without_credentials_nothing_is_sent() -> None:
    client = a_client("http://127.0.0.1:9")
    client._request_signer._credentials = None
    with pytest.raises(NoCredentialsError):
        client.get_item(TableName="t", Key=KEY)


@mock_aws
def test_items_come_back_as_they_were_stored_whatever_is_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    client = a_client()
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    monkeypatch.setattr(client, "_convert_to_request_dict", None)  # items don't go the SDK's way
    item = KEY | {
        "body": {"B": b"\x00\xff packed"},
        "set": {"BS": [b"a", b"b"]},
        "B": {"S": "an attribute named B"},
        "map": {"M": {"B": {"S": "text"}, "BS": {"L": [{"B": b"deep"}]}, "é": {"N": "1.5"}}},
        "nothing": {"NULL": True},
    }
    client.put_item(TableName="t", Item=item)
    assert client.get_item(TableName="t", Key=KEY)["Item"] == item
    found = client.query(
        TableName="t", KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": {"S": "a"}}
    )
    assert found["Items"] == [item]
    with pytest.raises(ClientError) as refused:
        client.put_item(TableName="t", Item=KEY, ConditionExpression="attribute_not_exists(id)")
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"


@mock_aws
def test_whoever_stands_in_front_of_the_sdks_calls_sees_these_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client, seen = a_client(), list[str]()
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def traced(self: Any, operation: str, arguments: Any) -> Any:
        seen.append(operation)
        return real(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", traced)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_item(TableName="none", Key=KEY)
    assert seen == ["GetItem"]
