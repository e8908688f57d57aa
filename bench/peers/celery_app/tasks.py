"""The tasks. Messages name invoices, never amounts; each task can be repeated at any time, also beside itself."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import batched
from smtplib import SMTPException
from typing import Any

import psycopg
import redis
import stripe
from celery.exceptions import SoftTimeLimitExceeded

from bench.peers.card import StillOpenError
from bench.peers.celery_app import books, connections, settings
from bench.peers.celery_app.app import app
from bench.peers.celery_app.pacing import wait_for_slot
from bench.peers.letter import mail_server

_CHUNK = 100


class BusyError(Exception):
    """Somebody else works on this customer."""


_RETRY: dict[str, Any] = {
    "autoretry_for": (
        BusyError,
        StillOpenError,
        SoftTimeLimitExceeded,
        SMTPException,
        OSError,
        psycopg.OperationalError,
        redis.RedisError,
        stripe.StripeError,
    ),
    "retry_backoff": True,
    "retry_backoff_max": settings.LONGEST_PAUSE,
    "retry_jitter": True,
    "max_retries": 20,
}


@app.task(**_RETRY)
def close_month(period: str) -> None:
    """Bill a month: hand all customers on, some at a time."""
    for customers in batched(books.customer_ids(), _CHUNK, strict=False):
        invoice_customers.delay(period, customers)


@app.task(**_RETRY)
def invoice_customers(period: str, customers: Sequence[str]) -> None:
    """Make the invoices of some customers and have each charged."""
    for number in books.make_invoices(period, customers):
        charge.delay(number)


@app.task(**_RETRY)
def charge(number: str) -> None:
    """Charge what an invoice's customer owes now, and have the customer told what came of it."""
    invoice = books.invoice(number)
    if not invoice.state:
        wait_for_slot()
        with connections.customer_lock(invoice.customer_id) as locked:
            if not locked:
                raise BusyError(invoice.customer_id)
            _charge(number)
    notify.delay(number)


def _charge(number: str) -> None:
    """Settle the open attempt, or make one; one that never reached Stripe is followed by another."""
    while attempt := books.begin_attempt(number):
        outcome = connections.card().settle(attempt, datetime.now(UTC))
        books.book(attempt, outcome)
        if outcome.state != "void":
            return


@app.task(**_RETRY)
def notify(number: str) -> None:
    """Send the one e-mail. The invoice is locked meanwhile; if the process dies, the lock goes with its connection."""
    with connections.transaction() as connection:
        letter = books.lock_letter(connection, number)
        if letter:
            with mail_server(settings.SMTP_HOST, settings.SMTP_PORT) as server:
                server.send_message(letter.message())
            books.mailed(connection, number)


@app.task(**_RETRY)
def sweep() -> None:
    """Queue invoices again that are not done with, if no message of theirs can still be waiting."""
    if connections.redis().llen("charges") == 0:
        for number in books.overdue(settings.SWEEP_AFTER):
            charge.delay(number)
