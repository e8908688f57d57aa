"""Commands that need a provider's key on the deployed system: its function does them, without the key here."""

import json
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from monthclose.domain.audit import check
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from tests.integration.system import System

PERIOD = Period(2025, 3)


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process read no provider's key: `--here` would."""

    def refused(_: str) -> str:
        raise AssertionError("the key was read on this machine")

    monkeypatch.setattr("monthclose.adapters.aws.secrets.api_key", refused)


def run(*arguments: str, exit_code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def test_a_customer_is_charged_and_a_month_reconciled_by_the_function(system: System) -> None:
    name = system.add_customer("asks-to-pay", method="pm_card_chargeDeclinedExpiredCard")
    system.use([UsageEvent("e", name, "droplet", Decimal(1), PERIOD.start, Decimal(10), "Droplet")])
    system.close(PERIOD)
    system.add_customer(name, method="pm_card_visa")

    paid = run("pay", name, "--by", "kim")

    assert [payment["state"] for payment in paid["payments"]] == ["paid"]
    assert paid["held_since"] is None
    payments = system.runtime.books.month(name, PERIOD).payments
    assert [payment.state for payment in payments] == [PaymentState.DECLINED, PaymentState.PAID]
    charged = [charge["metadata"]["customer_id"] for charge in system.charges(PERIOD)]
    assert charged.count(name) == 1
    done = run("reconcile", str(PERIOD), "--provider", "stripe")
    assert done["ties"], done["findings"]
    # Other tests' customers may have late usage, which this month bills.
    assert [comparison["charges"] for comparison in done["comparisons"]] == [len(charged)]
    refused = CliRunner().invoke(app, ["pay", name])
    assert refused.exit_code == 2, refused.output
    assert "no open invoice" in refused.output
    _recorded(system, name)


def _recorded(system: System, name: str) -> None:
    """Both payments were asked for by a person and answered by the function, each in its own AWS identity's name."""
    failed, asked_again, done, asked = system.runtime.audit.find(customer_id=name)
    assert [each.act.what for each in (asked, done, asked_again, failed)] == [
        *("payment.requested", "act.done"),
        *("payment.requested", "act.failed"),
    ]
    assert (done.act.follows, failed.act.follows) == (asked.name, asked_again.name)
    assert (asked.act.by, done.act.by) == ("kim", "kim")
    assert done.identity == failed.identity != asked.identity
    started = {each.act.what for each in system.runtime.audit.find(period=PERIOD)}
    assert {"close.started", "reconcile.requested"} <= started
    assert not list(check(system.runtime.audit.find()))
