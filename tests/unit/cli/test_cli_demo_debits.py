"""`monthclose demo` again: the sandbox's bank collects what is on its way, before another month is made up."""

import pytest

from cli.commands.demo import settle_debits
from sandbox.aws.local_aws import LocalAwsError
from sandbox.gocardless import GoCardlessSandbox
from sandbox.web.testing import serving
from tests.sandbox.gocardless_driving import Wire


def test_every_debit_is_collected_or_fails_and_a_second_run_finds_none() -> None:
    sandbox = GoCardlessSandbox()
    wire = Wire(sandbox)
    pays, fails = wire.create_payment("MD_OK"), wire.create_payment("MD_FAILS")

    with serving({"/gocardless": sandbox}) as url:
        assert settle_debits(url) == 2
        assert (wire.status(pays), wire.status(fails)) == ("paid_out", "failed")
        assert settle_debits(url) == 0


def test_a_sandbox_that_does_not_answer_is_reported() -> None:
    with serving({}) as url, pytest.raises(LocalAwsError, match="the sandbox's bank did not settle"):
        settle_debits(url)
