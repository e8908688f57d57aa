"""`monthclose reconcile`: what an operator sees and a program reads."""

import json

import pytest

from monthclose.domain.payments.payment import PaymentState
from monthclose.errors import OutcomeUnknownError, ProviderRefusedError, TryLaterError
from monthclose.ports import Collected
from monthclose.settings import LinkSettings
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, World


@pytest.fixture(autouse=True)
def _closed(world: World) -> None:
    world.use(world.add_customer("acme"), "12.34")
    world.use(world.add_customer("lost"), "10")
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("reset")] * 2
    world.gateway.failures["look_up", "before"] = [TryLaterError("down")] * 9
    world.close()
    world.gateway.failures.clear()


def state_of(world: World, customer_id: str) -> PaymentState:
    payment = world.month(customer_id).payment
    assert payment
    return payment.state


def test_it_settles_outstanding_payments_and_the_books_tie_again(monthclose: Command, world: World) -> None:
    assert not monthclose.json("report", "2026-10", "--json")["proof"]["ties"]

    said = monthclose("reconcile", "--now").stdout

    assert "stripe: 2 payments looked up: 2 paid; totals of 2 batches updated" in said
    assert "2026-10 stripe: 2 charges at the provider, 2 payments in our books, 22.34 USD on both sides" in said
    assert "2026-10 the books tie" in said
    assert state_of(world, "lost") is PaymentState.PAID
    report = monthclose.json("report", "2026-10", "--json")
    assert (report["status"], report["payments"]["paid"]) == ("completed", 2)
    assert len(world.mailer.sent) == 2


def test_a_late_mail_links_to_the_invoice_like_any_other(monthclose: Command, world: World) -> None:
    monthclose.links = LinkSettings("keys", 30, "https://invoices.example/")
    monthclose("reconcile", "--now")
    assert all("https://invoices.example/" in mail.text for mail in world.mailer.sent)
    assert world.mailer.sent


def test_payments_not_yet_due_for_a_check_are_left_alone_unless_asked_for(monthclose: Command, world: World) -> None:
    world.gateway.outcomes.clear()
    said = monthclose("reconcile").stdout
    assert "stripe: 0 payments looked up" in said
    assert "unfinished: 2 customers" in said
    assert "lost: parked, payment_unsettled" in said
    assert state_of(world, "lost") is PaymentState.UNKNOWN


def test_bookings_of_the_comparison_are_notified_and_proved_at_once(monthclose: Command, world: World) -> None:
    said = monthclose("reconcile").stdout
    assert "2 payments updated" in said
    assert state_of(world, "lost") is PaymentState.PAID
    assert len(world.mailer.sent) == 2
    assert monthclose.json("report", "2026-10", "--json")["status"] == "completed"


def test_findings_are_listed_for_people_with_an_exit_status(monthclose: Command, world: World) -> None:
    monthclose("reconcile", "--now")
    order = next(iter(world.gateway.orders.values()))
    world.gateway.orders["stray"] = order
    world.gateway.settle("stray", Collected(order.amount))

    said = monthclose("reconcile", exit_code=4).stdout

    assert "2026-10 the books do not tie" in said
    assert "2 findings" in said
    [row] = [line for line in said.splitlines() if "provider_unknown" in line]
    assert row.split()[:3] == ["2026-10", "provider_unknown", order.customer_id]
    assert "stray" in row


def test_findings_are_printed_as_json(monthclose: Command, world: World) -> None:
    monthclose("reconcile", "--now")
    order = next(iter(world.gateway.orders.values()))
    world.gateway.orders["stray"] = order
    world.gateway.settle("stray", Collected(order.amount))

    content = json.loads(monthclose("reconcile", "2026-10", "--json", exit_code=4).stdout)

    assert not content["ties"]
    assert [finding["check"] for finding in content["findings"]] == ["provider_unknown", "provider_sum"]
    [comparison] = content["comparisons"]
    assert (comparison["provider"], comparison["charges"], comparison["payments"]) == ("stripe", 3, 2)
    assert content["closes"] == {"2026-10": "completed_with_findings"}


def test_dead_letters_are_drained(monthclose: Command, world: World) -> None:
    world.letters.put(json.dumps({"period": "2026-10", "round": 1, "batch": 0, "task_token": "token"}))
    world.letters.put("not JSON")
    content = json.loads(monthclose("reconcile", "--now", "--json", exit_code=4).stdout)
    assert content["dead_letters"] == {"stripe": {"answered": 1, "taken_up": 0, "started": 0}}
    assert [finding["check"] for finding in content["findings"]] == ["dead_letter"]
    assert world.letters.letters == []


def test_a_provider_that_refuses_us_is_a_finding(monthclose: Command, world: World) -> None:
    world.gateway.failures["look_up", "before"] = [ProviderRefusedError("no such key")]
    said = monthclose("reconcile", "--now", exit_code=4).stdout
    assert "stripe could not be reached: no such key" in said


def test_one_provider_can_be_chosen_and_must_be_known(monthclose: Command) -> None:
    assert "the books tie" in monthclose("reconcile", "2026-10", "--provider", "stripe", "--now").stdout
    message = monthclose("reconcile", "--provider", "adyen", exit_code=2).stderr
    assert "there is no provider 'adyen' in the settings; there are: stripe" in message


@pytest.mark.parametrize(
    ("period", "message"), [("2026-09", "2026-09 has not been closed"), ("october", "is not a period")]
)
def test_a_month_that_cannot_be_reconciled_is_reported(monthclose: Command, period: str, message: str) -> None:
    assert message in monthclose("reconcile", period, exit_code=2).stderr


def test_a_month_that_is_being_closed_is_reported(monthclose: Command, world: World) -> None:
    world.open(OCTOBER, "execution-2")
    assert "is being closed" in monthclose("reconcile", "2026-10", exit_code=2).stderr


def test_without_any_close_there_is_nothing_to_compare(world: World, monthclose: Command) -> None:
    world.closes._closes.clear()
    result = monthclose("reconcile", "--now")
    assert "no month has been closed yet" in result.stderr
