"""The local AWS's processes: found again by id and start, ended with their workers and nothing else."""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from sandbox.aws.local_aws import LocalAws, LocalAwsError, Running, clean_environment
from sandbox.aws.processes import Process, end, spawn_module
from sandbox.desk import Desk
from sandbox.mounts import make_providers
from sandbox.web.testing import serving
from tests.unit.cli.driving import Command

_PARENT = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, sys.argv[1]])
print(worker.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def family(tmp_path: Path) -> tuple[Process, int]:
    """Start a process that has a worker, run from the folder like Lambda's are."""
    (tmp_path / "parent.py").write_text(_PARENT)
    (tmp_path / "worker.py").write_text("import time\ntime.sleep(600)\n")
    log = tmp_path / "log"
    environment = {**clean_environment(), "PYTHONPATH": str(tmp_path)}
    process = spawn_module(["parent", str(tmp_path / "worker.py")], environment, tmp_path, log)
    deadline = time.monotonic() + 30
    while not log.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, int(log.read_text())


def exists(pid: int) -> bool:
    """Whether a process is there; one that is only to be collected by its parent isn't."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc/self/stat").exists():
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # collected since it was asked for
        return False


def test_ending_a_process_ends_its_workers(family: tuple[Process, int], tmp_path: Path) -> None:
    process, worker = family

    assert end(process, tmp_path)

    assert not process.alive
    assert not exists(worker)
    assert not end(process, tmp_path)


def test_workers_whose_leader_died_are_ended_too(family: tuple[Process, int], tmp_path: Path) -> None:
    process, worker = family
    os.kill(process.pid, 9)
    while process.alive:
        time.sleep(0.02)

    end(process, tmp_path)

    assert not exists(worker)


def test_another_process_with_the_same_id_is_left_alone(family: tuple[Process, int], tmp_path: Path) -> None:
    process, worker = family
    earlier = Process(process.pid, "another start")

    assert not earlier.alive
    assert not end(earlier, tmp_path)
    assert exists(worker)
    end(process, tmp_path)


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    local = LocalAws(tmp_path / "home")

    assert local.running() is None
    assert not local.down(forget=True)


def test_forgetting_deletes_nothing_that_is_not_ours(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    (home / "thesis.txt").write_text("mine")

    LocalAws(home).down(forget=True)

    assert [path.name for path in home.iterdir()] == ["thesis.txt"]


def test_a_required_port_that_is_in_use_is_reported(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(LocalAwsError, match=f"port {port} is taken"):
            LocalAws(tmp_path / "home", aws_port=port).up()


def test_a_process_that_does_not_start_is_reported_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(LocalAwsError, match=r"aws did not start\n(?s:.*)log: .*aws\.log"):
        LocalAws(tmp_path / "home").up()

    assert LocalAws(tmp_path / "home").running() is None


def test_the_users_own_aws_settings_do_not_leak_into_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")

    assert not {"AWS_PROFILE", "PYTHONPATH"} & clean_environment().keys()


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The sandbox of a running local AWS, which `local up` finds."""
    desk = Desk()
    with serving(make_providers(desk), desk) as url:
        nobody = Process(0, "")
        running = Running(nobody, 4566, nobody, int(url.rpartition(":")[2]), deployed="all")
        monkeypatch.setattr("cli.commands.local.start", lambda _port, _sandbox_port, **_options: running)
        monkeypatch.setattr("cli.commands.local.outputs_of", lambda _cloudformation, _where: {})
        yield url


def test_up_with_a_chaos_plan_puts_it_in_force(monthclose: Command, sandbox: str, tmp_path: Path) -> None:
    plan = tmp_path / "chaos.toml"
    plan.write_text('[[rules]]\nfault = "reset"\nwhen = "after"\nendpoint = "payment_intents.confirm"\n')

    result = monthclose("local", "up", "--chaos", plan)

    in_force = httpx.get(f"{sandbox}/_sandbox/chaos").json()
    assert [(rule["fault"], rule["when"]) for rule in in_force["rules"]] == [("reset", "after")]
    assert "1 rule, 0 outages" in result.output
    assert f"curl -X DELETE {sandbox}/_sandbox/chaos" in result.output


def test_up_without_one_leaves_the_sandbox_as_it_is(monthclose: Command, sandbox: str) -> None:
    httpx.put(f"{sandbox}/_sandbox/chaos", json={"seed": 7})
    monthclose("local", "up")
    assert httpx.get(f"{sandbox}/_sandbox/chaos").json()["seed"] == 7


def test_up_answers_with_where_everything_is(monthclose: Command, sandbox: str) -> None:
    answer = monthclose.json("local", "up", "--json")
    assert (answer["up"], answer["deployed"], answer["sandbox_url"]) == (True, True, sandbox)
    assert answer["charges_url"] == f"{sandbox}/_sandbox/charges"
    assert {"aws_url", "mailbox_url", "usage_drop", "logs"} < answer.keys()


def test_up_shows_where_usage_files_are_dropped(
    monthclose: Command, sandbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"MONTHCLOSE_STATE_MACHINE_ARN": "arn", "MONTHCLOSE_USAGE_BUCKET": "the-bucket"}
    monkeypatch.setattr("cli.commands.local.outputs_of", lambda _cloudformation, _where: values)
    assert "s3://the-bucket/usage/" in monthclose("local", "up").stdout


def test_up_continues_where_aws_does_not_report_it(
    monthclose: Command, sandbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_cloudformation: object, where: str) -> dict[str, str]:
        raise EndpointConnectionError(endpoint_url=where)

    monkeypatch.setattr("cli.commands.local.outputs_of", busy)
    assert "usage files" not in monthclose("local", "up").stdout


LISTED = {
    "dynamodb.partition_writes": {"on": True, "value": 10, "documented": 1000, "struck": 7, "unit": "write units"},
    "sqs.batch": {"on": False, "value": 10, "documented": 10, "struck": 0, "unit": "messages"},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A strict local AWS that only lists its limits; called, it is up, strict or not."""

    class Lists(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(LISTED if self.path == "/_monthclose/strict" else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_what: object) -> None:
            """Be quiet."""

    server = HTTPServer(("127.0.0.1", 0), Lists)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def up(*, strict: bool) -> None:
        running = Running(Process(0, ""), server.server_port, Process(0, ""), 1, strict=strict)
        monkeypatch.setattr("cli.commands.local.LocalAws.running", lambda _local: running)
        monkeypatch.setattr("cli.commands.local.start", lambda *_ports, **_options: running)

    yield up
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_limits_are_listed_with_how_often_each_struck(monthclose: Command, aws: Callable[..., None]) -> None:
    aws(strict=True)
    assert monthclose.json("local", "limits", "--json") == LISTED
    lines = [line.split() for line in monthclose("local", "limits").stdout.splitlines()]
    assert ["dynamodb.partition_writes", "10", "1,000", "7", "write", "units"] in lines
    assert ["sqs.batch", "off", "10", "0", "messages"] in lines


def test_a_local_aws_without_limits_says_how_to_have_them(monthclose: Command, aws: Callable[..., None]) -> None:
    aws(strict=False)
    assert "monthclose local up --strict" in monthclose("local", "limits", exit_code=2).output
    assert "already up, without AWS's limits" in monthclose("local", "up", "--strict", exit_code=2).output


def test_a_strict_local_aws_says_so(monthclose: Command, aws: Callable[..., None]) -> None:
    aws(strict=True)
    assert "with AWS's limits in force" in monthclose("local", "up", "--strict").stdout
    assert monthclose.json("local", "status", "--json")["strict"] is True
    aws(strict=False)
    assert "limits" not in monthclose("local", "status").stdout


@pytest.mark.parametrize(("strict", "value"), [(True, "1"), (False, "")])
def test_only_a_strict_local_aws_is_started_with_limits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strict: bool, value: str
) -> None:
    monkeypatch.setenv("MONTHCLOSE_STRICT", "1")
    environments: list[Mapping[str, str]] = []

    def spawn(_module: object, environment: Mapping[str, str], *_where: object) -> Process:
        environments.append(environment)
        return Process(0, "")

    monkeypatch.setattr("sandbox.aws.local_aws.spawn_module", spawn)
    with pytest.raises(LocalAwsError, match="aws did not start"):
        LocalAws(tmp_path / "home", strict=strict).up()
    assert environments[0]["MONTHCLOSE_STRICT"] == value


def test_from_another_folder_the_message_names_the_folder_of_the_local_aws(monthclose: Command) -> None:
    said = monthclose("local", "status", exit_code=1).stdout
    assert "no local AWS is up" in said
    assert "if you started one in another folder" in said
    assert "MONTHCLOSE_HOME" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[rules]]\nfault = "rest"\n', "rule 1: fault should be one of hang, reset"),
        ("[[outages]]\nstart = 1\n", "outage 1: duration is missing"),
        ("[[rules]\n", "is neither TOML nor JSON"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_an_unusable_chaos_plan_is_reported_before_anything_starts(
    monthclose: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, message: str
) -> None:
    plan = tmp_path / "chaos.toml"
    if text is not None:
        plan.write_text(text)
    monkeypatch.setattr("cli.commands.local.start", lambda *_ports, **_options: pytest.fail("something was started"))

    result = monthclose("local", "up", "--chaos", plan, exit_code=2)

    assert message in " ".join(result.output.split())
    assert "docs/sandbox.md" in result.output
