"""Ten days pass on the deployed system, for one customer of each kind: schedules, banks, and the records' times."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from monthclose.domain.month import HoldAction
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from tests.integration.system import System

_TUESDAY = 1


def first_tuesday() -> Period:
    """Choose the next month that begins on a Tuesday, so that the banks' days are always the same: within a year."""
    month = Period.of(datetime.now(UTC)).next
    while month.start.weekday() != _TUESDAY:
        month = month.next
    return month


MONTH = first_tuesday()
PERIOD = MONTH.previous


def day(number: int) -> str:
    return f"{MONTH}-{number:02}"


def clock(*words: str) -> Any:
    """Run `monthclose local clock`."""
    command = [str(Path(sys.executable).parent / "monthclose"), "local", "clock", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def ends(system: System, name: str) -> list[tuple[PaymentState, str]]:
    """The states that a customer's payment came to, each with its day."""
    payment = system.runtime.books.month(name, PERIOD).payment
    assert payment
    shown = {PaymentState.PAID, PaymentState.DECLINED, PaymentState.PENDING, PaymentState.REVERSED}
    return [(step.after, f"{step.time:%d}") for step in payment.history if step.after in shown]


@pytest.mark.long  # begun first: what it leaves behind is removed in a moment, a real month's customers aren't
@pytest.mark.timeout(900)
def test_ten_days_pass(fresh_system: System, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--endpoint-url"):
        pytest.skip("somebody else's AWS has no clock that can be ahead")
    system = fresh_system
    clock(day(1))
    assert timedelta(0) <= system.runtime.clock() - MONTH.start < timedelta(minutes=1)
    kinds = {
        "pays": ("pm_card_visa", "stripe"),
        "no-funds": ("pm_card_chargeDeclinedInsufficientFunds", "stripe"),
        "debit": ("MD_OK", "gocardless"),
        "late": ("MD_LATE_FAILURE", "gocardless"),
        "no-method": ("", "stripe"),
    }
    for name, (method, provider) in kinds.items():
        system.add_customer(name, method=method, provider=provider)
        system.use([UsageEvent("e", name, "droplet", Decimal(1), PERIOD.start, Decimal(10), "Droplet")])
    report = system.close(PERIOD)
    assert {state: n for state, n in report["payments"].items() if n} == {
        "paid": 1,
        "declined": 1,
        "pending": 2,
        "no_payment_method": 1,
    }

    clock(day(3))
    system.add_customer("no-funds")
    told = clock(day(12))

    assert ends(system, "pays") == [(PaymentState.PAID, "01")]
    assert ends(system, "no-funds") == [
        (PaymentState.DECLINED, "01"),
        (PaymentState.DECLINED, "02"),
        (PaymentState.PAID, "03"),
    ]
    assert ends(system, "debit") == [(PaymentState.PENDING, "01"), (PaymentState.PAID, "04")]
    assert ends(system, "late") == [
        (PaymentState.PENDING, "01"),
        (PaymentState.PAID, "04"),
        (PaymentState.REVERSED, "08"),
    ]
    changes = system.runtime.books.month("no-funds", PERIOD).holds
    assert [(change.action, f"{change.time:%d}") for change in changes] == [
        (HoldAction.PLACED, "01"),
        (HoldAction.LIFTED, "03"),
    ]
    reminders = system.runtime.books.month("no-method", PERIOD).reminders
    assert [f"{reminder.time:%d}" for reminder in reminders] == ["04", "11"]

    days = [step["time"][:10] for step in told["steps"] if step["what"] == "collections"]
    assert days == [day(number) for number in range(3, 12)], "each day once, in order"
    banks = {step["time"][8:10]: step["settled"] for step in told["steps"] if step["what"] == "providers"}
    assert {number: settled for number, settled in banks.items() if settled} == {
        "04": {"arrived": 2},
        "08": {"reversed": 1},
    }
    assert [step for step in told["steps"] if step["failed"]] == []
    assert system.report(PERIOD)["proof"]["ties"], system.report(PERIOD)["proof"]
    requests = httpx.get(f"{system.sandbox_url}/_sandbox/requests", trust_env=False).json()
    assert not any("429" in statuses for endpoints in requests.values() for statuses in endpoints.values())
    assert system.runtime.machine_clock() < MONTH.start, "limits go by the machine's clock"
