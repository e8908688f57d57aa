"""How taxes are computed: each rate once on the total, half away from zero, and never a minor unit lost."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.money import Money
from monthclose.domain.tax.computing import net_amounts, taxed
from monthclose.domain.tax.tax import UNTAXED, Taxable, Taxation, TaxCategory, TaxRate


def rates(*percents: str, inclusive: bool = False) -> Taxation:
    return Taxation(tuple(TaxRate(f"Tax {n}", Decimal(p)) for n, p in enumerate(percents)), inclusive)


def euros(*minor: int) -> list[Taxable]:
    return [Taxable(Money(m, "EUR")) for m in minor]


@pytest.mark.parametrize(
    ("lines", "percents", "taxes", "total"),
    [
        # EN 16931, BR-CO-17: base x rate / 100, rounded to two decimals.
        ([10000], ["19"], [1900], 11900),
        ([333, 333, 333], ["19"], [190], 1189),  # on the sum 9.99: 1.8981; line by line it would be 0.63 x 3 = 1.89
        ([50], ["5"], [3], 53),  # 0.025: half goes away from zero
        ([-50], ["5"], [-3], -53),  # and so it does in the credit note
        ([10000], ["5", "9.975"], [500, 998], 11498),  # Canada: GST and QST, both on the net (9.975 rounds up)
        ([8000, -2000], ["7.7"], [462], 6462),  # a discount is a line
        ([10000], ["0"], [0], 10000),
        ([], ["19"], [0], 0),
        ([12345], [], [], 12345),
    ],
)
def test_taxes_are_added_to_net_prices(lines: list[int], percents: list[str], taxes: list[int], total: int) -> None:
    result = taxed(euros(*lines), rates(*percents), "EUR")
    assert [line.amount.minor for line in result.lines] == taxes
    assert [line.base.minor for line in result.lines] == [sum(lines)] * len(percents)
    assert (result.net.minor, result.total.minor) == (sum(lines), total)


@pytest.mark.parametrize(
    ("lines", "percents", "net", "taxes"),
    [
        ([11900], ["19"], 10000, [1900]),
        ([100], ["19"], 84, [16]),  # 15.966 of 100
        ([1], ["19"], 1, [0]),
        ([23760], ["10"], 21600, [2160]),
        ([11498], ["5", "9.975"], 10000, [500, 998]),
        ([-11900], ["19"], -10000, [-1900]),
    ],
)
def test_taxes_are_taken_out_of_gross_prices(lines: list[int], percents: list[str], net: int, taxes: list[int]) -> None:
    result = taxed(euros(*lines), rates(*percents, inclusive=True), "EUR")
    assert result.total.minor == sum(lines)
    assert result.net.minor == net
    assert [line.amount.minor for line in result.lines] == taxes


@pytest.mark.parametrize(("currency", "base", "tax"), [("JPY", 1005, 101), ("KWD", 1005, 101), ("EUR", 1005, 101)])
def test_taxes_are_rounded_to_the_currencys_own_minor_unit(currency: str, base: int, tax: int) -> None:
    assert taxed([Taxable(Money(base, currency))], rates("10"), currency).lines[0].amount == Money(tax, currency)


def test_without_a_table_the_total_is_the_sum_of_the_lines() -> None:
    result = taxed(euros(1, 2), UNTAXED, "EUR")
    assert (result.lines, result.total.minor) == ((), 3)


def test_a_reverse_charge_is_a_line_of_zero_that_says_why() -> None:
    rate = TaxRate("VAT", Decimal(0), TaxCategory.REVERSE_CHARGE, "Reverse charge")
    result = taxed(euros(10000), Taxation((rate,)), "EUR")
    assert [(line.rate.note, line.amount.minor) for line in result.lines] == [("Reverse charge", 0)]
    assert result.total.minor == 10000


MINOR = st.integers(min_value=-(10**12), max_value=10**12)
PERCENTS = st.lists(
    st.decimals(min_value=0, max_value=100, places=3, allow_nan=False, allow_infinity=False), max_size=4
)


@given(st.lists(MINOR, max_size=20), PERCENTS, st.booleans())
def test_net_and_taxes_are_the_total_and_each_tax_is_half_a_unit_from_exact(
    lines: list[int], percents: list[Decimal], inclusive: bool
) -> None:
    taxation = rates(*map(str, percents), inclusive=inclusive)
    result = taxed(euros(*lines), taxation, "EUR")
    assert result.net + result.tax == result.total
    assert result.total.minor == sum(lines) + (0 if inclusive else result.tax.minor)
    divisor = 100 + (sum(map(Fraction, percents)) if inclusive else 0)
    for line in result.lines:
        exact = sum(lines) * Fraction(line.rate.percent) / divisor
        assert abs(line.amount.minor - exact) <= Fraction(1, 2)
        assert line.base == result.net


@given(st.lists(MINOR, max_size=20), PERCENTS, st.booleans())
def test_a_credit_note_is_the_exact_opposite_of_its_invoice(
    lines: list[int], percents: list[Decimal], inclusive: bool
) -> None:
    taxation = rates(*map(str, percents), inclusive=inclusive)
    invoice = taxed(euros(*lines), taxation, "EUR")
    credit = taxed(euros(*(-minor for minor in lines)), taxation, "EUR")
    assert credit.total == -invoice.total
    assert [line.amount for line in credit.lines] == [-line.amount for line in invoice.lines]


@given(st.lists(MINOR, max_size=20), PERCENTS, st.booleans(), st.randoms())
def test_the_order_of_the_lines_and_splitting_one_change_no_tax(
    lines: list[int], percents: list[Decimal], inclusive: bool, random: object
) -> None:
    taxation = rates(*map(str, percents), inclusive=inclusive)
    split = [part for minor in lines for part in (minor // 3, minor - minor // 3)]
    random.shuffle(split)  # type: ignore[attr-defined]
    assert taxed(euros(*split), taxation, "EUR") == taxed(euros(*lines), taxation, "EUR")


@given(st.lists(MINOR, max_size=30), PERCENTS)
def test_net_lines_sum_to_the_net_and_are_close_to_their_share(lines: list[int], percents: list[Decimal]) -> None:
    taxation = rates(*map(str, percents), inclusive=True)
    nets = net_amounts(euros(*lines), taxed(euros(*lines), taxation, "EUR").lines, inclusive=True)
    assert sum(net.minor for net in nets) == taxed(euros(*lines), taxation, "EUR").net.minor or not lines
    ratio = Fraction(100) / (100 + sum(map(Fraction, percents)))
    for gross, net in zip(lines, nets, strict=True):
        assert abs(net.minor - gross * ratio) < 1 + len(percents)
