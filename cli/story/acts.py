"""What people do in the story, and when: all through the same commands and controls that anybody has."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import typer

from cli.commands import accounts, imports
from cli.options import CreditKind
from cli.story.cast import Cast, Row, read_customers, users, with_method, without, write_customers
from cli.system import System
from monthclose.domain.accounts.ledger import Account
from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.domain.words import count
from sandbox.aws.local_aws import LocalAwsError
from sandbox.cloud.provider import generate

SEED = 1
BY = "the story"
"""Who does all of it, for the audit trail."""
_NEW_CARD = "pm_card_mastercard"
_BEFORE_MIDNIGHT = timedelta(minutes=5)
"""Usage may be imported up to a quarter of an hour before the time that it is of."""
_JOINING = 40
"""Of so many customers, one more joins each month."""


class Act(NamedTuple):
    """Something that somebody does, at a time."""

    time: datetime
    text: str
    """Empty if it is known only when it has been done: then `play` returns it."""
    play: Callable[[], object]
    about: tuple[str, ...] = ()
    """Customers to whom something happens at once."""


@dataclass
class Acts:
    """The acts of the story.

    Attributes
    ----------
    first : Period
        The month that is closed first.
    customers : int
        How many there are at first.
    """

    ctx: typer.Context
    system: System
    sandbox_url: str
    files: Path
    first: Period
    customers: int

    def first_month(self) -> None:
        """Make up the first month, choose the cast, and import."""
        folder = self._made_up(self.first, 0)
        rows = read_customers(folder / "customers.csv")
        self.cast = Cast.of(rows, users(folder / "usage.csv.gz"))
        methods = self.cast.methods(self.first)
        changed = [with_method(row, methods[name]) if (name := row["customer_id"]) in methods else row for row in rows]
        self.rows: dict[str, Row] = {row["customer_id"]: row for row in changed}
        imports.customers(self.ctx, write_customers(folder / "customers.csv", changed), by=BY)
        imports.prices(self.ctx, folder / "prices.csv", by=BY)
        imports.usage(self.ctx, folder / "usage.csv.gz", by=BY)

    def of_months(self, months: int) -> list[Act]:
        """List the acts of all months, in their order."""
        acts = [*self._after_first_close()]
        period = self.first
        for number in range(1, months):
            period = period.next
            acts += self._end_of(period, number)
            acts += self._after_close_of(period)
        return sorted(acts, key=lambda act: act.time)

    def _after_first_close(self) -> Iterator[Act]:
        cast, day = self.cast, _days_after(self.first)
        some = cast.declined[: max(1, len(cast.declined) // 2)]
        declined = _another_card(len(some), "was declined", "were declined")
        yield from self._new_card(day(2, hour=12), some, declined)
        if cast.rewarded:
            yield Act(day(3, hour=12), "a customer gets 300.00 of promotional credit, good for six weeks", self._reward)
        if cast.disputing:
            text = f"{count(len(cast.disputing), 'cardholder disputes a charge', 'cardholders dispute charges')}"
            yield Act(day(4, hour=12), text, self._dispute, cast.disputing)
            yield Act(day(6, hour=12), "evidence is submitted for one of the disputes", self._submit_evidence)
        held = "a customer who was put on hold adds a card"
        yield from self._new_card(day(23, hour=12), cast.forgetful[:1], held)

    def _end_of(self, period: Period, number: int) -> Iterator[Act]:
        leaving = self.cast.leaving[: (len(self.cast.leaving) + 1) // 2] if number == 1 else self.cast.leaving
        joined = number * max(1, self.customers // _JOINING)
        came, left = count(joined // number, "new customer"), count(len(leaving), "has left", "have left")
        text = f"usage of {period} is imported; {came}, {left}"
        yield Act(period.end - _BEFORE_MIDNIGHT, text, lambda: self._month(period, joined, leaving))

    def _after_close_of(self, period: Period) -> Iterator[Act]:
        day = _days_after(period)
        if period == self.first.next:
            expired = _another_card(len(self.cast.expiring), "has expired", "have expired")
            yield from self._new_card(day(3, hour=12), self.cast.expiring, expired)
        if period == self.first.next.next and self.cast.rewarded:
            yield Act(day(0, hour=1), "", lambda: self._lapsed(period))

    def _new_card(self, time: datetime, names: Sequence[str], text: str) -> Iterator[Act]:
        if names:
            yield Act(time, text, lambda: self._import_cards(names, f"cards-{time:%Y%m%d}.csv"))

    def _import_cards(self, names: Sequence[str], file: str) -> None:
        rows = [with_method(self.rows[name], _NEW_CARD) for name in names]
        self.rows |= {row["customer_id"]: row for row in rows}
        imports.customers(self.ctx, write_customers(self.files / file, rows), by=BY)

    def _month(self, period: Period, joined: int, left: Sequence[str]) -> None:
        folder = self._made_up(period, joined)
        new = [row for row in read_customers(folder / "customers.csv") if row["customer_id"] not in self.rows]
        self.rows |= {row["customer_id"]: row for row in new}
        without(folder / "usage.csv.gz", left)
        imports.customers(self.ctx, write_customers(folder / "customers.csv", new), by=BY)
        imports.usage(self.ctx, folder / "usage.csv.gz", by=BY)

    def _made_up(self, period: Period, joined: int) -> Path:
        folder = self.files / str(period)
        generate(folder, self.customers + joined, str(period), SEED)
        return folder

    def _reward(self) -> None:
        day = _days_after(self.first)(44).date().isoformat()
        [customer] = self.cast.rewarded
        why = "welcome offer"
        accounts.credit(self.ctx, customer, "300", why, CreditKind.PROMOTIONAL, day, None, "demo", in_json=False)

    def _lapsed(self, period: Period) -> str:
        """Say how much of the promotional credit was not used in time."""
        [customer] = self.cast.rewarded
        entries = self.system.ports.books.month(customer, period).entries
        lapsed = [entry for entry in entries if entry.memo.startswith("credit expired")]
        minor = sum(leg.minor for entry in lapsed for leg in entry.legs if leg.account is Account.CREDIT)
        return f"{Money(minor, lapsed[0].currency)} of the promotional credit lapses" if lapsed else ""

    def _dispute(self) -> None:
        for customer in self.cast.disputing:
            payment = self.system.ports.books.month(customer, self.first).payment
            if payment and payment.provider_ref:
                self._control("disputes", {"payment_intent": payment.provider_ref})

    def _submit_evidence(self) -> None:
        payment = self.system.ports.books.month(self.cast.disputing[-1], self.first).payment
        if payment:
            listed = httpx.get(
                f"{self.sandbox_url}/v1/disputes",
                params={"payment_intent": payment.provider_ref},
                headers={"Authorization": "Bearer sk_test_sandbox"},
                trust_env=False,
            )
            for dispute in listed.raise_for_status().json()["data"]:
                self._control(f"disputes/{dispute['id']}/move", {"status": "under_review"})

    def _control(self, path: str, body: Any) -> None:
        try:
            httpx.post(f"{self.sandbox_url}/_sandbox/stripe/{path}", json=body, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise LocalAwsError(f"the sandbox did not do what the story has it do: {error}") from error


def _another_card(customers: int, one: str, many: str) -> str:
    whose = count(customers, f"customer whose card {one} adds", f"customers whose cards {many} add")
    return f"{whose} another card"


def _days_after(period: Period) -> Callable[..., datetime]:
    """Count days from the close of a period."""
    return lambda days, hour=0: period.end + timedelta(days=days, hours=hour)
