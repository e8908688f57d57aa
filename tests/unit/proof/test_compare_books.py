"""Comparing the books: what is found from either side, what the provider's answer corrects, what is proved again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from monthclose.domain.closes.close import BatchProgress, CloseStatus
from monthclose.domain.closes.proof import Comparison
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.errors import OutcomeUnknownError, ProviderRefusedError, TryLaterError
from monthclose.ports import Answer, ChargeOrder, Collected, CollectedPage, Window
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.proof import comparison_sides
from monthclose.use_cases.reconciliation.reconcile_period import Reconciled
from tests.fakes import FakeGateway, reversed_by_the_bank
from tests.world import OCTOBER, World


@pytest.fixture(params=[True, False], ids=["card", "bank debit"])
def world(request: pytest.FixtureRequest) -> World:
    """A closed month of three customers who paid 10, 20 and 30."""
    world = World(gateway=FakeGateway(one_order_per_payment=request.param))
    for number, name in enumerate(("a", "b", "c"), 1):
        world.use(world.add_customer(name), f"{number}0")
    assert world.close()["proof"]["ties"]
    world.clock.pass_time(days=1)
    return world


def payment_of(world: World, customer_id: str) -> Payment:
    payment = world.month(customer_id).payment
    assert payment
    return payment


def comparison(reconciled: Reconciled) -> Comparison:
    [found] = reconciled.comparisons
    return found


def found(reconciled: Reconciled) -> list[tuple[str, str]]:
    return [(finding.check, finding.customer_id) for finding in comparison(reconciled).findings]


def test_books_that_tie_have_no_finding_and_equal_sums(world: World) -> None:
    reconciled = world.reconcile()
    of_stripe = comparison(reconciled)
    assert of_stripe.findings == ()
    assert of_stripe.complete
    assert (of_stripe.charges, of_stripe.payments, of_stripe.booked) == (3, 3, 0)
    assert of_stripe.ours == of_stripe.theirs == {"USD": 6000}
    assert reconciled.report["proof"]["ties"]


def test_money_that_only_the_provider_has_is_named_and_nothing_is_booked(world: World) -> None:
    order = world.gateway.orders[payment_of(world, "a").provider_ref]
    stray = replace(order, payment_id="2026-10/nobody", customer_id="nobody", amount=Money(777, "EUR"))
    world.gateway.orders["stray"] = stray
    world.gateway.settle("stray", Collected(stray.amount))

    reconciled = world.reconcile()

    assert found(reconciled) == [("provider_unknown", "nobody"), ("provider_sum", "")]
    assert "stray" in comparison(reconciled).findings[0].detail
    assert comparison(reconciled).theirs == {"EUR": 777, "USD": 6000}
    assert reconciled.report["status"] == "completed_with_findings"


def test_a_second_charge_for_a_known_payment_is_found(world: World) -> None:
    first = payment_of(world, "a").provider_ref
    world.gateway.orders["second"] = replace(world.gateway.orders[first], attempt=7)
    world.gateway.settle("second", Collected(payment_of(world, "a").amount))
    assert found(world.reconcile()) == [("provider_unknown", "a"), ("provider_sum", "")]


def test_a_charge_that_names_no_payment_of_ours_is_found(world: World) -> None:
    order = world.gateway.orders[payment_of(world, "a").provider_ref]
    world.gateway.orders["odd"] = replace(order, payment_id="somebody's own")
    world.gateway.settle("odd", Collected(order.amount))
    assert found(world.reconcile())[0] == ("provider_unknown", "")


def test_a_payment_that_the_provider_does_not_list_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = payment_of(world, "b").provider_ref
    del world.gateway.outcomes[missing]

    reconciled = world.reconcile()

    assert found(reconciled) == [("provider_missing", "b"), ("provider_sum", "")]
    assert missing in comparison(reconciled).findings[0].detail
    assert payment_of(world, "b").state is PaymentState.PAID, "nothing is guessed"


def test_a_differing_amount_is_found_with_both_values(world: World) -> None:
    world.gateway.outcomes[payment_of(world, "c").provider_ref] = Collected(Money(2999, "USD"))
    reconciled = world.reconcile()
    assert found(reconciled) == [("provider_amount", "c"), ("provider_sum", "")]
    assert "29.99 USD, but our payment is paid with 30.00 USD" in comparison(reconciled).findings[0].detail


def test_a_refund_at_the_provider_is_booked_and_ties(world: World) -> None:
    reference = payment_of(world, "c").provider_ref
    world.gateway.settle(reference, Collected(Money(3000, "USD"), refunded_minor=500))

    reconciled = world.reconcile()

    assert found(reconciled) == []
    assert comparison(reconciled).booked == 1
    assert payment_of(world, "c").net_minor == 2500
    assert comparison(reconciled).ours == {"USD": 5500}
    assert reconciled.report["proof"]["ties"]
    assert reconciled.report["money"]["USD"]["collected"] == 5500


def test_a_reversal_is_booked_and_ties(world: World) -> None:
    world.gateway.settle(payment_of(world, "c").provider_ref, reversed_by_the_bank(Money(3000, "USD")))
    reconciled = world.reconcile()
    assert found(reconciled) == []
    assert payment_of(world, "c").state is PaymentState.REVERSED
    assert reconciled.report["proof"]["ties"]


def test_a_charge_that_we_missed_is_booked(world: World) -> None:
    world.use(world.add_customer("d"), "40")
    world.close(execution="execution-2")
    world.use(world.add_customer("late", method="authenticate"), "5", period=Period(2026, 11))
    world.clock.pass_time(days=31)
    world.close(Period(2026, 11), "execution-3")
    payment = world.month("late", Period(2026, 11)).payment
    assert payment
    world.gateway.settle(payment.provider_ref, Collected(payment.amount))  # they authenticated it; nobody told us

    reconciled = world.reconcile(Period(2026, 11))

    assert found(reconciled) == []
    after = world.month("late", Period(2026, 11)).payment
    assert after
    assert after.state is PaymentState.PAID
    assert reconciled.report["proof"]["ties"]


def test_a_payment_made_while_the_lists_are_read_is_not_a_finding(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = world.gateway.collected_for

    def collected_for(period: Period, window: Window, after: str = "") -> CollectedPage:
        page = real(period, window, after)
        return replace(page, charges=[charge for charge in page.charges if "/b" not in charge.payment_id])

    monkeypatch.setattr(world.gateway, "collected_for", collected_for)
    reconciled = world.reconcile()
    assert found(reconciled) == []
    assert comparison(reconciled).theirs == {"USD": 6000}


def test_charges_are_listed_from_the_months_end_on_whenever_the_close_was_opened(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close that was restored from a backup and opened again must find the charges of its first life."""
    asked = []

    def collected_for(period: Period, window: Window, after: str = "") -> CollectedPage:
        asked.append(window.since)
        return CollectedPage(())

    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, opened_at=close.opened_at + timedelta(days=3)))
    monkeypatch.setattr(world.gateway, "collected_for", collected_for)
    world.reconcile()
    assert asked == [OCTOBER.end]


def test_totals_that_drifted_since_the_close_are_recomputed(world: World) -> None:
    for progress in list(world.closes.all_progress(OCTOBER)):
        world.closes.put_progress(replace(progress, totals=replace(progress.totals, money={}), unsettled=3))
    report = world.reconcile().report
    assert report["proof"]["ties"]
    assert report["money"]["USD"]["collected"] == 6000


def test_the_progress_of_all_batches_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    original, reads = world.closes.all_progress, list[Period]()

    def counted(period: Period) -> Iterator[BatchProgress]:
        reads.append(period)
        return original(period)

    monkeypatch.setattr(world.closes, "all_progress", counted)
    close = world.closes.get(OCTOBER)
    assert close
    [compared] = world.comparer.compare(close)
    assert compared.findings == ()
    assert reads == [OCTOBER]


def test_a_comparison_that_changes_nothing_writes_no_progress(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.closes, "put_progress", None)
    assert world.reconcile().report["proof"]["ties"]


def test_a_proof_that_ties_again_completes_the_close_and_keeps_its_original_time(world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    world.closes.put(replace(close, status=CloseStatus.COMPLETED_WITH_FINDINGS))
    report = world.reconcile().report
    after = world.closes.get(OCTOBER)
    assert after
    assert (after.status, after.completed_at) == (CloseStatus.COMPLETED, close.completed_at)
    assert json.loads(world.documents.get("reports/2026-10/report.json")) == report


def test_a_comparison_is_kept_for_each_provider(world: World) -> None:
    world.reconcile()
    kept = json.loads(world.documents.get("reconciliations/2026-10/stripe.json"))
    assert kept["ties"]
    assert (kept["charges"], kept["theirs"]) == (3, {"USD": 6000})


def test_a_comparison_with_only_some_providers_leaves_the_report_unchanged(world: World) -> None:
    before = world.documents.get("reports/2026-10/report.json")
    world.gateway.outcomes.clear()
    reconciled = world.reconcile(OCTOBER, "stripe")
    assert reconciled.findings
    assert world.documents.get("reports/2026-10/report.json") == before


@pytest.mark.parametrize("error", [ProviderRefusedError("no such key"), TryLaterError("down")], ids=str)
def test_a_provider_that_cannot_be_asked_is_the_only_finding(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def collected_for(period: Period, window: Window, after: str = "") -> CollectedPage:
        raise error

    monkeypatch.setattr(world.gateway, "collected_for", collected_for)
    reconciled = world.reconcile()
    assert found(reconciled) == [("provider_unreachable", "")]
    assert not comparison(reconciled).complete


def test_money_at_a_provider_removed_from_the_settings_is_found(world: World) -> None:
    other = FakeGateway()
    other.provider = "other"
    world.compare_with(other)
    [stripe] = world.reconcile().comparisons  # whom nobody is charged by is not asked
    assert [finding.check for finding in stripe.findings] == ["provider_unreachable"]
    assert stripe.ours == {"USD": 6000}


def test_a_provider_that_a_customer_has_since_switched_to_is_asked_too(world: World) -> None:
    other = FakeGateway()
    other.provider = "other"
    world.compare_with(world.gateway, other)
    world.gateway.outcomes[payment_of(world, "a").provider_ref] = reversed_by_the_bank(Money(1000, "USD"))
    world.reconcile()
    world.change("a", profile=replace(world.customer("a").profile, payment_provider="other"))
    cashier = replace(world.cashier, charger=lambda _: Charger(world.books, other, world.clock))
    assert [payment.provider for payment in cashier.pay("a")] == ["other"]
    world.clock.pass_time(days=1)

    of_stripe, of_other = world.reconcile().comparisons

    assert (of_stripe.ours, of_other.ours) == ({"USD": 5000}, {"USD": 1000})
    assert of_stripe.findings == of_other.findings == ()


def test_a_reversed_charge_is_still_matched_when_the_invoice_was_collected_again(world: World) -> None:
    world.gateway.outcomes[payment_of(world, "a").provider_ref] = reversed_by_the_bank(Money(1000, "USD"))
    world.reconcile()
    world.change("a", profile=replace(world.customer("a").profile, payment_method="another"))
    assert world.charger.charge(PaymentKey("a", OCTOBER), again=True) is PaymentState.REVERSED
    assert [payment.state for payment in world.cashier.pay("a")] == [PaymentState.PAID]
    assert found(world.reconcile()) == []
    assert comparison(world.reconcile()).ours == {"USD": 6000}


def test_when_time_is_up_nothing_is_concluded_from_unread_lists(world: World) -> None:
    close = world.closes.get(OCTOBER)
    assert close
    world.gateway.page_size = 1
    comparer = world.comparer
    plan = comparer.planner.plan(close)
    for number in range(len(plan.parts)):
        comparer.reader.read(plan, number, close, time_is_up=lambda: True)
    [stripe] = comparer.joiner.join(close, plan).comparisons
    assert {finding.check for finding in stripe.findings} == {"compare_incomplete"}
    assert not stripe.complete


def test_a_month_that_was_not_closed_or_is_being_closed_cannot_be_reconciled(world: World) -> None:
    with pytest.raises(UserMistakeError, match="has not been closed"):
        world.reconcile(Period(2026, 9))
    world.open(execution="execution-2")
    with pytest.raises(UserMistakeError, match="is being closed"):
        world.reconcile()


def test_a_provider_with_an_empty_list_is_not_asked_about_thousands_of_payments_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison_sides, "MOST_FINDINGS", 50)
    world = World()
    for number in range(150):
        world.use(world.add_customer(f"c{number}"), "1")
    world.close()
    asked: list[ChargeOrder] = []
    real = world.gateway.look_up

    def look_up(order: ChargeOrder) -> Answer:
        asked.append(order)
        return real(order)

    monkeypatch.setattr(world.gateway, "look_up", look_up)
    world.gateway.outcomes.clear()

    [stripe] = world.reconcile().comparisons

    assert stripe.findings_in_all == 150 + 1
    assert len(stripe.findings) == 50
    assert len(asked) < 2 * 150


def test_a_customer_found_to_have_paid_is_notified_by_the_next_settling() -> None:
    world = World()
    world.use(world.add_customer("acme"), "10")
    world.gateway.failures["collect", "after"] = [OutcomeUnknownError("reset")]
    world.gateway.failures["look_up", "before"] = [TryLaterError("down")] * 2
    world.close()
    reconciled = world.reconcile()
    assert reconciled.report["proof"]["ties"]
    assert reconciled.report["status"] == "unfinished"
    assert reconciled.report["warnings"] == ["1 customer not notified yet: the reconciler sends their notices"]
    assert reconciled.report["unfinished"]["customers"][0]["what"] == "notice not sent yet: receipt"

    world.settle()

    assert len(world.mailer.sent) == 1
    assert world.reconcile().report["status"] == "completed"


def test_a_refund_between_two_comparisons_is_found_by_the_next(world: World) -> None:
    world.reconcile()
    world.gateway.settle(payment_of(world, "a").provider_ref, Collected(Money(1000, "USD"), refunded_minor=1000))
    world.clock.now += timedelta(days=1)
    assert comparison(world.reconcile()).ours == {"USD": 5000}
