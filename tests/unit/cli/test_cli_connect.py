"""Connecting: which AWS is meant, and what is said when it cannot be reached."""

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from typer.testing import CliRunner, Result

from cli.connect import NoSystemError, choose_aws
from cli.main import app
from sandbox.aws.local_aws import LocalAws

AWS_NAMES = (
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_TIMEOUT",
    "NO_PROXY",
    "no_proxy",
)


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in AWS_NAMES:
        monkeypatch.setenv(name, "")  # so that what the command sets is undone afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the credentials of whoever came before
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.fixture(params=[(200, b"<html>hello</html>"), (200, b"hello"), (404, b"<!DOCTYPE html><p>no such page")])
def not_aws(request: pytest.FixtureRequest) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, page = request.param
            self.send_response(status)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) <= 2, result.stderr
    assert result.exit_code == 1, result.output
    return result


def test_an_endpoint_of_this_machine_needs_no_credentials() -> None:
    environment: dict[str, str] = {"AWS_REGION": "eu-central-1"}

    assert choose_aws("http://localhost:4566", environment) == "http://localhost:4566"
    assert environment["AWS_ENDPOINT_URL"] == "http://localhost:4566"
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert environment["AWS_REGION"] == "eu-central-1"


def test_an_endpoint_elsewhere_gets_no_dummy_credentials() -> None:
    environment: dict[str, str] = {}

    choose_aws("https://aws.example", environment)

    assert environment == {"AWS_ENDPOINT_URL": "https://aws.example"}


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_ACCESS_KEY_ID"])
def test_an_explicit_endpoint_is_used(name: str) -> None:
    environment = {name: "mine"}

    assert choose_aws(None, environment) == "AWS"
    assert environment == {name: "mine"}


@pytest.mark.parametrize("address", ["localhost:4566", "ftp://x", "http://", "nonsense"])
def test_an_endpoint_that_is_not_an_address_is_refused(address: str) -> None:
    with pytest.raises(NoSystemError, match="is not an address of AWS"):
        choose_aws(address, {})


def test_without_credentials_two_lines_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    assert "monthclose local up" in run("closes").stderr


def test_without_a_region_two_lines_say_what_to_do() -> None:
    assert "no AWS region is chosen" in run("closes").stderr


def test_whoever_chooses_aws_while_a_local_one_is_up_is_told_what_chose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalAws, "running", lambda _: SimpleNamespace(endpoint_url="http://127.0.0.1:4599"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")

    said = run("closes").stderr

    assert "no local AWS is up" not in said
    assert "if you mean the local AWS at http://127.0.0.1:4599, unset AWS_ACCESS_KEY_ID, which chooses AWS" in said


def test_an_endpoint_where_nothing_answers_is_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nothing answers, and nobody else gets the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        assert f"{url} cannot be reached" in run("--endpoint-url", url, "closes").stderr


def test_an_endpoint_that_is_not_aws_is_reported(not_aws: str) -> None:
    assert f"what answers at {not_aws} is not AWS" in run("--endpoint-url", not_aws, "closes").stderr
