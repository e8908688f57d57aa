"""What is stored as JSON stays as it was, byte for byte, whatever types its writers and readers have.

The files in `stored/` were written before drafts, reports and outcomes of usage files had types of their own.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from monthclose.adapters.dynamo.models import CustomerItem
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.money import Money
from monthclose.names import USAGE_CAME_BACK_PREFIX
from monthclose.use_cases.proof.report_close import report_so_far
from tests.dropping import GOOD, KEY, Drop, of
from tests.unit.invoices.late_usage import use
from tests.unit.invoices.regenerating import NOVEMBER, metered, priced_at
from tests.unit.invoices.test_taxed_invoices import TAXES
from tests.world import World

STORED = Path(__file__).parent / "stored"
SELLER = Seller("Northwind", ("1 Quay",), "10115", "Berlin", "DE", "DE123456789", terms="Payable at once.")


def test_drafts_documents_and_reports_are_stored_as_they_always_were() -> None:
    world = World(policy=InvoicingPolicy({"default": 500}), company=Company(SELLER))
    world.tax_tables.put(TAXES)
    priced_at(world, "1")
    for name, country in (("acme", "DE"), ("globex", "AT"), ("small", "GB"), ("untaxed", "XX")):
        world.add_customer(name, method="declined" if name == "globex" else "ok")
        profile = replace(world.customer(name).profile, country=country, tax_id="ATU1" if country == "AT" else "")
        world.change(name, profile=profile, credit_minor=250 if name == "acme" else 0)
    world.use("globex", "70")
    world.use("small", "3")
    world.use("untaxed", "9")
    metered(world, 100)
    world.close()
    world.clock.now = NOVEMBER.end
    use(world, "e2", "7")
    world.corrector.credit("INV-00000001", Money(1000, "USD"), "an outage")
    priced_at(world, "0.8")
    world.regenerator.regenerate("INV-00000001", "the price was wrong")
    world.use("globex", "5", period=NOVEMBER)
    world.close(NOVEMBER, "execution-2")
    stopped = world.closes.get(NOVEMBER)
    assert stopped
    partial = report_so_far(stopped, "stopped", world.closes, world.books, "Northwind")
    apart = ("comparisons/", USAGE_CAME_BACK_PREFIX)
    left_out = {key for key in world.documents.objects if key.startswith(apart) or key.endswith(".html")}
    kept = texts({key: content for key, content in world.documents.objects.items() if key not in left_out})
    kept = {key: without_names(text) if "report" in key else text for key, text in kept.items()}
    kept = {
        key: text.replace(', "only": []', "") if key.startswith("snapshots/") else text for key, text in kept.items()
    }
    expected("documents.json", kept | {"a partial report": without_names(json.dumps(partial, indent=2))})


def test_the_outcome_of_a_usage_file_is_stored_as_it_always_was() -> None:
    world = World()
    world.add_customer("acme")
    drop = Drop(world)
    world.inbox.drop(KEY, of(GOOD, "globex,droplet,1,2026-10-02\n"))
    drop.run()
    world.inbox.drop(KEY, b"unheard,of\n1,2\n")
    drop.run(execution="import-2")
    expected("outcomes.json", texts(world.inbox.objects))


def texts(objects: Mapping[str, bytes]) -> dict[str, str]:
    return {key: without_checks(content.decode(), key) for key, content in sorted(objects.items())}


def without_checks(content: str, key: str) -> str:
    """Leave out what reports and outcomes have had since then."""
    if key.endswith("outcome.json"):
        outcome = json.loads(content)
        return json.dumps({name: said for name, said in outcome.items() if name not in ("new", "changed", "left_out")})
    if not key.endswith("report.json"):
        return content
    report = json.loads(content)
    assert report["proof"].pop("checks")
    return json.dumps(report, indent=2)


def without_names(report: str) -> str:
    """Leave out the customers behind the counts, whom reports have named since then, and the month before."""
    content = json.loads(report)
    assert content.pop("names") is not None
    content.pop("last_month", None)
    for kind in ("unfinished", "waiting", "unreached"):
        for end in content.get(kind, {}).get("customers", ()):
            end.pop("name", None)
    return json.dumps(content, indent=2)


def expected(name: str, kept: Mapping[str, str]) -> None:
    """Compare key by key; the same keys, the same bytes."""
    before = json.loads((STORED / name).read_text())
    assert kept == before


def test_a_customers_ids_at_the_provider_keep_their_stored_field_names() -> None:
    stored = {name: attribute.attr_name for name, attribute in CustomerItem.get_attributes().items()}
    assert stored["imported_provider_customer_id"] == "payment_customer"
    assert stored["registered_provider_customer_id"] == "provider_customer"
    assert stored["lost_provider_customer_id"] == "lost_payer"
