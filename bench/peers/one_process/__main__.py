"""Bill every customer for a month, one after another: `python -m bench.peers.one_process close`.

Each customer is invoiced, charged and written to before the next one's turn. Started again after a crash, it goes on
where it was: what was done is in the books, and a charge whose outcome is not known is settled first.
"""

import argparse
import fcntl
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from smtplib import SMTPException

import stripe

from bench.peers.card import Card, StillOpenError
from bench.peers.letter import mail_server
from bench.peers.one_process.books import Books, Invoice

_log = logging.getLogger("one_process")
_TRY_LATER = (stripe.StripeError, StillOpenError, SMTPException, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 when everybody is dealt with."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.one_process", description=__doc__)
    parser.add_argument("--books", type=Path, required=True, help="the SQLite file")
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("load", help="take in customers, usage and prices")
    for name in ("customers", "usage", "prices"):
        load.add_argument(name, type=Path)
    commands.add_parser("close", help="bill a month").add_argument("period")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with Books(options.books) as books:
        if options.command == "load":
            books.load(options.customers, options.usage, options.prices)
            return 0
        with _alone(options.books.with_suffix(".lock")) as alone:
            return 0 if alone and _close(books, options.period) else 1


def _close(books: Books, period: str) -> bool:
    """Bill everybody; False if somebody is left, who is tried when the program is started again."""
    card = Card(os.environ["STRIPE_KEY"], os.environ["STRIPE_URL"])
    left = 0
    for customer_id in books.customers():
        invoice = books.invoice(customer_id, period)
        try:
            if not invoice.state:
                _charge(books, card, invoice)
            if not invoice.mailed:
                _mail(books, invoice)
        except _TRY_LATER as error:
            _log.warning("%s is left for later: %s", customer_id, error)
            left += 1
    _log.info("the end; %d left for later", left)
    return left == 0


def _charge(books: Books, card: Card, invoice: Invoice) -> None:
    """Charge what is owed now; an attempt that never reached Stripe is followed by another."""
    while attempt := books.begin_attempt(invoice):
        outcome = card.settle(attempt, datetime.now(UTC))
        books.book(attempt, outcome)
        if outcome.state != "void":
            return


def _mail(books: Books, invoice: Invoice) -> None:
    with mail_server(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as server:
        server.send_message(books.letter(invoice).message())
    books.mailed(invoice)


@contextmanager
def _alone(file: Path) -> Iterator[bool]:
    """Make sure that the program runs once, as flock(1) does for cron: the kernel frees the lock when it dies."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("it is running already")
            yield False
            return
        yield True


if __name__ == "__main__":
    sys.exit(main())
