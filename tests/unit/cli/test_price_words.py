"""Prices in words, as the dashboard has them."""

import tomllib
from decimal import Decimal

import pytest

from cli.dashboard.price_words import price_in_words
from monthclose.domain.pricing.reading import read_book

SAID = {
    'model = "percentage"\npercent = "2.9"\nfixed_fee = "0.3"\nminimum_fee = 1\nmaximum_fee = 5\n'
    "free_transactions = 100\nfree_amount = 5000": [
        "2.9% of each transaction",
        *("and 0.30 for each", "at least 1.00 each", "at most 5.00 each", "the first 100 free"),
        "the first 5,000.00 free",
    ],
    'model = "package"\npackage_price = 5\npackage_size = 100\nunit = "GB"': ["5.00 per started 100 GB"],
    'model = "package"\npackage_price = 5\npackage_size = 100\npackage_rounding = "down"': ["5.00 per whole 100"],
    'model = "graduated"\nflat_at_zero = true\ntiers = '
    "[{ up_to = 200, package_price = 5, package_size = 100, flat = 9 }, { unit_price = 1 }]": [
        "0 to 200: 5.00 per started 100, and 9.00 once begun",
        "above 200: 1.00 per unit",
        "the first tier also if nothing is used",
    ],
    'model = "volume"\nprorated = true\nunit = "seat"\ntiers = [{ unit_price = 8 }]': [
        "above 0 seat: 8.00 per seat",
        "the whole quantity at the price of the tier that it reaches",
        "for the units held at a time, by the time that they are held",
        "by the time that it is there",
    ],
    'unit_price = 1\ndivide_by = 60\nround = "up"\nround_to = 5\nminimum_quantity = 10': [
        *("1.00 per unit", "the quantity divided by 60", "the quantity rounded up to a multiple of 5"),
        "the quantity at least 10",
    ],
    'unit_price = 1\nmultiply_by = 2\nround = "nearest"\nround_each_event = true': [
        *("1.00 per unit", "each event multiplied by 2", "each event rounded to the nearest multiple of 1"),
    ],
}


@pytest.mark.parametrize(("text", "said"), SAID.items())
def test_a_price_is_said_line_by_line(text: str, said: list[str]) -> None:
    [price] = read_book(tomllib.loads(f'[[prices]]\nsku = "vm"\ncurrency = "USD"\n{text}', parse_float=Decimal)).prices
    assert price_in_words(price) == said
