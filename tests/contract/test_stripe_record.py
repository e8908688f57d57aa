"""Stripe's record of the money, from balance transactions as its documents have them and our sandbox does not."""

import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from monthclose.adapters.stripe.record import StripeRecord
from monthclose.domain.closes.proof import MoneyReturned, ProviderCharge
from tests.world import OCTOBER


def charge(number: int, status: str = "succeeded", close: str = str(OCTOBER), **more: Any) -> SimpleNamespace:
    metadata = SimpleNamespace(**({"close": close, "payment": f"2026-10/c{number}"} if close else {}))
    known = {"object": "charge", "id": f"ch_{number}", "payment_intent": f"pi_{number}", "currency": "usd"}
    return SimpleNamespace(
        **{**known, "amount": 1000, "amount_captured": 1000, "status": status, "metadata": metadata, **more}
    )


def move(kind: str, amount: int, source: Any, created: int = 0, **more: Any) -> SimpleNamespace:
    known = {"type": kind, "amount": amount, "currency": "usd", "exchange_rate": None, "source": source}
    return SimpleNamespace(**{**known, "id": f"txn_{created}", "created": created, **more})


def held(*moves: SimpleNamespace) -> list[tuple[str, int]]:
    """What is held for October, by balance transactions from the newest to the oldest."""
    return [(found.reference, found.minor) for found in listed(moves)]


def listed(moves: Iterable[SimpleNamespace]) -> Iterator[ProviderCharge]:
    """Read page by page, and take off what went back on other pages."""
    record = StripeRecord(SimpleNamespace(balance_transactions=Listed(moves)))
    gone, after = Counter[str](), ""
    while True:
        page = record.page(OCTOBER, {"gte": 0}, after)
        gone.update({back.reference: back.minor for back in page.returned})
        for found in page.charges:
            yield replace(found, minor=found.minor - gone[found.reference])
        after = page.after
        if not after:
            return


class Listed:
    """Balance transactions in pages of a hundred."""

    def __init__(self, moves: Iterable[SimpleNamespace]) -> None:
        self._moves = iter(moves)
        self._next = next(self._moves, None)

    def list(self, query: dict[str, Any]) -> SimpleNamespace:
        page = list[SimpleNamespace]()
        while self._next is not None and len(page) < query["limit"]:
            page.append(self._next)
            self._next = next(self._moves, None)
        return SimpleNamespace(data=page, has_more=self._next is not None)


def refund(of: SimpleNamespace, amount: int) -> SimpleNamespace:
    return SimpleNamespace(
        object="refund", id="re_1", charge=of.id, payment_intent=of.payment_intent, amount=amount, currency=of.currency
    )


def test_a_reserve_hold_takes_nothing_from_the_charge_that_it_names() -> None:
    paid = charge(1)
    assert held(
        move("reserve_hold", -300, paid, 3),
        move("payment_network_reserve_hold", -100, paid, 2),
        move("charge", 1000, paid, 1),
    ) == [("pi_1", 1000)]


def test_movements_that_belong_to_no_charge_are_skipped() -> None:
    payout, fee = SimpleNamespace(object="payout", id="po_1"), None
    stranger = charge(2, close="", payment_intent=None)
    of_september = charge(3, close="2026-09")
    moves = [
        move("payout", -5000, payout, 9),
        move("stripe_fee", -20, fee, 8),
        move("adjustment", -20, fee, 7),
        move("refund", -400, refund(stranger, 400), 6),
        move("charge", 1000, stranger, 5),
        move("charge", 1000, of_september, 4),
        move("charge", 1000, charge(1), 3),
    ]
    assert held(*moves) == [("pi_1", 1000)]


def test_a_debit_that_failed_after_succeeding_is_no_longer_held() -> None:
    for kind in ("payment_failure_refund", "payment_reversal"):
        paid = charge(1)
        assert held(move(kind, -1000, paid, 2), move("payment", 1000, paid, 1)) == [("pi_1", 0)]


def test_a_debit_that_is_pending_or_has_failed_is_not_listed() -> None:
    pending, failed = charge(1, "pending"), charge(2, "failed")
    moves = [move("payment_failure_refund", -1000, failed, 3), move("payment", 1000, failed, 2)]
    assert held(*moves, move("payment", 1000, pending, 1)) == []


def test_money_returned_within_a_second_of_the_charge_is_counted_in_any_order() -> None:
    paid, settled_otherwise = charge(1), charge(2, currency="eur")
    moves = [
        move("charge", 1000, paid),
        move("charge", 1100, settled_otherwise, exchange_rate=1.1),
        move("refund", -110, refund(settled_otherwise, 100), exchange_rate=1.1),
        move("refund", -250, refund(paid, 250)),
    ]
    assert sorted(held(*moves)) == [("pi_1", 750), ("pi_2", 900)]


def test_a_failed_refund_is_held_again_whatever_type_and_source_stripe_gives_it() -> None:
    paid = charge(1)
    for kind, source in (
        ("refund_failure", refund(paid, 400)),
        ("payment_refund", refund(paid, 400)),
        ("adjustment", paid),
    ):
        moves = [move(kind, 400, source, 3), move("refund", -400, refund(paid, 400), 2), move("charge", 1000, paid, 1)]
        assert held(*moves) == [("pi_1", 1000)]


def test_what_went_back_after_the_window_of_its_charge_is_named_with_its_payment() -> None:
    """A refund is recorded when it is made, which may be many windows after the charge."""
    paid = charge(1)
    later = Listed([move("refund", -250, refund(paid, 250), 9)])
    page = StripeRecord(SimpleNamespace(balance_transactions=later)).page(OCTOBER, {"gte": 5}, "")
    assert page.charges == []
    assert page.returned == [MoneyReturned("stripe", "pi_1", "USD", 250)]


@pytest.mark.long
def test_listing_charges_needs_no_memory_for_each() -> None:
    def moves() -> Iterator[SimpleNamespace]:
        for number in range(20_000):
            yield move("charge", 1000, charge(number), -number)

    charges = listed(moves())
    assert next(charges).minor == 1000
    tracemalloc.start()
    assert sum(found.minor for found in charges) == 19_999 * 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000
