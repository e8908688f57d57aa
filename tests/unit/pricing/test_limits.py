"""Maximums, minimums and overage, month after month: worked by hand, and what holds for any of them."""

import random
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, PriceBook, Terms, rate
from monthclose.domain.pricing.deductions.earlier import EarlierMonths
from monthclose.domain.pricing.explanation import in_words, recomputed
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent

EXAMPLES = tomllib.loads(Path(__file__).with_name("limits_by_hand.toml").read_text())["example"]
SECTIONS = ("fees", "commitments", "limits")


def book_of(example: dict[str, Any], *, per_resource: bool = False) -> PriceBook:
    usual = {"currency": example.get("currency", "USD")}
    prices = [{"sku": sku, **usual, "unit_price": "1", "per_resource": per_resource} for sku in ("a", "b", "c")]
    sections = {name: [{**usual, **entry} for entry in example.get(name, [])] for name in SECTIONS}
    return read_book({"prices": prices, "discounts": example.get("discounts", []), **sections})


def events_of(use: dict[str, str], period: Period) -> list[UsageEvent]:
    named = [(*name.partition("/")[::2], quantity) for name, quantity in use.items()]
    return [
        UsageEvent(f"e-{sku}-{resource}", "C-1", sku, Decimal(quantity), period.start, None, "", resource)
        for sku, resource, quantity in named
    ]


def months_of(example: dict[str, Any], book: PriceBook) -> list[tuple[Period, list[InvoiceLine]]]:
    """Bill month after month, each knowing what those before it billed."""
    billed, earlier = list[tuple[Period, list[InvoiceLine]]](), EarlierMonths()
    for month in example["months"]:
        period = Period.parse(month["period"])
        currency = example.get("currency", "USD")
        lines = rate(events_of(month["use"], period), Terms(book, "C-1", currency, period, earlier=earlier))
        earlier.add((line.content(period) for line in lines), period)
        billed.append((period, lines))
    return billed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_maximums_and_minimums_come_to_what_a_person_computes_by_hand(example: dict[str, Any]) -> None:
    book = book_of(example, per_resource=any("/" in name for month in example["months"] for name in month["use"]))

    billed = months_of(example, book)

    found = [[[line.sku, line.amount.minor] for line in lines] for _, lines in billed]
    assert found == [month["lines"] for month in example["months"]], example["arithmetic"]
    for line in (line for _, lines in billed for line in lines):
        assert recomputed(line.steps, line.amount.currency) == line.amount
        assert all(in_words(step) for step in line.steps)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_the_order_of_the_entries_does_not_matter(example: dict[str, Any]) -> None:
    by_resource = any("/" in name for month in example["months"] for name in month["use"])
    shuffled = {**example}
    for name in SECTIONS[1:]:
        shuffled[name] = random.Random(3).sample(example.get(name, []), len(example.get(name, [])))
        shuffled[name] = [
            {key: value[::-1] if key in ("skus", "fees") else value for key, value in entry.items()}
            for entry in shuffled[name]
        ]
    as_written, reordered = (months_of(one, book_of(one, per_resource=by_resource)) for one in (example, shuffled))
    assert [sorted(map(str, lines)) for _, lines in reordered] == [sorted(map(str, lines)) for _, lines in as_written]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_a_book_with_limits_is_read_back_from_its_content_the_same(example: dict[str, Any]) -> None:
    book = book_of(example)
    again = read_book(book.content())
    assert (again.version, again.content()) == (book.version, book.content())
    assert again.limits == book.limits
    assert again.commitments == book.commitments


def test_every_example_names_the_source_of_its_rule() -> None:
    assert all(example["source"] and example["arithmetic"] for example in EXAMPLES)


def test_a_book_that_could_be_written_before_there_were_limits_has_the_same_version() -> None:
    book = read_book(
        {
            "prices": [
                {"sku": "vm", "currency": "USD", "model": "hourly", "unit_price": "0.00893", "monthly_cap": "6"}
            ],
            "fees": [{"id": "support", "currency": "USD", "monthly_fee": "99", "from": "2026-10-22"}],
            "discounts": [{"id": "launch", "percent": 20, "skus": ["vm"], "from": "2026-10", "periods": 3}],
            "commitments": [
                {
                    "id": "acme-2026",
                    "currency": "USD",
                    "amount": "5000",
                    "customers": ["acme"],
                    "skus": ["vm"],
                    "from": "2026-01",
                    "until": "2027-01",
                    "description": "Acme 2026",
                },
                {"id": "all", "currency": "USD", "amount": "10"},
            ],
        }
    )
    assert book.version == "052b9e2ee3de9f8f"


def entry(section: str, **fields: Any) -> dict[str, Any]:
    amount = {"limits": {"maximum": "100"}, "commitments": {"amount": "100"}}[section]
    return {section: [{"id": "one", **amount, **fields}]}


@pytest.mark.parametrize(
    ("section", "fields", "mistake"),
    [
        ("limits", {"maximum": "-1"}, "maximum is negative"),
        ("limits", {"term": "week"}, "term 'week' does not exist; choose one of month, quarter, year"),
        ("limits", {"term": "year"}, "a year needs its start: add from, or calendar = true"),
        ("limits", {"calendar": True}, "calendar is for a term of a quarter or a year"),
        ("limits", {"per_resource": True}, "per_resource needs skus, and no fees: only usage has resources"),
        (
            "limits",
            {"term": "year", "calendar": True, "before_discounts": True},
            "a maximum with before_discounts is for a month: leave term out",
        ),
        ("limits", {"from": "2026-10-15"}, "from must be the first of a month: it applies to whole months"),
        (
            "commitments",
            {"from": "2026-10-15", "term": "quarter"},
            "a quarter counted from the start begins on the first of a month: change from, or add calendar = true",
        ),
        ("commitments", {"from": "2026-10-15", "periods": 3}, "periods counts whole months from `from`"),
        ("commitments", {"from": "2026-10-15", "until": "2026-10-02"}, "it ends before it begins"),
        ("commitments", {"overage": "0"}, "overage must be more than zero"),
        ("commitments", {"from": "soon"}, "from 'soon' is not a date like 2026-10-01"),
    ],
)
def test_a_mistake_in_an_entry_is_named(section: str, fields: dict[str, Any], mistake: str) -> None:
    with pytest.raises(UserMistakeError) as refused:
        book_of(entry(section, **fields))
    assert str(refused.value).startswith(f'{section}[1] "one": {mistake}')


WHOLE_DOLLARS = st.integers(0, 300)
THREE_MONTHS = (Period(2026, 10), Period(2026, 11), Period(2026, 12))


def billed_by_hand(used: int, committed: int, factor: Decimal, most: int) -> Decimal:
    """What a whole term comes to, worked out from its whole usage."""
    above = max(used - committed, 0)
    return min(max(Decimal(used), Decimal(committed)) + above * (factor - 1), Decimal(most))


@given(
    st.tuples(WHOLE_DOLLARS, WHOLE_DOLLARS, WHOLE_DOLLARS),
    st.integers(1, 500),
    st.sampled_from(["1", "1.2", "1.5", "3"]),
    st.integers(500, 900),
)
def test_a_term_comes_to_the_same_however_its_usage_is_spread_over_its_months(
    used: tuple[int, int, int], committed: int, factor: str, most: int
) -> None:
    terms = {"term": "quarter", "calendar": True}
    months = [{"period": str(period), "use": {"a": str(q)}} for period, q in zip(THREE_MONTHS, used, strict=True)]
    example = {
        "commitments": [{"id": "min", "amount": str(committed), "overage": factor, **terms}],
        "limits": [{"id": "max", "maximum": str(most), **terms}],
        "months": months,
    }
    total = sum(line.amount.minor for _, lines in months_of(example, book_of(example)) for line in lines)
    assert total == 100 * billed_by_hand(sum(used), committed, Decimal(factor), most)


def any_scope() -> st.SearchStrategy[dict[str, list[str]]]:
    skus = st.lists(st.sampled_from("abc"), unique=True)
    fees = st.lists(st.sampled_from(["support"]), unique=True)
    return st.builds(
        lambda skus, fees: {**({"skus": skus} if skus else {}), **({"fees": fees} if fees else {})}, skus, fees
    )


@st.composite
def any_example(draw: st.DrawFn) -> dict[str, Any]:
    """Three months, a fee, and any maximums and minimums."""
    cents = st.decimals(0, 200, places=2).map(str)
    length: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [{}, {"term": "quarter", "calendar": True}, {"term": "year", "from": "2026-10"}]
    )
    overage: st.SearchStrategy[dict[str, str]] = st.sampled_from([{}, {"overage": "1.2"}])
    limits = [
        {"id": f"l{n}", "maximum": draw(cents), **draw(any_scope()), **draw(length)}
        for n in range(draw(st.integers(0, 3)))
    ]
    commitments = [
        {"id": f"c{n}", "amount": f"1{draw(cents)}", **draw(any_scope()), **draw(length), **draw(overage)}
        for n in range(draw(st.integers(0, 3)))
    ]
    use = st.dictionaries(st.sampled_from("abc"), st.decimals(-20, 200, places=2).map(str))
    return {
        "fees": [{"id": "support", "monthly_fee": "7.77"}],
        "discounts": draw(st.sampled_from([[], [{"id": "third", "percent": "33"}]])),
        "limits": limits,
        "commitments": commitments,
        "months": [{"period": str(period), "use": draw(use)} for period in THREE_MONTHS],
    }


@settings(max_examples=60)
@given(any_example(), st.randoms())
def test_any_order_of_any_maximums_and_minimums_makes_the_same_lines(example: dict[str, Any], rnd: Any) -> None:
    shuffled = {**example, **{name: rnd.sample(example[name], len(example[name])) for name in SECTIONS}}
    assert months_of(shuffled, book_of(shuffled)) == months_of(example, book_of(example))


@settings(max_examples=60)
@given(any_example())
def test_no_month_exceeds_its_maximum_of_the_whole_whatever_else_there_is(example: dict[str, Any]) -> None:
    whole = {**example, "limits": [*example["limits"], {"id": "most", "maximum": "50"}]}
    for _, lines in months_of(whole, book_of(whole)):
        assert sum(line.amount.minor for line in lines) <= 5_000
        assert all(recomputed(line.steps, "USD") == line.amount for line in lines)


@settings(max_examples=60)
@given(any_example(), st.sampled_from(["", "a"]))
def test_a_minimum_that_no_maximum_is_on_is_reached(example: dict[str, Any], sku: str) -> None:
    scope = {"skus": [sku]} if sku else {}
    minimum = {"id": "least", "amount": "60", **scope}
    bound = {**example, "limits": [], "commitments": [*example["commitments"], minimum], "discounts": []}
    book = book_of(bound)
    of_sku = {one.id for one in book.commitments if one.scope.is_same(book.commitments[-1].scope)}
    for _, lines in months_of(bound, book):
        counted = [line for line in lines if not sku or line.sku in {sku, *of_sku}]
        assert sum(line.amount.minor for line in counted) >= 6_000
