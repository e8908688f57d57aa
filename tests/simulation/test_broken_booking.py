"""The booking broken in every way that it once was, or could be: each time the comparison must find the customer.

It can only do so as long as the providers' record shares no code with the booking.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from monthclose.adapters.gocardless import gateway as gocardless_gateway
from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.adapters.stripe import gateway as stripe_gateway
from monthclose.adapters.stripe import money_back as stripe_money_back
from monthclose.domain.money import Money, exponent
from monthclose.domain.payments.payment import PaymentState
from monthclose.ports import Collected, Refused
from monthclose.use_cases.payments.book_outcomes import Bookkeeper, Case
from sandbox.stripe.balance import Settlement
from tests.simulation.happenings import AT_GOCARDLESS, AT_STRIPE, disputed
from tests.simulation.proving import Proving, charged, paid
from tests.simulation.universe import CUSTOMER, TOTAL

type Break = Callable[[pytest.MonkeyPatch], None]


class Broken(NamedTuple):
    """How the booking is broken, and what it then gets wrong: heard of in the end, or step by step."""

    how: Break
    happening: str
    step_by_step: bool = False


def _says(change: Callable[[Collected], Collected]) -> Break:
    """What Stripe's gateway makes of the refunds and disputes is changed."""
    real = stripe_money_back.with_money_back

    def break_(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(stripe_gateway, "with_money_back", lambda *known: change(real(*known)))

    return break_


def _withdraws(withdrawn: Callable[[Any], int]) -> Break:
    """What Stripe's gateway takes a dispute to have withdrawn is changed."""
    return lambda patch: patch.setattr(stripe_money_back, "_withdrawn", withdrawn)


_real_withdrawn = stripe_money_back._withdrawn


def _unless(status: str, otherwise: Callable[[Any], int]) -> Break:
    return _withdraws(lambda it: otherwise(it) if it.status.startswith(status) else _real_withdrawn(it))


def every_refund_has_left(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stripe_money_back, "_has_left", lambda _: True)


def a_pending_refund_is_none(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stripe_money_back, "_has_left", lambda refund: refund.status == "succeeded")


def amounts_have_two_decimals(patch: pytest.MonkeyPatch) -> None:
    def our_amount(amount: int, currency: str) -> Money:
        return Money(amount * 10 ** exponent(currency.upper()) // 100, currency.upper())

    for module in (stripe_gateway, stripe_money_back):
        patch.setattr(module, "our_amount", our_amount)


def settled_amounts_are_the_charges(patch: pytest.MonkeyPatch) -> None:
    _withdraws(lambda dispute: -sum(move.amount for move in dispute.balance_transactions))(patch)


def only_the_first_dispute_counts(patch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def withdrawn(dispute: Any) -> int:
        seen.append(dispute.id)
        return _real_withdrawn(dispute) if dispute.id == seen[0] else 0

    _withdraws(withdrawn)(patch)


def no_refund_after_a_reversal(patch: pytest.MonkeyPatch) -> None:
    """What is booked depends on what was heard of first."""
    real = Bookkeeper._refund

    def refund(self: Bookkeeper, case: Case, said: Collected) -> Case:
        return case if case.payment.reversed_minor else real(self, case, said)

    patch.setattr(Bookkeeper, "_refund", refund)


def late_refusals_are_ignored(patch: pytest.MonkeyPatch) -> None:
    real = Bookkeeper._converge

    def converge(self: Bookkeeper, case: Case, outcome: Any) -> Case:
        late = isinstance(outcome, Refused) and case.payment.state is PaymentState.PAID
        return case if late else real(self, case, outcome)

    patch.setattr(Bookkeeper, "_converge", converge)


def nothing_comes_back(patch: pytest.MonkeyPatch) -> None:
    """What went back to the customer or their bank stays booked, though it was undone."""
    patch.setattr(Bookkeeper, "_regain", lambda self, case, said: case)


def charge_backs_are_ignored(patch: pytest.MonkeyPatch) -> None:
    real = GoCardlessGateway._outcome

    def outcome(self: GoCardlessGateway, payment: Any) -> Any:
        said = real(self, payment)
        return replace(said, reversed_minor=0) if isinstance(said, Collected) else said

    patch.setattr(GoCardlessGateway, "_outcome", outcome)


def refunds_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(GoCardlessGateway, "_refunded", lambda self, payment: 0)


def _not_refunded(*statuses: str) -> Break:
    return lambda patch: patch.setattr(gocardless_gateway, "_NOT_REFUNDED", frozenset(statuses))


def what_is_submitted_is_collected(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gocardless_gateway, "_PENDING", frozenset())
    patch.setattr(gocardless_gateway, "_COLLECTED", frozenset({"pending_submission", "submitted", "confirmed"}))


BROKEN_AT_STRIPE: Mapping[str, Broken] = {
    "a dispute takes all of the charge": Broken(_withdraws(lambda _: TOTAL), "a part is disputed"),
    "only one of several disputes counts": Broken(only_the_first_dispute_counts, "several parts are disputed"),
    "disputes are forgotten": Broken(_says(lambda said: replace(said, reversed_minor=0)), "a part is disputed"),
    "a dispute that is won is ignored": Broken(_unless("won", lambda it: it.amount), "a dispute is won"),
    "money that comes back is ignored": Broken(nothing_comes_back, "a dispute over a part is won", step_by_step=True),
    "a dispute that is lost is lost whole": Broken(_unless("lost", lambda it: it.amount), "a dispute is partly won"),
    "an appeal reads as collected": Broken(_unless("appeal", lambda _: 0), "an appeal that needs a response"),
    "an appeal under review reads as collected": Broken(_unless("appeal", lambda _: 0), "an appeal under review"),
    "an unknown status reads as collected": Broken(_unless("some", lambda _: 0), "a status that nobody knows"),
    "an inquiry reads as withdrawn": Broken(_unless("warning", lambda it: it.amount), "an inquiry"),
    "prevented reads as collected": Broken(_unless("prevented", lambda _: 0), "a dispute that is prevented by paying"),
    "refunds are forgotten": Broken(_says(lambda said: replace(said, refunded_minor=0)), "a part is refunded"),
    "a refund that failed is still counted": Broken(every_refund_has_left, "one refund fails, another succeeds"),
    "a refund that fails stays booked": Broken(
        nothing_comes_back, "a refund that succeeded and then failed", step_by_step=True
    ),
    "a refund that waits for money is counted": Broken(every_refund_has_left, "a pending refund that waits for money"),
    "a pending refund is not counted": Broken(a_pending_refund_is_none, "a pending refund whose money has left"),
    "no more is gone than was there": Broken(
        _says(lambda said: replace(said, reversed_minor=min(said.reversed_minor, TOTAL - said.refunded_minor))),
        "a refund and a dispute over more than the rest",
    ),
    "refund or dispute, whichever came first": Broken(
        no_refund_after_a_reversal, "a refund and a dispute over the rest"
    ),
}
BROKEN_AT_GOCARDLESS: Mapping[str, Broken] = {
    "a charge-back is ignored": Broken(charge_backs_are_ignored, "a charge-back"),
    "a charge-back after the payout is ignored": Broken(
        charge_backs_are_ignored, "a charge-back after it was paid out"
    ),
    "a charge-back stays booked": Broken(nothing_comes_back, "a charge-back that is cancelled", step_by_step=True),
    "a late failure is ignored": Broken(late_refusals_are_ignored, "a late failure"),
    "refunds are forgotten": Broken(refunds_are_forgotten, "a part is refunded"),
    "a refund that failed is still counted": Broken(
        _not_refunded("cancelled"), "one refund is returned, another stands"
    ),
    "a refund that fails stays booked": Broken(nothing_comes_back, "a refund that is cancelled", step_by_step=True),
    "a refund that bounced is taken for returned": Broken(
        _not_refunded("bounced", "cancelled", "funds_returned"),
        "a refund that bounces after it was paid",
    ),
    "refund or charge-back, whichever came first": Broken(no_refund_after_a_reversal, "a charge-back after a refund"),
}
BROKEN = [
    *(pytest.param("stripe", broken, id=f"Stripe: {name}") for name, broken in BROKEN_AT_STRIPE.items()),
    *(pytest.param("gocardless", broken, id=f"GoCardless: {name}") for name, broken in BROKEN_AT_GOCARDLESS.items()),
]


def assert_found(it: Proving, *, heals: bool) -> None:
    """The comparison names the customer, and the sums show it, too."""
    assert it.payment.net_minor != it.net_minor
    comparison = it.compare(heals=heals)
    named = {finding.check for finding in comparison.findings if finding.customer_id == CUSTOMER}
    assert named & {"provider_amount", "provider_missing"}
    assert comparison.ours != comparison.theirs
    assert "provider_sum" in {finding.check for finding in comparison.findings}
    assert it.recorded()[0] == it.net_minor


@pytest.mark.parametrize("heals", [False, True], ids=["looks", "heals"])
@pytest.mark.parametrize(("provider", "broken"), BROKEN)
def test_the_comparison_finds_a_broken_booking(
    provider: str, broken: Broken, heals: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = paid(provider)
    it.attentive = broken.step_by_step
    broken.how(monkeypatch)
    (AT_STRIPE if provider == "stripe" else AT_GOCARDLESS)[broken.happening](it)
    it.hear()
    assert_found(it, heals=heals)


@pytest.mark.parametrize("heals", [False, True], ids=["looks", "heals"])
@pytest.mark.parametrize("currency", ["JPY", "KWD", "MGA"])
def test_the_comparison_finds_amounts_read_with_the_wrong_decimals(
    currency: str, heals: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    amounts_have_two_decimals(monkeypatch)
    assert_found(paid("stripe", currency=currency), heals=heals)


@pytest.mark.parametrize("heals", [False, True], ids=["looks", "heals"])
def test_the_comparison_finds_money_counted_in_the_settlement_currency(
    heals: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled_amounts_are_the_charges(monkeypatch)
    it = paid("stripe", currency="EUR", settlement=Settlement("usd", {"eur": "1.1"}))
    disputed(2_000)(it)
    it.hear()
    assert_found(it, heals=heals)


def test_the_comparison_finds_a_debit_booked_before_it_was_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    what_is_submitted_is_collected(monkeypatch)
    it = charged("gocardless")
    it.hear()
    assert_found(it, heals=True)
