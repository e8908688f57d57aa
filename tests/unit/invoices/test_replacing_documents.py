"""An invoice that replaces another says so: on its page, in its XML, and byte for byte in its document."""

from typing import Any

import pytest

from monthclose.adapters.documents.e_invoice import FacturX
from monthclose.domain.invoices.document import InvoiceDocument
from tests.unit.documents.samples import credit_note_for, sample
from tests.unit.documents.test_e_invoice import Check, broken_rules
from tests.unit.documents.test_invoice_pdf import pages

OLD = "INV-00000007"
__all__ = ["broken_rules"]


def replacing(**more: Any) -> InvoiceDocument:
    return sample(replaces=OLD, notes=("The price was wrong.",), **more)


def test_its_page_names_the_replaced_invoice_and_the_reason() -> None:
    [page] = pages(replacing())
    assert f"Replaces invoice {OLD}" in page
    assert "The price was wrong." in page


def test_its_xml_refers_to_the_replaced_invoice_and_breaks_no_rule(broken_rules: Check) -> None:
    xml = FacturX().xml(replacing())
    reference = f"<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>{OLD}</ram:IssuerAssignedID>"
    assert reference in "".join(line.strip() for line in xml.decode().splitlines())
    assert b"<ram:TypeCode>380</ram:TypeCode>" in xml
    assert broken_rules(xml) == []


@pytest.mark.parametrize("document", [replacing(), sample()])
def test_its_document_is_read_and_written_back_the_same(document: InvoiceDocument) -> None:
    assert InvoiceDocument.parse(document.canonical()) == document
    assert (b'"replaces"' in document.canonical()) == bool(document.replaces)


def test_its_credit_note_refers_to_it_and_not_to_the_replaced_invoice(broken_rules: Check) -> None:
    note = credit_note_for(replacing())
    assert (note.corrects, note.replaces) == ("INV-00000042", "")
    xml = FacturX().xml(note)
    assert OLD.encode() not in xml
    assert broken_rules(xml) == []
