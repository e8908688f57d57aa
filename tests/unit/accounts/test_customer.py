"""The customer's account and its lease."""

import pytest
from hypothesis import given

from monthclose.domain.money import Money
from tests.unit.any import BIG, NOW, a_customer, any_minor


@given(any_minor(0, BIG), any_minor(0, BIG))
def test_the_balance_is_what_the_customer_owes_less_what_we_owe_them(receivable: int, credit: int) -> None:
    assert a_customer(receivable=receivable, credit=credit, currency="KWD").balance == Money(receivable - credit, "KWD")


def test_an_account_never_has_a_negative_receivable_or_credit() -> None:
    with pytest.raises(ValueError, match="C-1: receivable -1 and credit 0"):
        a_customer(receivable=-1)
    with pytest.raises(ValueError, match="must not be negative"):
        a_customer(credit=-1)


def test_one_payment_at_a_time_holds_the_lease() -> None:
    leased = a_customer().leased_to("2026-10/C-1", NOW)
    assert leased.open_payment == "2026-10/C-1"
    with pytest.raises(ValueError, match="leased to 2026-10/C-1"):
        leased.leased_to("2026-09/C-1", NOW)


def test_a_payment_may_take_the_lease_that_it_already_holds() -> None:
    leased = a_customer().leased_to("2026-10/C-1", NOW)
    assert leased.leased_to("2026-10/C-1", NOW) == leased


def test_only_the_payment_that_holds_the_lease_releases_it() -> None:
    leased = a_customer().leased_to("2026-10/C-1", NOW)
    assert leased.released_by("2026-09/C-1") == leased
    assert leased.released_by("2026-10/C-1") == a_customer()
    assert a_customer().released_by("2026-10/C-1") == a_customer()
