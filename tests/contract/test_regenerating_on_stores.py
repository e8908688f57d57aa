"""An invoice is made anew on the real stores' adapters as on the fakes: one test over all that it writes."""

from datetime import UTC, datetime
from decimal import Decimal

from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.closes.close import Batch, totals_of
from monthclose.domain.closes.proof import check_totals
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.invoicing import INVOICE_EVERYTHING
from monthclose.domain.usage import UsageEvent
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.invoices.correct_invoice import Corrector
from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator
from monthclose.use_cases.invoices.regenerate_invoice import Regenerator
from monthclose.use_cases.invoices.replace_invoice import Replacer
from tests.world import OCTOBER, World

BATCH = Batch(0, "stripe", ("acme",))
ADAPTERS = frozenset({"stripe"})
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_it_is_made_anew_found_by_both_numbers_and_the_books_tie(world: World | Runtime) -> None:
    books, closes, documents, clock = world.books, world.closes, world.documents, lambda: NOON
    company = Company(Seller("Example Cloud"))
    rating = (world.usage, world.price_books, documents)
    generator = InvoiceGenerator(books, closes, *rating, clock, ADAPTERS, world.tax_tables, company)
    drafter = InvoiceDrafter(books, closes, *rating, world.tax_tables, company, "")
    keeper = HoldKeeper(books, closes, HoldPolicy(), clock, DunningPolicy())
    corrector = Corrector(books, closes, documents, world.issued, keeper, clock)
    regenerator = Regenerator(corrector, drafter, Replacer(books, documents, clock, ADAPTERS), INVOICE_EVERYTHING)
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
    assert [world.issued.find(number).number for number in ("INV-00000001", "inv-2")] == [
        "INV-00000001",
        "INV-00000002",
    ]
    assert world.issued.document(done.invoice).replaces == "INV-00000001"
    totals, _ = totals_of([month])
    assert check_totals(totals, 1) == []
    assert totals.money["USD"]["open"] == 8_000


def bought(world: World | Runtime, name: str, amount: str) -> None:
    world.usage.put([UsageEvent(name, "acme", "droplet", Decimal(1), OCTOBER.start, Decimal(amount), "Droplet")])
