"""The gate's rules: each strikes just over its line and not at it, and says in one line what it has found."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given

from monthclose.domain.pricing.reading import read_book
from monthclose.domain.rehearsals.billed import Billed, Outcome, parked
from monthclose.domain.rehearsals.comparison import compare_all
from monthclose.domain.rehearsals.rows import Pair
from monthclose.domain.rehearsals.rules import OFF, GateFinding, GateRules, judge
from tests.unit.any import OCTOBER
from tests.unit.rehearsals.months import Months, any_pairs, crowd, findings, invoiced, months_of

SEPTEMBER_BOOK = {"prices": [{"sku": "vm", "currency": "EUR", "unit_price": "0.10", "description": "Small machine"}]}
SUPPORT = {"id": "support", "currency": "EUR", "monthly_fee": "10", "description": "Support"}
EVERYTHING = GateRules(
    total_percent=0,
    invoice_minor={"default": 0},
    customer_times=1,
    vanished_customers=1,
    unused_entries=True,
    everybody_percent=0,
    everybody_customers=1,
    parked_percent=0,
    gone_percent=0,
    new_percent=0,
)


def texts(found: tuple[GateFinding, ...]) -> list[str]:
    return [finding.text for finding in found]


def some_parked(number: int, of: int) -> Months:
    return {**crowd(of - number, 100), **{f"p{n}": parked(f"p{n}", "no_price") for n in range(number)}}


JUST_OVER: list[tuple[str, GateRules, Callable[[int], tuple[Months, Months]], int]] = [
    (
        "total_percent",
        GateRules(total_percent=10),
        lambda total: ({"a": invoiced("a", total)}, {"a": invoiced("a", 1000)}),
        1100,
    ),
    (
        "total_percent",
        GateRules(total_percent=0.1),
        lambda less: ({"a": invoiced("a", 1_000_000 - less)}, {"a": invoiced("a", 1_000_000)}),
        1000,
    ),
    ("invoice_minor", GateRules(invoice_minor={"EUR": 500}), lambda total: ({"a": invoiced("a", total)}, {}), 500),
    (
        "invoice_minor",
        GateRules(invoice_minor={"USD": 1, "default": 500}),
        lambda total: ({"a": invoiced("a", total)}, {}),
        500,
    ),
    (
        "customer_times",
        GateRules(customer_times=2.5),
        lambda total: ({"a": invoiced("a", total)}, {"a": invoiced("a", 1000)}),
        2500,
    ),
    (
        "customer_times",
        GateRules(customer_times=3, customer_floor_minor={"EUR": 1000}),
        lambda total: ({"a": invoiced("a", total)}, {"a": invoiced("a", 1)}),
        3000,
    ),
    (
        "vanished_customers",
        GateRules(vanished_customers=5),
        lambda customers: (crowd(9, 50, sku_vm=50), crowd(customers, 50, sku_gpu=50)),
        4,
    ),
    (
        "everybody_percent",
        GateRules(everybody_percent=80, everybody_customers=1),
        lambda having: (
            {**crowd(having, 60, fee_support=60), **crowd(10 - having, 50, first=having)},
            crowd(10, 50),
        ),
        8,
    ),
    (
        "everybody_percent",
        GateRules(everybody_percent=0, everybody_customers=10),
        lambda having: (crowd(having, 60, fee_support=60), crowd(having, 50)),
        9,
    ),
    ("parked_percent", GateRules(parked_percent=20), lambda number: (some_parked(number, 10), {}), 2),
    (
        "gone_percent",
        GateRules(gone_percent=30),
        lambda gone: (crowd(10 - gone, 100), crowd(10, 100)),
        3,
    ),
    (
        "new_percent",
        GateRules(new_percent=30),
        lambda new: (crowd(10 + new, 100), crowd(10, 100)),
        3,
    ),
]


@pytest.mark.parametrize(("rule", "rules", "months", "line"), JUST_OVER)
def test_a_rule_strikes_just_over_its_line_and_not_at_it(
    rule: str, rules: GateRules, months: Callable[[int], tuple[Months, Months]], line: int
) -> None:
    assert findings(*months(line), rules) == ()
    assert [finding.rule for finding in findings(*months(line + 1), rules)] == [rule]


@given(any_pairs())
def test_all_rules_are_off_unless_set(pairs: list[Pair]) -> None:
    assert judge(compare_all(pairs), OFF, read_book({"fees": [SUPPORT]}), OCTOBER) == ()


def test_the_wrong_fee_is_named_in_one_line() -> None:
    """231 customers were billed and charged a fee that was meant for one: it named nobody."""
    usage = {f"c{n:03}": [("vm", "100")] for n in range(231)}
    wrong = read_book({**SEPTEMBER_BOOK, "fees": [SUPPORT]})
    rules = GateRules(everybody_percent=50)
    [found] = findings(months_of(wrong, usage), months_of(read_book(SEPTEMBER_BOOK), usage), rules, wrong)
    assert found.text == (
        "fee 'Support' (support) names no customers, and is due from 231 of 231 customers; "
        "last month from nobody: 2,310.00 EUR"
    )
    assert found.key == "everybody:EUR:fee:support"
    assert found.figures["customers"] == 231
    assert found.figures["minor"] == 231_000


def test_a_fee_that_all_had_last_month_too_is_not_sudden() -> None:
    rules = GateRules(everybody_percent=50)
    assert findings(crowd(20, 60, fee_support=60), crowd(20, 60, fee_support=60), rules) == ()


def test_an_entry_is_sudden_once_its_share_has_more_than_doubled() -> None:
    rules, now = GateRules(everybody_percent=50), crowd(20, 60, fee_support=60)
    had = {**crowd(10, 60, fee_support=60), **crowd(10, 50, first=10)}
    fewer = {**crowd(9, 60, fee_support=60), **crowd(11, 50, first=9)}
    assert findings(now, had, rules) == ()
    [found] = findings(now, fewer, rules)
    assert "is due from 20 of 20 customers; last month from 9 of 20" in found.text


def test_the_first_close_has_no_last_month_to_be_compared_with() -> None:
    rules = GateRules(total_percent=1, customer_times=1, everybody_percent=1, gone_percent=0, new_percent=0)
    assert findings(crowd(30, 60, fee_support=60), {}, rules) == ()


def test_a_currency_that_is_new_has_moved_by_more_than_any_share() -> None:
    now = {"a": invoiced("a", 100), "b": invoiced("b", 100, "CHF")}
    [found] = findings(now, {"a": invoiced("a", 100)}, GateRules(total_percent=1000))
    assert found.text == "the total in CHF is 1.00, more than last month's 0.00 (+1.00)"


def test_a_total_says_how_far_it_has_moved() -> None:
    [found] = findings({"a": invoiced("a", 123_400)}, {"a": invoiced("a", 100_000)}, GateRules(total_percent=5))
    assert found.text == "the total in EUR is 1,234.00, 23.4% more than last month's 1,000.00 (+234.00)"


def test_invoices_above_the_limit_are_named_the_largest_first() -> None:
    now = {name: invoiced(name, minor) for name, minor in (("a", 500), ("b", 900), ("c", 700), ("d", 600))}
    [found] = findings(now, {"b": invoiced("b", 100)}, GateRules(invoice_minor={"EUR": 100}))
    assert found.text == (
        "4 invoices are above 1.00 EUR: b 9.00 (last month 1.00), c 7.00 (last month 0.00), "
        "d 6.00 (last month 0.00), and 1 more"
    )
    assert [movement.customer_id for movement in found.customers] == ["b", "c", "d", "a"]


def test_a_multiple_of_the_usual_invoice_names_the_customer() -> None:
    now, last = {"acme": invoiced("acme", 1000)}, {"acme": invoiced("acme", 100)}
    [found] = findings(now, last, GateRules(customer_times=3))
    assert found.text == ("1 invoice is more than 3 times the customer's last, in EUR: acme 10.00 (last month 1.00)")


def test_a_customer_whose_last_month_was_in_another_currency_has_no_usual_invoice() -> None:
    now, last = {"acme": invoiced("acme", 1000)}, {"acme": invoiced("acme", 10, "JPY")}
    assert findings(now, last, GateRules(customer_times=3)) == ()


def test_a_vanished_sku_is_named_with_what_it_came_to() -> None:
    book = read_book(SEPTEMBER_BOOK)
    [found] = findings(crowd(3, 1, sku_disk=1), crowd(3, 100), GateRules(vanished_customers=1), book)
    assert found.text == "SKU 'vm' (Small machine) is on no invoice; last month 3 customers had it: 3.00 EUR"


def test_many_vanished_skus_are_some_findings_and_the_rest_in_one() -> None:
    skus = {f"sku:{n:03}": 1 for n in range(80)}
    now, last = {"a": invoiced("a", 1)}, {"a": Billed("a", Outcome.INVOICED, "EUR", 80, skus)}
    found = findings(now, last, GateRules(vanished_customers=1))
    assert len(found) == 51
    assert found[-1].key == "vanished:EUR:others"
    assert found[-1].text.startswith("30 further entries like these: 050, 051")


def test_a_fee_or_a_discount_that_nobody_has_is_named() -> None:
    fee = SUPPORT | {"customers": ["nobody-of-this-name"]}
    book = read_book({**SEPTEMBER_BOOK, "fees": [fee], "discounts": [{"id": "launch", "percent": 5}]})
    rules = GateRules(unused_entries=True)
    assert texts(findings(crowd(3, 100), {}, rules, book)) == [
        "fee 'Support' (support) holds this month for 1 customer, and nobody has it",
        "discount 'launch' holds this month for everybody, and nobody has it",
    ]
    having = crowd(1, 100, fee_support=100, discount_launch=-5)
    assert findings(having, {}, rules, book) == ()


def test_an_entry_that_does_not_hold_in_the_month_may_be_unused() -> None:
    over = SUPPORT | {"until": "2026-10-01"}
    discount = {"id": "launch", "percent": 5, "from": "2026-11"}
    book = read_book({"fees": [over], "discounts": [discount]})
    assert findings(crowd(3, 100), {}, GateRules(unused_entries=True), book) == ()


def test_parked_customers_are_said_by_reason() -> None:
    now = {**some_parked(2, 10), "q": parked("q", "no_tax_rate")}
    [found] = findings(now, {"q": parked("q", "no_tax_rate")}, GateRules(parked_percent=5))
    assert found.text == "3 of 11 customers are parked (27.3%): 2 no_price, 1 no_tax_rate; last month 1"


def test_customers_gone_and_new_ones_are_named() -> None:
    now, last = {"a": invoiced("a", 100), "n": invoiced("n", 50)}, {"a": invoiced("a", 100), "g": invoiced("g", 70)}
    assert texts(findings(now, last, GateRules(gone_percent=0, new_percent=0))) == [
        "1 customer in EUR was billed last month and is not now (50.0% of last month's 2): g 0.00 (last month 0.70)",
        "1 customer in EUR is new (50.0% of last month's 2): n 0.50 (last month 0.00)",
    ]


@given(any_pairs())
def test_findings_have_keys_of_their_own_and_can_be_stored(pairs: list[Pair]) -> None:
    book = read_book({"fees": [SUPPORT]})
    found = judge(compare_all(pairs, EVERYTHING), EVERYTHING, book, OCTOBER)
    assert len({finding.key for finding in found}) == len(found)
    assert all("\n" not in finding.text for finding in found)
    assert tuple(GateFinding.from_json(json.loads(json.dumps(one.to_json()))) for one in found) == found


@given(any_pairs())
def test_a_finding_keeps_its_key_when_its_figures_change(pairs: list[Pair]) -> None:
    def doubled(month: Billed | None) -> Billed | None:
        return Billed.from_json({**month.to_json(), "total_minor": 2 * month.total_minor}) if month else None

    before = judge(compare_all(pairs, EVERYTHING), EVERYTHING)
    after = judge(compare_all(((doubled(now), doubled(last)) for now, last in pairs), EVERYTHING), EVERYTHING)
    assert {finding.key for finding in before} == {finding.key for finding in after}


def test_the_settings_of_rules_can_be_passed_on() -> None:
    assert GateRules.from_values(json.loads(json.dumps(EVERYTHING.values()))) == EVERYTHING
    assert OFF.values() == {}
    assert (OFF.judging, EVERYTHING.judging) == (False, True)
