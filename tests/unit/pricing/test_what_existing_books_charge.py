"""Price books as they were before there were transactions, rounded quantities and prorated tiers charge the same."""

import hashlib
import json
import tomllib
from pathlib import Path

from monthclose.domain.pricing import Terms, rate
from tests.unit.any import OCTOBER
from tests.unit.pricing.test_pricing_examples import book_of, events_of

BEFORE = "9047605b1db4676f3c02aa348884cd805698108149e7c93266b2bf93cbce9995"
"""Of the versions, the content and the lines of the first table's examples, as they were computed then."""


def test_versions_content_and_lines_with_their_steps_are_what_they_were() -> None:
    table = tomllib.loads(Path(__file__).with_name("pricing_examples.toml").read_text())["example"]
    found = []
    for example in table:
        book, currency = book_of(example), example.get("currency", "USD")
        lines = rate(events_of(example), Terms(book, "C-1", currency, OCTOBER))
        found.append([book.version, book.content(), [line.content(OCTOBER) for line in lines]])
    assert hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest() == BEFORE
