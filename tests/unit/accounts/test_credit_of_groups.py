"""Credit of customers under a payer."""

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from tests.unit.invoices.groups import company, row


def test_credit_for_one_whose_invoices_go_to_a_payer_is_refused_and_the_payers_covers_all_sections() -> None:
    world = company(row("head"), row("north", "head"))
    with pytest.raises(UserMistakeError, match="give head the credit"):
        world.cashier.credit("north", Money(500, "USD"), "sorry")
    assert world.cashier.credit("head", Money(500, "USD"), "sorry").credit_minor == 500


def test_one_with_open_invoices_of_their_own_may_have_credit_for_them() -> None:
    world = company(row("head"), row("north", "head"))
    world.change("north", receivable_minor=500, account_currency="USD")
    assert world.cashier.credit("north", Money(200, "USD"), "sorry").credit_minor == 200
