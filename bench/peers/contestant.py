"""What a contestant of `make bench-peers` is: a way to bill every customer for a month, seen from outside.

The harness gives each the same files and the same provider, disturbs each by the same hand, and asks each for its books
at the end. What came of it is judged by the records of the provider and of the mail server alone
(`bench.peers.verdict`). Each is made without arguments: `one_process.contestant.OneProcess`,
`celery_app.contestant.CeleryApp`, `month_close.contestant.MonthClose`.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PERIOD = "2026-10"
"""The month that is billed."""
CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a contestant is given; the files are the same for all, and end with a line break.

    Attributes
    ----------
    folder : Path
        An empty folder for data, logs and sockets. It is removed at the end.
    customers : Path
        CSV: `customer_id`, `name`, `email`, `currency`, `payment_provider` (`stripe`), `payment_method` (`pm_card_visa`
        and others), `payment_customer` (`cus_…`: the Stripe customer, which exists already).
    usage : Path
        CSV: `event_id`, `customer_id`, `sku`, `quantity` (a whole number), `time` (ISO 8601, UTC, within the month).
    prices : Path
        CSV: `sku`, `currency`, `unit_price` (a decimal in units of the currency, whole cents), `description`. An
        invoice is the sum of quantity * unit price; there are no taxes.
    stripe_url, stripe_key : str
        Where the provider is (the base address that official SDKs take) and the secret key.
    stripe_rate : int
        Requests a second that it allows on each endpoint, four times as many in all; more are answered with 429.
    smtp_host, smtp_port : str, int
        The mail server: plain SMTP without a login. It keeps what it accepts.
    webhook_secret : str
        What the provider signs webhooks with.
    faults : bool
        Whether this is the round in which things go wrong. Nothing may depend on it but the settings that the
        contestant's README explains, such as how soon a lost worker's message comes again.
    """

    folder: Path
    customers: Path
    usage: Path
    prices: Path
    stripe_url: str
    stripe_key: str
    stripe_rate: int
    smtp_host: str
    smtp_port: int
    webhook_secret: str
    faults: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A process of a contestant, counted with all its descendants but those that are parts themselves.

    Attributes
    ----------
    kind : str
        What it is called in the table: `worker`, `PostgreSQL`.
    pid : int
    worker : bool
        Whether the round of faults may kill it (SIGKILL): it does the work, and what supervises it is the contestant's.
    """

    kind: str
    pid: int
    worker: bool = False


@dataclass(frozen=True, slots=True)
class Booked:
    """What a contestant's own books say of one customer's month, in minor units.

    Attributes
    ----------
    invoiced : int
        0 if there is no invoice.
    charged : int
        What the provider is believed to have collected.
    transferred : int
        What was recorded by `Contestant.record_transfer`.
    """

    invoiced: int
    charged: int
    transferred: int


class Contestant(Protocol):
    """A way to bill. Its calls come from one thread, but for `parts`, `record_transfer` and `deliver_twice`.

    A contestant is used for one round and then ended; the next round has another, in another folder.
    """

    name: str
    """As the table has it."""

    def start(self, given: Surroundings) -> None:
        """Start what it needs and load the files. Nothing is invoiced, charged or mailed yet; this is not timed."""

    def close(self) -> bool:
        """Invoice, charge and write to every customer, as the first of the month does; returns when that has ended.

        Called again until it returns True (five times at most), as a person or cron would, also after `kill -9` has
        ended it. Nobody who was charged or written to is to be charged or written to again by it.

        Returns
        -------
        bool
            Whether it believes that everybody is dealt with.
        """

    def follow_up(self) -> None:
        """Do what people do on the days after it: look up charges whose outcome is not known, repeat what is left.

        Called after a round of faults, when nothing goes wrong any more; returns when there is nothing left to do.
        """

    def record_transfer(self, customer_id: str, minor: int, reference: str) -> bool:
        """Record that a customer has paid by bank transfer, as its accountant does: by its own door, while it charges.

        Once this returns True, the customer owes so much less.

        Returns
        -------
        bool
            Whether it was recorded; False if it refuses for the moment (somebody charges the customer right now): the
            accountant tries again some seconds later.
        """

    def deliver_twice(self, rng: random.Random) -> str | None:
        """Make some work come twice, in the way in which it happens to what it is made of.

        A message is put into the queue a second time, as after a visibility timeout; cron starts the program twice.

        Returns
        -------
        str or None
            What was doubled, for the table (`message`); None if there was nothing to double.
        """

    def parts(self) -> Sequence[Part]:
        """Name the processes that run now. Asked several times a second: it must be quick."""

    def mails(self) -> Sequence[str] | None:
        """List the recipients of all mail so far, one for each message; None if it went to the given mail server."""

    def books(self) -> Mapping[str, Booked]:
        """Return what its own books say, by customer id."""

    def stop(self) -> None:
        """End every process that it started, by id. Also called if `start` failed half-way."""
