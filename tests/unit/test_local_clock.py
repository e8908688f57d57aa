"""What goes by the local clock, and what by the machine's, when the clock has been moved."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monthclose.bootstrap import Runtime, system_clock, utc_now
from monthclose.names import LOCAL_CLOCK
from sandbox.clock import VARIABLE, ClockFile
from tests.fakes import FakeLog
from tests.world import SETTINGS

AHEAD = timedelta(days=90)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClockFile:
    path = tmp_path / "clock.json"
    monkeypatch.setenv(LOCAL_CLOCK, str(path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    return ClockFile(path)


def ahead(moment: datetime) -> timedelta:
    return moment - datetime.now(UTC)


def test_the_functions_read_the_clock_that_the_sandbox_writes(file: ClockFile) -> None:
    clock = system_clock(os.environ)
    assert abs(ahead(clock())) < timedelta(seconds=5), "nobody has moved it"

    file.move((datetime.now(UTC) + AHEAD).timestamp())

    assert abs(ahead(clock()) - AHEAD) < timedelta(seconds=5)
    assert abs(clock().timestamp() - file()) < 5
    assert VARIABLE == LOCAL_CLOCK


@pytest.fixture
def runtime(file: ClockFile, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    file.move((datetime.now(UTC) + AHEAD).timestamp())
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return Runtime(SETTINGS, "us-east-1", FakeLog())


def test_records_go_by_the_local_clock_and_limits_by_the_machine_s(runtime: Runtime) -> None:
    made: Any = runtime

    assert ahead(runtime.clock()) > timedelta(days=89)
    assert runtime.machine_clock is utc_now
    assert made._limiting._clock is utc_now, "a jump would lease a provider's slots twice, or end its pause"
    assert made.mail_account._clock is utc_now, "SES counts its days by its own clock"
    assert made.mail_account._account._clock is utc_now
