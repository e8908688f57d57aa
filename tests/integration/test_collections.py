"""Collections on the deployed system: a declined card is tried again, its customer reminded, held and released."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monthclose.domain.month import HoldAction
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from tests.integration.system import System

PERIOD = Period(2025, 8)


def in_days(days: int) -> dict[str, str]:
    """Ask for the collections of a day to come: the records have today's date."""
    return {"today": (datetime.now(UTC).date() + timedelta(days)).isoformat()}


def payments(system: System, name: str) -> list[tuple[PaymentState, int]]:
    return [(payment.state, payment.attempt) for payment in system.runtime.books.month(name, PERIOD).payments]


def held(system: System, name: str) -> bool:
    customer = system.runtime.books.customer(name)
    assert customer
    return customer.held_since is not None


def test_a_declined_card_is_retried_until_a_new_one_pays_and_the_hold_is_lifted(system: System) -> None:
    soft = system.add_customer("dunned-soft", method="pm_card_chargeDeclinedInsufficientFunds")
    hard = system.add_customer("dunned-hard", method="pm_card_chargeDeclinedExpiredCard")
    for name in (soft, hard):
        system.use([UsageEvent("e", name, "droplet", Decimal(1), PERIOD.start, Decimal(10), "Droplet")])
    system.close(PERIOD)
    assert held(system, soft)
    assert held(system, hard)
    before = len(system.mails())

    first = system.collect(in_days(1))
    again = system.collect(in_days(1))

    assert (first["status"], again["status"]) == ("SUCCEEDED", "SUCCEEDED"), (first, again)
    assert payments(system, soft) == [(PaymentState.DECLINED, 2)]
    assert payments(system, hard) == [(PaymentState.DECLINED, 1)]

    system.add_customer(soft, method="pm_card_visa")
    assert system.collect(in_days(3))["status"] == "SUCCEEDED"

    assert payments(system, soft) == [(PaymentState.PAID, 3)]
    assert not held(system, soft)
    changes = system.runtime.books.month(soft, PERIOD).holds
    assert [change.action for change in changes] == [HoldAction.PLACED, HoldAction.LIFTED]
    assert [charge["metadata"]["customer_id"] for charge in system.charges(PERIOD)] == [soft]
    assert held(system, hard)
    assert [reminder.kind for reminder in system.runtime.books.month(hard, PERIOD).reminders] == ["new_method"]
    told = system.runtime.books.month(soft, PERIOD).reminders
    assert [notice.kind for notice in told] == ["receipt"], "nothing but that the retry has brought the money"
    addresses = [mail["To"] for mail in system.mails()[before:]]
    assert sum(f"{hard}@customers.example" in str(to) for to in addresses) == 1

    report = system.close(PERIOD)
    assert report["payments"]["paid"] == 1
    assert report["holds"] == {"placed": 1, "lifted": 1}
    assert report["proof"]["ties"], report["proof"]


def test_an_unreadable_day_fails_with_a_readable_message(system: System) -> None:
    ended = system.collect({"today": "tomorrow"})
    assert (ended["status"], ended["error"]) == ("FAILED", "UserMistakeError")
    assert "the day cannot be read" in ended["cause"]
