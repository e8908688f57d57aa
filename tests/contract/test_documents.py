"""What stores of documents promise, fake or real: issued documents stay, numbers are found, keys are kept."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import boto3
import pytest

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.s3 import S3Documents
from monthclose.adapters.aws.secrets import SecretLinkKeys
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.errors import ParkCustomerError, UserMistakeError
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.invoices.series import Series
from monthclose.domain.pricing import Price, PriceBook
from monthclose.domain.tax.tax import UNTAXED
from monthclose.errors import ConflictError, ProviderRefusedError
from monthclose.ports import NumberedRun
from tests.contract.conftest import AnyWorld
from tests.world import OCTOBER, unit_price

INVOICE = Invoice("INV-00000001", "acme", OCTOBER, "USD", 1000, date(2026, 11, 1), DocumentPlace("k", 0, 10, "hash"))
TAXES = b'seller = "DE"\n[[rate]]\ncountries = ["DE"]\nname = "VAT"\npercent = "19"\n'
DAY = date(2026, 10, 31)


def test_an_object_that_must_not_change_is_written_once(world: AnyWorld) -> None:
    assert not world.documents.has("invoices/a")
    assert world.documents.put_new("invoices/a", b"first")
    assert world.documents.has("invoices/a")
    assert not world.documents.put_new("invoices/a", b"second")
    assert world.documents.get("invoices/a") == b"first"


def test_an_object_that_is_removed_is_gone_and_removing_it_again_is_no_error(world: AnyWorld) -> None:
    world.documents.put("packs/a", b"1")
    for _ in range(2):
        world.documents.delete("packs/a")
        assert not world.documents.has("packs/a")


def test_objects_are_listed_by_the_beginning_of_their_keys_however_many_there_are(world: AnyWorld) -> None:
    for number in (*range(1100), 5):
        world.documents.put(f"notes/{number:04}.json", b"{}")
    world.documents.put("notes-of-others/1.json", b"{}")
    assert list(world.documents.keys("notes/")) == [f"notes/{number:04}.json" for number in range(1100)]
    assert list(world.documents.keys("nothing/")) == []


def test_an_object_can_be_linked_to_with_a_file_name(world: AnyWorld) -> None:
    world.documents.put_new("pdf/a.pdf", b"%PDF", "application/pdf")
    address = world.documents.link("pdf/a.pdf", "INV-1.pdf", 60)
    assert address.startswith("https://")
    assert "pdf/a.pdf" in address
    assert "INV-1.pdf" in address


def test_links_are_signed_by_the_current_rules_in_the_buckets_region(aws: Runtime) -> None:
    address = aws.documents.link("pdf/a.pdf", "INV-1.pdf", 60)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in address
    assert "X-Amz-Expires=60" in address
    assert "AWSAccessKeyId" not in address


def test_links_lead_to_the_regions_own_address_which_never_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    client.forget()
    address = S3Documents("documents").link("pdf/a.pdf", "INV-1.pdf", 60)
    client.forget()
    assert address.startswith("https://documents.s3.eu-west-1.amazonaws.com/pdf/a.pdf?")


def test_an_invoices_content_never_changes_but_its_settlement_may(world: AnyWorld) -> None:
    world.books.commit(INVOICE, Customer("acme", Profile("Acme", "a@acme.example", "USD", "stripe")))
    issued = replace(INVOICE, version=1)
    place = replace(INVOICE.document, sha256="another")
    changes = ({"total_minor": 1}, {"number": "INV-00000002"}, {"currency": "EUR"}, {"document": place})
    for change in changes:
        with pytest.raises(ConflictError):
            world.books.commit(replace(issued, **change))
    assert world.books.month("acme", OCTOBER).invoice == issued
    world.books.commit(replace(issued, collected_minor=1000))
    assert world.books.month("acme", OCTOBER).invoice == replace(issued, collected_minor=1000, version=2)


def test_the_run_of_a_number_is_found(world: AnyWorld) -> None:
    assert world.closes.run_of(1) is None
    for batch, count in enumerate((3, 1, 100)):
        world.closes.reserve(OCTOBER, batch, 0, f"drafts/{batch}", count)
    world.closes.reserve(OCTOBER.next, 0, 0, "drafts/next", 2)
    runs = [
        NumberedRun(OCTOBER, 0, 1, 3),
        NumberedRun(OCTOBER, 1, 4, 1),
        NumberedRun(OCTOBER, 2, 5, 100),
        NumberedRun(OCTOBER.next, 0, 105, 2),
    ]
    for run in runs:
        for number in range(run.first, run.first + run.count):
            assert world.closes.run_of(number) == run
    world.closes.reserve(OCTOBER, 42, 0, "drafts/note", 1, Series.CREDIT_NOTES)
    assert world.closes.run_of(1, Series.CREDIT_NOTES) == NumberedRun(OCTOBER, 42, 1, 1)
    assert world.closes.run_of(2, Series.CREDIT_NOTES) is None
    assert world.closes.run_of(0) is None
    assert world.closes.run_of(107) is None


def test_tax_tables_are_kept_in_versions(world: AnyWorld) -> None:
    assert world.tax_tables.latest() == ""
    assert world.tax_tables.get("").for_customer("DE", "", "", DAY) == UNTAXED
    first = world.tax_tables.put(TAXES).version
    second = world.tax_tables.put(TAXES.replace(b'"19"', b'"20"')).version
    assert world.tax_tables.latest() == second
    percents = [str(world.tax_tables.get(v).for_customer("DE", "", "", DAY).rates[0].percent) for v in (first, second)]
    assert percents == ["19", "20"]
    with pytest.raises(ParkCustomerError):
        world.tax_tables.get(first).for_customer("FR", "", "", DAY)


def test_an_unusable_tax_table_leaves_the_current_one(world: AnyWorld) -> None:
    version = world.tax_tables.put(TAXES).version
    with pytest.raises(UserMistakeError, match="rate 1: name is needed"):
        world.tax_tables.put(TAXES.replace(b'"VAT"', b'""'))
    with pytest.raises(UserMistakeError, match='rate 1: "UK" is not an ISO 3166 country; write "GB"'):
        world.tax_tables.put(TAXES.replace(b'["DE"]', b'["UK"]'))
    assert world.tax_tables.latest() == version


@pytest.mark.parametrize("when", [None, datetime(2026, 11, 1, tzinfo=UTC)])
def test_a_profile_keeps_the_fields_that_taxes_need(world: AnyWorld, when: datetime | None) -> None:
    profile = Profile("Acme", "a@acme.example", "USD", "stripe", "", "US", "", "NY", "536904399", "1 Main St\nNew York")
    world.directory.put_profiles([("acme", profile)])
    found = world.books.customer("acme")
    assert found
    assert found.profile == profile
    world.books.commit(replace(found, held_since=when))
    again = world.books.customer("acme")
    assert again
    assert again.profile == profile


@pytest.fixture
def secret(aws: Runtime) -> str:
    name = "monthclose/invoice-links"
    boto3.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps({"current": "k1", "k1": "a" * 64}))
    return name


def test_link_keys_are_read_from_their_secret_and_again_after_a_while(secret: str) -> None:
    now = [1000.0]
    keys = SecretLinkKeys(secret, lambda: now[0])
    assert (keys.link_keys().current, keys.link_keys().keys) == ("k1", {"k1": "a" * 64})
    rotated = json.dumps({"current": "k2", "k1": "a" * 64, "k2": "b" * 64})
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=rotated)
    assert keys.link_keys().current == "k1"
    now[0] += 301
    assert keys.link_keys().current == "k2"


@pytest.mark.parametrize(
    "content", ["plain text", "[]", '{"k1": "x"}', '{"current": "k1", "k1": 1}', '{"current": "k1", "k1": "short"}']
)
def test_a_secret_without_valid_keys_is_named_and_not_shown(secret: str, content: str) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=content)
    with pytest.raises(ProviderRefusedError, match="the secret monthclose/invoice-links") as raised:
        SecretLinkKeys(secret).link_keys()
    assert "plain text" not in str(raised.value)


def test_a_missing_secret_is_named(aws: Runtime) -> None:
    with pytest.raises(ProviderRefusedError, match="the secret no/such cannot be read"):
        SecretLinkKeys("no/such").link_keys()


def test_documents_are_read_whole_and_in_slices(world: AnyWorld) -> None:
    world.documents.put("a/b", "zażółć".encode())
    assert world.documents.get("a/b").decode() == "zażółć"
    assert world.documents.get_slice("a/b", 2, 2).decode() == "ż"
    with pytest.raises(KeyError):
        world.documents.get("missing")


def test_an_object_is_written_piece_by_piece(world: AnyWorld) -> None:
    world.documents.write("snapshots/list.json", (piece for piece in (b"[1,", b"2", b"]")))
    assert world.documents.get("snapshots/list.json") == b"[1,2]"


def test_an_object_is_read_line_by_line(world: AnyWorld) -> None:
    world.documents.write("snapshots/lines.jsonl", (f"{number}\n".encode() for number in range(1000)))
    assert [int(line) for line in world.documents.lines("snapshots/lines.jsonl")] == list(range(1000))
    with pytest.raises(KeyError):
        next(iter(world.documents.lines("snapshots/missing.jsonl")))


def test_price_books_are_merged_into_versions_that_never_change(world: AnyWorld) -> None:
    assert world.price_books.get(world.price_books.latest()).prices == ()
    first = world.price_books.merge(
        PriceBook.of([Price.plain("a", "USD", Decimal("0.10"), "h", "A"), Price.plain("b", "USD", Decimal(1))])
    )
    version = world.price_books.latest()
    world.price_books.merge(PriceBook.of([Price.plain("a", "USD", Decimal("0.20"))]))

    assert version == first.version
    assert world.price_books.get(version) == first
    latest = world.price_books.get(world.price_books.latest())
    assert [unit_price(latest, sku) for sku in "ab"] == [Decimal("0.20"), Decimal(1)]
