"""The ledger: double entry."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.accounts.ledger import Account, Leg, entry_legs, sums_by_account
from tests.unit.any import an_entry, any_currency, any_minor

any_amounts = st.dictionaries(st.sampled_from(Account), any_minor(), min_size=1)


def balanced(amounts: dict[Account, int]) -> tuple[Leg, ...]:
    """Legs of any amounts, with one more that makes them balance."""
    return (*entry_legs(amounts), *entry_legs({Account.REVENUE: -sum(amounts.values())}))


@pytest.mark.parametrize(
    "legs",
    [
        (),
        (Leg(Account.REVENUE, 5),),
        (Leg(Account.RECEIVABLE, 5), Leg(Account.REVENUE, -4)),
        (Leg(Account.CREDIT, 5), Leg(Account.REVENUE, -6)),
    ],
)
def test_an_entry_whose_legs_do_not_balance_is_refused(legs: tuple[Leg, ...]) -> None:
    with pytest.raises(ValueError, match="do not balance"):
        an_entry(legs)


@given(any_amounts)
def test_legs_of_zero_are_dropped_and_nothing_else(amounts: dict[Account, int]) -> None:
    legs = entry_legs(amounts)
    assert {leg.account: leg.minor for leg in legs} == {account: minor for account, minor in amounts.items() if minor}


@given(st.lists(st.tuples(any_amounts, any_currency()), max_size=6))
def test_sums_by_account_add_up_every_leg_per_currency_and_come_to_zero(
    bookings: list[tuple[dict[Account, int], str]],
) -> None:
    entries = [an_entry(legs, currency=currency) for amounts, currency in bookings if (legs := balanced(amounts))]
    expected: dict[str, Counter[Account]] = {}
    for entry in entries:
        for leg in entry.legs:
            expected.setdefault(entry.currency, Counter())[leg.account] += leg.minor
    sums = sums_by_account(entries)
    assert sums == {currency: dict(counter) for currency, counter in expected.items()}
    assert all(sum(accounts.values()) == 0 for accounts in sums.values())
