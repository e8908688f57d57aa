"""The plain program of `make bench-peers`, against the fake Stripe: it must be as good as such a program can be.

The Celery app charges with the same code; it needs PostgreSQL and Redis, so `make bench-peers` is its test.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from bench.peers.card import Card
from bench.peers.contestant import PERIOD, Booked
from bench.peers.mail_server import MailServer, mail_server
from bench.peers.month import Person, make_month
from bench.peers.one_process.__main__ import main
from bench.peers.one_process.books import Books
from sandbox.desk import Desk
from sandbox.mounts import make_providers
from sandbox.web.testing import serving

KEY = "sk_test_sandbox"
CREATE = "payment_intents.create"


@dataclass
class Company:
    """Some customers, of whom each twentieth one's card is declined, and the program that bills them."""

    url: str
    books_file: Path
    people: list[Person]
    mail: MailServer

    @property
    def first(self) -> Person:
        return self.people[0]

    def close(self) -> bool:
        return main(["--books", str(self.books_file), "close", PERIOD]) == 0

    def books(self) -> Books:
        return Books(self.books_file)

    def pay_by_transfer(self, person: Person, minor: int) -> bool:
        with self.books() as books:
            return books.record_transfer(person.customer_id, PERIOD, minor, f"transfer {person.customer_id}")

    def disturb(self, **fault: Any) -> None:
        rule = {"provider": "stripe", "endpoint": CREATE, "customer": self.first.payer, **fault}
        httpx.put(f"{self.url}/_sandbox/chaos", json={"rules": [rule]}).raise_for_status()

    def calm(self) -> None:
        httpx.delete(f"{self.url}/_sandbox/chaos").raise_for_status()

    def charged(self, person: Person) -> list[int]:
        found = httpx.get(f"{self.url}/_sandbox/charges", params={"customer": person.payer}).json()
        return [charge["amount"] for charge in found]

    def written_to(self, person: Person) -> int:
        return self.mail.recipients.count(person.email)


@pytest.fixture
def company(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    monkeypatch.setattr("bench.peers.mail_server.SECONDS", 0)
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0)
    desk = Desk()
    with serving(make_providers(desk), desk) as url, mail_server() as mail:
        month = make_month(tmp_path, getattr(request, "param", 3), 1, url, KEY)
        given = {"STRIPE_KEY": KEY, "STRIPE_URL": url, "SMTP_HOST": mail.host, "SMTP_PORT": str(mail.port)}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        made = Company(url, tmp_path / "books.sqlite", list(month.people), mail)
        files = [str(month.customers), str(month.usage), str(month.prices)]
        assert main(["--books", str(made.books_file), "load", *files]) == 0
        yield made


@pytest.mark.parametrize("company", [20], indirect=True)
def test_everybody_is_charged_what_they_owe_and_written_to_once_however_often_it_runs(company: Company) -> None:
    assert company.close()
    assert company.close()
    for person in company.people:
        assert company.charged(person) == ([person.owes] if person.can_pay else [])
        assert company.written_to(person) == 1
    with company.books() as books:
        booked = {customer_id: Booked(*minor) for customer_id, *minor in books.months(PERIOD)}
    assert booked == {
        person.customer_id: Booked(person.owes, person.owes if person.can_pay else 0, 0) for person in company.people
    }


@pytest.mark.parametrize("fault", ["reset", "cut", "error_500"])
def test_a_charge_whose_answers_are_lost_is_found_by_the_next_run(
    company: Company, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.disturb(fault=fault, when="after")
    assert not company.close()
    assert not company.written_to(company.first)
    company.calm()
    if fault == "error_500":  # Stripe repeats it: it is looked up once its request can't be under way any more
        monkeypatch.setattr("bench.peers.card.LONGEST_CALL", timedelta())
    assert company.close()
    assert company.charged(company.first) == [company.first.owes]
    assert company.written_to(company.first) == 1


def test_a_charge_that_a_500_kept_from_being_made_is_made_later(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.disturb(fault="error_500", when="before", count=1)
    assert not company.close()
    monkeypatch.setattr("bench.peers.card.LONGEST_CALL", timedelta())
    assert company.close()
    assert company.charged(company.first) == [company.first.owes]


def test_a_bank_transfer_is_taken_off_the_charge(company: Company) -> None:
    paid, half = company.people[:2]
    assert company.pay_by_transfer(paid, paid.owes)
    assert company.pay_by_transfer(half, half.owes // 2)
    assert company.close()
    assert company.charged(paid) == []
    assert company.charged(half) == [half.owes - half.owes // 2]
    assert company.written_to(paid) == company.written_to(half) == 1


def test_a_bank_transfer_is_refused_while_a_charge_is_open(company: Company) -> None:
    company.disturb(fault="reset", when="after")
    company.close()
    assert not company.pay_by_transfer(company.first, 500)
    company.calm()
    company.close()
    assert company.pay_by_transfer(company.first, 500)
    assert company.charged(company.first) == [company.first.owes]


def test_a_program_that_was_killed_before_it_booked_a_charge_charges_it_once(company: Company) -> None:
    with company.books() as books:
        attempt = books.begin_attempt(books.invoice(company.first.customer_id, PERIOD))
        assert attempt
        assert Card(KEY, company.url).settle(attempt, datetime.now(UTC)).state == "paid"
    assert company.close()
    assert company.charged(company.first) == [company.first.owes]


def test_an_attempt_older_than_stripes_keys_is_looked_up(company: Company) -> None:
    with company.books() as books:
        attempt = books.begin_attempt(books.invoice(company.first.customer_id, PERIOD))
    assert attempt
    card = Card(KEY, company.url)
    assert card.settle(attempt, attempt.begun + timedelta(days=2)).state == "void"
    assert card.settle(attempt, attempt.begun).state == "paid"
    assert card.settle(attempt, attempt.begun + timedelta(days=2)).state == "paid"
    assert company.charged(company.first) == [company.first.owes]
