"""Which language a customer is written to in: theirs, else the company's; and that a document keeps it."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.intake import read_customer
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from tests.world import OCTOBER, World


def speaks(world: World, customer_id: str, language: str) -> None:
    profile = replace(world.customer(customer_id).profile, language=language)
    world.directory.put_profiles([(customer_id, profile)])


def closed(world: World, *spoken: str) -> World:
    for place, language in enumerate(spoken):
        world.use(world.add_customer(f"c{place}"), "100")
        speaks(world, f"c{place}", language)
    world.close()
    return world


def stored(world: World, customer_id: str, period: Period = OCTOBER) -> Mapping[str, object]:
    invoice = world.month(customer_id, period).invoice
    assert invoice
    content: Mapping[str, object] = json.loads(world.issued.content(invoice))
    return content


def test_documents_and_mails_are_in_the_customers_language() -> None:
    world = closed(World(), "de-at", "", "xx")
    assert [stored(world, f"c{place}").get("language", "") for place in range(3)] == ["de", "", ""]
    subjects = {mail.to.partition("@")[0]: mail.subject for mail in world.mailer.sent}
    assert subjects["c0"].startswith("Bezahlt: Ihre Rechnung")
    assert subjects["c1"].startswith("Paid: your")


def test_a_customer_without_a_language_is_written_to_in_the_companys() -> None:
    world = closed(World(company=replace(World().company, language="pl")), "", "en")
    assert [stored(world, f"c{place}").get("language", "") for place in range(2)] == ["pl", ""]
    assert world.mailer.sent[0].subject.startswith("Zapłacono: faktura")


def test_a_document_keeps_its_language_and_its_credit_note_has_the_same() -> None:
    world = closed(World(), "fr")
    before = stored(world, "c0")
    speaks(world, "c0", "ja")
    assert stored(world, "c0") == before
    note = world.corrector.credit("INV-00000001", Money(100, "USD"), "billed twice")
    assert world.issued.document(note).language == "fr"


def test_an_invoice_is_regenerated_in_another_language_if_that_is_all_that_changed() -> None:
    world = closed(World(), "")
    speaks(world, "c0", "es")
    world.regenerator.regenerate("INV-00000001", "in Spanish, please")
    document = stored(world, "c0")
    assert (document["number"], document["language"]) == ("INV-00000002", "es")


ROW = {
    "customer_id": "c",
    "name": "C",
    "email": "c@c.example",
    "currency": "EUR",
    "payment_provider": "stripe",
    "payment_method": "",
}


@pytest.mark.parametrize(("given", "kept"), [("", ""), ("de", "de"), ("pt_BR", "pt-br"), (" PL ", "pl")])
def test_a_language_is_imported_as_a_tag(given: str, kept: str) -> None:
    _, profile = read_customer({**ROW, "language": given}, lambda _, tax_id: tax_id)
    assert profile.language == kept


@pytest.mark.parametrize("given", ["German", "d", "de,fr", "<b>", "../de"])
def test_what_is_no_tag_is_rejected(given: str) -> None:
    with pytest.raises(UserMistakeError, match="language is not a tag like de or pt-BR"):
        read_customer({**ROW, "language": given}, lambda _, tax_id: tax_id)
