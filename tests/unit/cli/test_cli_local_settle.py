"""`monthclose local settle`: the sandbox's bank collects what is on its way."""

import pytest

from cli.commands.local import settle_debits
from sandbox.aws.local_aws import LocalAws, LocalAwsError, Running
from sandbox.aws.processes import Process
from sandbox.gocardless import GoCardlessSandbox
from sandbox.web.testing import serving
from tests.sandbox.gocardless_driving import Wire
from tests.unit.cli.driving import Command


def test_every_debit_is_collected_or_fails_and_a_second_run_finds_none() -> None:
    sandbox = GoCardlessSandbox()
    wire = Wire(sandbox)
    pays, fails = wire.create_payment("MD_OK"), wire.create_payment("MD_FAILS")

    with serving({"/gocardless": sandbox}) as url:
        assert settle_debits(url) == 2
        assert (wire.status(pays), wire.status(fails)) == ("paid_out", "failed")
        assert settle_debits(url) == 0


def test_the_answer_says_how_many_debits_were_settled(monthclose: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = GoCardlessSandbox()
    Wire(sandbox).create_payment("MD_OK")
    nobody = Process(0, "")
    with serving({"/gocardless": sandbox}) as url:
        running = Running(nobody, 4566, nobody, int(url.rpartition(":")[2]))
        monkeypatch.setattr(LocalAws, "running", lambda _local: running)
        assert monthclose.json("local", "settle", "--json") == {"settled": 1}


def test_a_sandbox_that_does_not_answer_is_reported() -> None:
    with serving({}) as url, pytest.raises(LocalAwsError, match="the sandbox's bank did not settle"):
        settle_debits(url)


def test_without_a_local_aws_there_is_nothing_to_settle(monthclose: Command) -> None:
    assert "no local AWS is up" in monthclose("local", "settle", exit_code=2).stderr
