"""Taxes of invoices with several tax classes: nothing is lost, whatever the rates, the prices and the rounding."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monthclose.domain.errors import ParkCustomerError, UserMistakeError
from monthclose.domain.money import Money, shared_out
from monthclose.domain.tax.computing import net_amounts, taxed
from monthclose.domain.tax.reading import new_tax_table, read_tax_table
from monthclose.domain.tax.tax import Rounding, Taxable, Taxation, TaxRate
from tests.unit.any import OCTOBER
from tests.unit.tax.test_tax_table import TABLE

NAMES = ("", "a", "b")
MINOR = st.integers(min_value=-(10**9), max_value=10**9)
ITEMS = st.lists(st.builds(Taxable, MINOR.map(lambda minor: Money(minor, "EUR")), st.sampled_from(NAMES)), max_size=12)
PERCENTS = st.decimals(min_value=0, max_value=40, places=2, allow_nan=False, allow_infinity=False)


@st.composite
def any_rates(draw: st.DrawFn) -> tuple[TaxRate, ...]:
    """Up to three taxes; each may be on top of those before it."""
    names = [f"tax {number}" for number in range(draw(st.integers(1, 3)))]
    return tuple(
        TaxRate(name, draw(PERCENTS), on_top_of=tuple(draw(st.sets(st.sampled_from(names[:place]))) if place else ()))
        for place, name in enumerate(names)
    )


@st.composite
def any_taxation(draw: st.DrawFn) -> Taxation:
    """Rates for each of three classes, some of them shared."""
    shared = draw(any_rates())
    classes = {name: draw(st.sampled_from([shared, shared[:1]]) | any_rates()) for name in NAMES[1:]}
    return Taxation(shared, draw(st.booleans()), classes, draw(st.sampled_from(Rounding)))


def adds(rate: TaxRate, rates: tuple[TaxRate, ...]) -> Fraction:
    """What a tax adds to a net of 1, by the words of docs/taxes.md: its rate of the net and of the taxes below it."""
    below = sum((adds(other, rates) for other in rates if other.name in rate.on_top_of), Fraction(0))
    return Fraction(rate.percent) / 100 * (1 + below)


@given(ITEMS, any_taxation())
def test_net_and_taxes_are_the_total_to_the_minor_unit(items: list[Taxable], taxation: Taxation) -> None:
    result = taxed(items, taxation, "EUR")
    subtotal = sum(item.amount.minor for item in items)
    assert result.net + result.tax == result.total
    assert result.total.minor == subtotal + (0 if taxation.inclusive else result.tax.minor)


@given(ITEMS, any_taxation())
def test_each_tax_is_within_its_roundings_of_the_exact_one(items: list[Taxable], taxation: Taxation) -> None:
    result = taxed(items, taxation, "EUR")
    roundings = len(items) if taxation.rounding is Rounding.LINE else 1
    for line in result.lines:
        exact = Fraction(0)
        for item in items:
            rates = taxation.rates_of(item.tax_class)
            if line.rate in rates:
                whole = 1 + sum(adds(rate, rates) for rate in rates) if taxation.inclusive else 1
                exact += item.amount.minor * adds(line.rate, rates) / whole
        # A tax that is on top of rounded ones has their roundings in its base, each at most half a unit.
        below = 2 * len(line.rate.on_top_of) * len(NAMES)
        assert abs(line.amount.minor - exact) <= Fraction(roundings * (1 + below), 2)


@given(ITEMS, any_taxation())
def test_the_credit_note_of_several_classes_is_the_exact_opposite(items: list[Taxable], taxation: Taxation) -> None:
    invoice = taxed(items, taxation, "EUR")
    credit = taxed([Taxable(-item.amount, item.tax_class) for item in items], taxation, "EUR")
    assert [(line.rate, line.amount) for line in credit.lines] == [(line.rate, -line.amount) for line in invoice.lines]
    assert credit.total == -invoice.total


@given(ITEMS, any_taxation(), st.randoms())
def test_the_order_of_the_lines_changes_no_tax(items: list[Taxable], taxation: Taxation, random: object) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert taxed(shuffled, taxation, "EUR") == taxed(items, taxation, "EUR")


@given(ITEMS, any_taxation())
def test_the_net_lines_sum_to_the_net(items: list[Taxable], taxation: Taxation) -> None:
    result = taxed(items, taxation, "EUR")
    nets = net_amounts(items, result.lines, inclusive=taxation.inclusive)
    assert Money.sum(nets, "EUR") == result.net


@given(ITEMS, st.tuples(PERCENTS, PERCENTS, PERCENTS), st.booleans(), st.sampled_from(Rounding))
def test_with_one_tax_on_each_line_the_net_lines_of_a_rate_sum_to_its_base(
    items: list[Taxable], percents: tuple[Decimal, Decimal, Decimal], inclusive: bool, rounding: Rounding
) -> None:
    first, *others = ((TaxRate("VAT", percent),) for percent in percents)
    result = taxed(items, Taxation(first, inclusive, dict(zip(NAMES[1:], others, strict=True)), rounding), "EUR")
    nets = net_amounts(items, result.lines, inclusive=inclusive)
    for line in result.lines:
        on_it = [net.minor for net, item in zip(nets, items, strict=True) if line.is_on(item.tax_class)]
        assert sum(on_it) == line.base.minor


@given(st.integers(-(10**6), 10**6), st.lists(st.fractions(-1000, 1000), min_size=1, max_size=9))
def test_shares_sum_to_their_target_and_those_of_the_exact_sum_are_less_than_one_from_exact(
    target: int, exact: list[Fraction]
) -> None:
    assert sum(shared_out(target, exact)) == target
    near = round(sum(exact, Fraction(0)))
    assert all(abs(share - one) <= 1 for share, one in zip(shared_out(near, exact), exact, strict=True))


CLASSES = """
seller = "DE"
classes = ["e-services"]
[[rate]]
countries = ["DE"]
name = "VAT"
percent = 19
[[rate]]
countries = ["DE"]
name = "VAT"
percent = 7
classes = ["books", "food"]
until = 2027-01-01
[[rate]]
countries = ["AT"]
name = "VAT"
percent = 10
classes = ["books"]
"""


def rate_of(tax_class: str, country: str = "DE", table: str = CLASSES) -> list[str]:
    taxation = new_tax_table(table.encode()).for_customer(country, "", "", OCTOBER.last_day)
    return [str(rate.percent) for rate in taxation.rates_of(tax_class)]


def test_a_tax_class_has_the_rate_that_names_it_instead_of_the_one_that_names_none() -> None:
    assert [rate_of(name) for name in ("", "books", "food", "e-services")] == [["19"], ["7"], ["7"], ["19"]]


def test_when_the_rate_of_a_tax_class_has_ended_it_has_the_general_one() -> None:
    taxation = new_tax_table(CLASSES.encode()).for_customer("DE", "", "", OCTOBER.next.next.next.last_day)
    assert [str(rate.percent) for rate in taxation.rates_of("books")] == ["19"]


def test_a_tax_class_that_the_table_does_not_know_is_never_taxed_by_guess() -> None:
    with pytest.raises(ParkCustomerError, match="does not know the tax class 'boks': name it in a rate") as caught:
        rate_of("boks")
    assert caught.value.reason == "tax_not_covered"


@pytest.mark.parametrize(
    ("tax_class", "what"), [("", "what has no tax class"), ("food", "the tax class 'food'"), ("e-services", "'e-serv")]
)
def test_what_no_rate_of_the_place_is_for_is_parked(tax_class: str, what: str) -> None:
    with pytest.raises(ParkCustomerError, match=f"no rate for .*{what}.* in AT .no region given. on 2026-10-31"):
        rate_of(tax_class, "AT")


def test_without_a_table_a_tax_class_means_nothing() -> None:
    assert taxed([Taxable(Money(100, "EUR"), "books")], Taxation(), "EUR").total.minor == 100


def rule(more: str, name: str = "VAT") -> str:
    return f'[[rate]]\ncountries = ["DE"]\nname = "{name}"\npercent = 19\n{more}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rule("") + rule(""), "rate 1 and rate 2 are both called 'VAT' .* different regions or classes"),
        (rule('classes = ["a", "b"]') + rule('classes = ["b"]'), "rate 1 and rate 2 are both called 'VAT'"),
        (rule("inclusive = true") + rule('classes = ["b"]'), "rate 1 and rate 2 apply together in DE, but only one"),
        (rule("classes = []"), "rate 1: classes is an empty list"),
        (rule('classes = "a"'), r'rate 1: classes is a list, even of one: write \["a"\]'),
        (rule('on_top_of = ["GST"]'), "rate 1: on_top_of names 'GST', and no rate of that name applies with it"),
        (rule('on_top_of = ["VAT"]'), "the tax 'VAT' is on top of itself"),
        (
            rule('on_top_of = ["B"]', "A") + rule('on_top_of = ["C"]', "B") + rule('on_top_of = ["A"]', "C"),
            "the tax 'A' is on top of itself",
        ),
        ('rounding = "up"\n' + rule(""), "rounding 'up' does not exist; choose one of sum, line"),
        ("classes = [1]\n" + rule(""), "the tax table: classes is a list of codes"),
    ],
)
def test_a_table_whose_classes_or_taxes_on_taxes_cannot_be_used_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        new_tax_table(f'seller = "DE"\n{text}'.encode())


def test_tables_of_before_have_the_version_that_they_had() -> None:
    assert read_tax_table(TABLE.encode()).version == "2a8ffa9c1680b1e2"


@pytest.mark.parametrize("more", ['classes = ["a"]', 'on_top_of = ["Levy"]'])
def test_what_a_table_says_newly_is_part_of_its_version(more: str) -> None:
    text = 'seller = "DE"\n' + rule("", "Levy") + rule("{}")
    assert new_tax_table(text.format(more).encode()).version != new_tax_table(text.format("").encode()).version


def test_rounding_is_part_of_a_tables_version() -> None:
    text = 'seller = "DE"\n{}' + rule("")
    assert (
        new_tax_table(text.format('rounding = "line"\n').encode()).version
        != new_tax_table(text.format("").encode()).version
    )
