"""The tables of hand-worked examples, `*examples*.toml`: what each pricing model charges for a month's usage."""

import random
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monthclose.domain.pricing import PriceBook, Terms, rate
from monthclose.domain.pricing.explanation import in_words, recomputed
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.usage import UsageEvent
from tests.unit.any import OCTOBER

FILES = sorted(Path(__file__).parent.glob("*examples*.toml"))
EXAMPLES = [example for file in FILES for example in tomllib.loads(file.read_text())["example"]]


def book_of(example: dict[str, Any]) -> PriceBook:
    usual = {"currency": example.get("currency", "USD")}
    sections = {
        "prices": [{"sku": "sku", **usual, **entry} for entry in example.get("prices", [])],
        "overrides": [{"sku": "sku", **usual, **entry} for entry in example.get("overrides", [])],
        "fees": [usual | entry for entry in example.get("fees", [])],
        "discounts": example.get("discounts", []),
        "commitments": [usual | entry for entry in example.get("commitments", [])],
        "settings": example.get("settings", {}),
    }
    return read_book(sections)


def events_of(example: dict[str, Any]) -> list[UsageEvent]:
    usual: tuple[Any, ...] = ("1", "", "2026-10-05", {})
    padded = [(*given, *usual[len(given) :]) for given in example["events"]]
    return [
        replace(
            UsageEvent(f"e{number}", "C-1", "sku", Decimal(quantity), at(time), None, "", resource),
            attributes=tuple(sorted(attributes.items())),
        )
        for number, (quantity, resource, time, attributes) in enumerate(padded)
    ]


def at(time: str) -> datetime:
    return datetime.fromisoformat(time).replace(tzinfo=UTC)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_a_model_computes_what_a_person_computes_by_hand(example: dict[str, Any]) -> None:
    currency = example.get("currency", "USD")
    events, terms = events_of(example), Terms(book_of(example), "C-1", currency, OCTOBER)

    lines = rate(events, terms)

    assert [line.amount.minor for line in lines] == example["lines"], example["arithmetic"]
    for line in lines:
        assert recomputed(line.steps, currency) == line.amount
        assert all(in_words(step) for step in line.steps)
    random.Random(7).shuffle(events)
    assert rate(events, terms) == lines


def test_every_example_names_the_source_of_its_rule() -> None:
    assert all(example["source"] and example["arithmetic"] for example in EXAMPLES)
