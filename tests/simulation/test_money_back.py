"""Reversed money, case by case, on the providers' twins: the figures that once went wrong."""

from collections.abc import Callable

import pytest

from monthclose.domain.money import Money
from monthclose.domain.payments.payment import PaymentState
from sandbox.holdings import holdings
from sandbox.stripe.outside import move_dispute, open_dispute, open_refund
from tests.simulation.providers import StripeTwin
from tests.simulation.test_money_stories import CUSTOMER, Month

S = PaymentState


def paid(retry_reversed: bool = False, provider: str = "stripe") -> Month:
    """A month of 1,234.50 that has been collected."""
    month = Month(provider, retry_reversed=retry_reversed, usage="1234.50")
    for _ in ("submitted", "confirmed"):
        month.twin.settle()
    month.webhook(month.payments[0])
    return month


def stripe(month: Month) -> StripeTwin:
    assert isinstance(month.twin, StripeTwin)
    return month.twin


def owed(month: Month) -> int:
    return month.world.customer(CUSTOMER).balance.minor


def by_webhook(month: Month) -> None:
    month.webhook(month.payments[0])


def by_the_reconciler(month: Month) -> None:
    month.world.clock.pass_time(days=1)
    month.world.reconcile()


HEARD = pytest.mark.parametrize("hear", [by_webhook, by_the_reconciler])


@HEARD
def test_a_dispute_over_a_part_makes_it_owed_again_and_nothing_else_is_charged(hear: Callable[[Month], None]) -> None:
    month = paid()
    stripe(month).sandbox.act(open_dispute(month.payments[0].provider_ref, amount=20_000))
    hear(month)
    assert owed(month) == 20_000
    month.world.cashier.pay(CUSTOMER)
    held = holdings(month.twin.movements()).values()
    assert sorted(holding.net for holding in held) == [20_000, 103_450]
    assert sum(holding.net for holding in held) == 123_450, "as much as was invoiced"
    assert owed(month) == 0


@HEARD
def test_a_dispute_lost_except_for_a_part_leaves_that_part_paid(hear: Callable[[Month], None]) -> None:
    month = paid()
    dispute = stripe(month).sandbox.act(open_dispute(month.payments[0].provider_ref, amount=20_000))
    hear(month)
    stripe(month).sandbox.act(move_dispute(dispute["id"], "lost", returned=5_000))
    hear(month)
    assert (owed(month), month.payments[0].net_minor) == (15_000, 108_450)


@HEARD
@pytest.mark.parametrize("between", [True, False])
def test_a_refund_and_a_dispute_of_the_rest_end_the_same_however_they_are_reported(
    hear: Callable[[Month], None], *, between: bool
) -> None:
    month = paid()
    stripe(month).sandbox.act(open_refund(month.payments[0].provider_ref, 50_000))
    if between:
        hear(month)
    stripe(month).sandbox.act(open_dispute(month.payments[0].provider_ref, amount=73_450))
    hear(month)
    invoice = month.world.month(CUSTOMER).invoice
    assert invoice
    assert (owed(month), invoice.written_off_minor, invoice.collected_minor) == (73_450, 50_000, 0)


@HEARD
@pytest.mark.parametrize("status", ["appeal_needs_response", "appeal_under_review", "a_status_to_come"])
def test_money_in_dispute_does_not_count_as_collected_whatever_the_status_is_called(
    hear: Callable[[Month], None], status: str
) -> None:
    month = paid()
    act = stripe(month).sandbox.act
    dispute = act(open_dispute(month.payments[0].provider_ref))
    if status.startswith("appeal"):
        act(move_dispute(dispute["id"], "lost"))
        act(move_dispute(dispute["id"], "appeal_needs_response"))
    if status != "appeal_needs_response":
        act(move_dispute(dispute["id"], status))
    hear(month)
    assert (month.payments[0].state, owed(month)) == (S.REVERSED, 123_450)


@HEARD
@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review", "warning_closed"])
def test_an_inquiry_withdraws_nothing(hear: Callable[[Month], None], status: str) -> None:
    month = paid()
    dispute = stripe(month).sandbox.act(
        open_dispute(month.payments[0].provider_ref, amount=20_000, status="warning_needs_response")
    )
    if status != "warning_needs_response":
        stripe(month).sandbox.act(move_dispute(dispute["id"], status))
    hear(month)
    assert (month.payments[0].state, owed(month)) == (S.PAID, 0)


@pytest.mark.parametrize("provider", ["stripe", "gocardless"])
def test_a_reversed_payment_is_collected_by_a_new_order_where_the_policy_says_so(provider: str) -> None:
    month = paid(retry_reversed=True, provider=provider)
    if isinstance(month.twin, StripeTwin):
        month.twin.sandbox.act(open_dispute(month.payments[0].provider_ref))
    else:
        month.twin.sandbox.outside.charge_back(month.payments[0].provider_ref)  # type: ignore[attr-defined]
    month.webhook(month.payments[0])
    assert month.payments[0].state is S.REVERSED
    month.world.clock.pass_time(days=1)
    month.world.collect()
    month.twin.settle()
    month.heal()
    first, second = month.payments
    assert (first.state, first.net_minor) == (S.REVERSED, 0)
    assert (second.state, second.net_minor) == (S.PAID, 123_450)
    assert owed(month) == 0


def test_a_dispute_won_just_before_the_retry_is_noticed_in_time() -> None:
    month = paid()
    dispute = stripe(month).sandbox.act(open_dispute(month.payments[0].provider_ref))
    by_webhook(month)
    stripe(month).sandbox.act(move_dispute(dispute["id"], "won"))  # and its webhook is lost
    [made] = month.world.cashier.pay(CUSTOMER, Money(123_450, "USD"))
    assert made.state is S.NOTHING_DUE
    assert [holding.net for holding in holdings(month.twin.movements()).values()] == [123_450]
