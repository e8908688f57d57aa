"""An invoice is regenerated on the real stores' adapters as on the fakes: one test covers everything it writes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.closes.close import Batch, totals_of
from monthclose.domain.closes.proof import check_totals
from monthclose.domain.usage import UsageEvent
from tests.fakes import FakeMailer
from tests.usage import store_usage
from tests.world import OCTOBER, World

BATCH = Batch(0, "stripe", ("acme",))
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_a_regenerated_invoice_is_found_by_both_numbers_and_the_books_tie(
    world: World | Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "clock", lambda: NOON)
    monkeypatch.setattr(world, "mailer", FakeMailer())
    monkeypatch.setattr(world, "link_secrets", None)
    use_cases, books = UseCases(world), world.books
    generator, regenerator, issued = use_cases.invoice_generator, use_cases.regenerator, use_cases.issued
    world.directory.put_profiles([("acme", Profile("Acme", "a@example.com", "USD", "stripe", "pm_card_visa"))])
    bought(world, "e1", "100")
    generator.generate(OCTOBER, BATCH, 1)
    bought(world, "e2", "-20")

    done = regenerator.regenerate("INV-00000001", "e1 was wrong")

    assert (done.replaced.number, done.invoice.number, done.invoice.total_minor) == (
        "INV-00000001",
        "INV-00000002",
        8_000,
    )
    assert regenerator.regenerate("INV-00000001", "e1 was wrong") == done
    generator.generate(OCTOBER, BATCH, 2)
    month = books.month("acme", OCTOBER)
    assert [invoice.number for invoice in month.invoices] == ["INV-00000001", "INV-00000002"]
    assert [issued.find(number).number for number in ("INV-00000001", "inv-2")] == [
        "INV-00000001",
        "INV-00000002",
    ]
    assert issued.document(done.invoice).replaces == "INV-00000001"
    totals, _ = totals_of([month])
    assert check_totals(totals, 1) == []
    assert totals.money["USD"]["open"] == 8_000


def bought(world: World | Runtime, name: str, amount: str) -> None:
    store_usage(
        world.usage, [UsageEvent(name, "acme", "droplet", Decimal(1), OCTOBER.start, Decimal(amount), "Droplet")]
    )
