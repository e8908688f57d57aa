"""The link in a mail, followed on the deployed system: to the customer's own page and PDF, for others to nothing."""

import hashlib
import io
import json
import re
from decimal import Decimal

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from pypdf import PdfReader

from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.names import Env
from tests.integration.system import System


def test_only_the_link_in_the_mail_opens_the_invoice(system: System) -> None:
    period = Period(2025, 10)
    methods = {"linked": "pm_card_visa", "other": "pm_card_visa", "card-declined": "pm_card_chargeDeclined"}
    for name, method in methods.items():
        system.add_customer(name, method=method)
        system.use([UsageEvent("e", name, "droplet", Decimal(2), period.start, Decimal("12.50"), "Droplet")])
    before = len(system.mails())
    system.close(period)

    mails = {mail["To"][0].partition("@")[0]: mail for mail in system.mails()[before:]}
    links = {name: re.findall(r"http://\S+/_aws/lambda-url/\S+", json.dumps(mail))[0] for name, mail in mails.items()}
    links = {name: link.partition("\\")[0].rstrip('"') for name, link in links.items()}
    assert set(methods) <= set(links)
    invoice = system.runtime.books.month("linked", period).invoice
    assert invoice

    with httpx.Client(trust_env=False, timeout=120) as browser:
        page = browser.get(links["linked"])
        assert page.status_code == 200
        assert "Paid on" in page.text
        assert "linked" not in page.text
        answer = browser.get(f"{links['linked']}?pdf")
        assert answer.status_code == 302
        assert answer.headers["cache-control"] == "no-store"
        shown = browser.get(answer.headers["location"])
        assert shown.headers["content-type"] == "application/pdf", (answer.headers["location"], shown.text)
        text = PdfReader(io.BytesIO(shown.content)).pages[0].extract_text()
        assert invoice.number in text
        assert "linked Ltd" in text
        assert "25.00 USD" in text
        again = browser.get(browser.get(f"{links['linked']}?pdf").headers["location"])
        assert hashlib.sha256(again.content).digest() == hashlib.sha256(shown.content).digest()

        refused = {browser.get(bad).text for bad in (links["linked"][:-1], links["other"] + "A", links["other"][:-20])}
        assert len(refused) == 1
        assert browser.get(links["linked"][:-1]).status_code == 403
        assert "Ltd" not in refused.pop()

        _give_a_card_and_be_charged(system, browser, links["card-declined"], period)

    assert system.use_cases.issued.find(invoice.number) == invoice
    assert system.use_cases.issued.pdf(invoice) == shown.content


def _give_a_card_and_be_charged(system: System, browser: httpx.Client, link: str, period: Period) -> None:
    """Press the buttons on the page of a declined invoice: the card is refused again; another one pays."""
    assert "Payment declined" in browser.get(link).text
    refused = browser.post(link, data={"asked": "pay"})
    assert refused.status_code == 303, refused.text
    assert refused.headers["location"] == "?said=declined"
    checkout = browser.post(link, data={"asked": "details"}).headers["location"]
    card = {"type": "card", "number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
    back = browser.post(checkout, data=card).headers["location"]
    assert back.startswith(link)
    assert "Paid on" in browser.get(back).text
    [payment] = system.runtime.books.month("card-declined", period).payments
    assert (payment.state, payment.collected_minor) == (PaymentState.PAID, 2500)
    customer = system.runtime.books.customer("card-declined")
    assert customer
    assert customer.payment_method != customer.profile.payment_method == "pm_card_chargeDeclined"


def test_an_issued_document_cannot_be_written_again_in_s3(system: System) -> None:
    documents = system.runtime.documents
    key = "invoices/2026-05/test-immutability.jsonl"
    assert documents.put_new(key, b"first")
    assert not documents.put_new(key, b"second")
    assert documents.get(key) == b"first"
    bucket = system.values[Env.DOCUMENTS_BUCKET]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"third", IfNoneMatch="*")
