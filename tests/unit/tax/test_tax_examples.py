"""The table of hand-worked examples: what each kind of tax comes to, as the law or the tax office computes it."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain.money import Money
from monthclose.domain.tax.computing import net_amounts, taxed
from monthclose.domain.tax.reading import new_tax_table
from monthclose.domain.tax.tax import Taxable, Taxation

EXAMPLES = tomllib.loads(Path(__file__).with_name("tax_examples.toml").read_text())["example"]
BY_NAME = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])


def taxation_of(example: dict[str, Any]) -> Taxation:
    table = new_tax_table(example["table"].encode())
    place = (example["country"], example.get("region", ""), example.get("tax_id", ""))
    return table.for_customer(*place, date(2026, 10, 31))


def items_of(example: dict[str, Any]) -> list[Taxable]:
    currency = example.get("currency", "EUR")
    return [Taxable(Money(minor, currency), *tax_class) for minor, *tax_class in example["lines"]]


@BY_NAME
def test_taxes_come_to_what_a_person_computes_by_hand(example: dict[str, Any]) -> None:
    currency = example.get("currency", "EUR")
    result = taxed(items_of(example), taxation_of(example), currency)
    found = [[line.rate.name, str(line.rate.percent), line.base.minor, line.amount.minor] for line in result.lines]
    assert found == example["taxes"], example["arithmetic"]
    assert result.total.minor == example["total"], example["arithmetic"]


@BY_NAME
def test_the_net_lines_of_an_example_sum_to_its_net(example: dict[str, Any]) -> None:
    items, taxation = items_of(example), taxation_of(example)
    result = taxed(items, taxation, items[0].amount.currency)
    nets = net_amounts(items, result.lines, inclusive=taxation.inclusive)
    assert Money.sum(nets, items[0].amount.currency) == result.net


def test_every_example_names_the_source_of_its_rule() -> None:
    assert all(example["source"] and example["arithmetic"] for example in EXAMPLES)
