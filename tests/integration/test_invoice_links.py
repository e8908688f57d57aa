"""The link in a mail, followed on the deployed system: to the customer's own PDF, and to nothing for anybody else."""

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

from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.names import Env
from tests.integration.system import System


def test_only_the_link_in_the_mail_opens_the_invoice(system: System) -> None:
    period = Period(2025, 10)
    for name in ("linked", "other"):
        system.add_customer(name)
        system.use([UsageEvent("e", name, "droplet", Decimal(2), period.start, Decimal("12.50"), "Droplet")])
    before = len(system.mails())
    system.close(period)

    mails = {mail["To"][0].partition("@")[0]: mail for mail in system.mails()[before:]}
    links = {name: re.findall(r"http://\S+/_aws/lambda-url/\S+", json.dumps(mail))[0] for name, mail in mails.items()}
    links = {name: link.partition("\\")[0].rstrip('"') for name, link in links.items()}
    assert {"linked", "other"} <= set(links)
    invoice = system.runtime.books.month("linked", period).invoice
    assert invoice

    with httpx.Client(trust_env=False, timeout=120) as browser:
        answer = browser.get(links["linked"])
        assert answer.status_code == 302
        assert answer.headers["cache-control"] == "no-store"
        shown = browser.get(answer.headers["location"])
        assert shown.headers["content-type"] == "application/pdf", (answer.headers["location"], shown.text)
        text = PdfReader(io.BytesIO(shown.content)).pages[0].extract_text()
        assert invoice.number in text
        assert "linked Ltd" in text
        assert "25.00 USD" in text
        again = browser.get(browser.get(links["linked"]).headers["location"])
        assert hashlib.sha256(again.content).digest() == hashlib.sha256(shown.content).digest()

        refused = {browser.get(bad).text for bad in (links["linked"][:-1], links["other"] + "A", links["other"][:-20])}
        assert len(refused) == 1
        assert browser.get(links["linked"][:-1]).status_code == 403
        assert "Ltd" not in refused.pop()

    assert system.use_cases.issued.find(invoice.number) == invoice
    assert system.use_cases.issued.pdf(invoice) == shown.content


def test_an_issued_document_cannot_be_written_again_in_s3(system: System) -> None:
    documents = system.runtime.documents
    key = "invoices/2026-05/test-immutability.jsonl"
    assert documents.put_new(key, b"first")
    assert not documents.put_new(key, b"second")
    assert documents.get(key) == b"first"
    bucket = system.values[Env.DOCUMENTS_BUCKET]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"third", IfNoneMatch="*")
