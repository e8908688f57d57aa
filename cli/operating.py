"""What a person changes about a close or a customer, as the commands and the dashboard do it.

Each change is recorded in the audit trail first: who, why, from what to what.
"""

from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from cli.commands.customer import balance_in_words
from cli.system import System
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.grant import GrantKind, last_day
from monthclose.domain.audit import in_json
from monthclose.domain.closes.close import Close
from monthclose.domain.closes.retry import Chosen
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.rehearsal import Rehearsal
from monthclose.domain.text import check_key, check_reason
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from monthclose.use_cases.audit.record_act import Announced
from monthclose.use_cases.rehearsals.approve_rehearsal import Approved

_MOST_IN_ACT = 20


def runs(system: System, close: Close) -> bool:
    """Whether an execution works on a close, or waits for its approval."""
    return close.under_way and system.ports.workflow.is_running(close.execution)


def pause_close(system: System, period: Period, by: str, reason: str) -> Pause:
    """Pause the charging of a close.

    Raises
    ------
    UserMistakeError
        It is not running, or it is paused already.
    """
    with system.use_cases.acts.acting("close.paused", by=by, why=reason.strip(), period=period):
        return system.use_cases.pause_close(period, by, reason.strip())


def resume_close(system: System, period: Period, by: str, reason: str = "") -> Close:
    """Resume the charging of a close.

    Raises
    ------
    UserMistakeError
        It is not paused.
    """
    with system.use_cases.acts.acting("close.resumed", by=by, why=reason.strip(), period=period):
        return system.use_cases.resume_close(period, by)


def pause_provider(system: System, name: str, by: str, reason: str) -> Pause:
    """Pause all charging through a provider.

    Raises
    ------
    UserMistakeError
        It is paused already.
    """
    with system.use_cases.acts.acting("provider.paused", by=by, why=reason.strip(), after=name):
        return system.use_cases.pause_provider(name, by, reason.strip())


def resume_provider(system: System, name: str, by: str, reason: str = "") -> None:
    """Resume charging through a provider.

    Raises
    ------
    UserMistakeError
        It is not paused.
    """
    with system.use_cases.acts.acting("provider.resumed", by=by, why=reason.strip(), after=name):
        system.use_cases.resume_provider(name, by)


def approve(system: System, rehearsal: Rehearsal, by: str, note: str) -> Approved:
    """Accept what a rehearsal has found: the close bills that, and nothing else.

    Raises
    ------
    UserMistakeError
        It can no longer be approved, or somebody else has approved it.
    """
    period, number = rehearsal.period, rehearsal.number
    after = f"rehearsal {number}, {count(rehearsal.findings, 'finding')}"
    with system.use_cases.acts.acting("close.approved", by=by, why=note.strip(), period=period, after=after):
        return system.use_cases.approver.approve(period, number, by, note.strip())


def check_retry(close: Close) -> None:
    """Refuse to close customers of a close again that has charged nobody yet.

    Raises
    ------
    UserMistakeError
        It has not.
    """
    if not close.round:
        raise UserMistakeError(f"nobody has been charged for {close.period} yet: monthclose close {close.period}")


def start_retry(system: System, close: Close, chosen: Chosen, by: str, reason: str = "") -> str:
    """Start closing some customers again, and return the execution."""
    named = in_json(customers=len(chosen.providers), first=list(chosen.providers)[:_MOST_IN_ACT])
    acting = system.use_cases.acts.acting(
        "customers.retried", by=by, why=reason.strip(), period=close.period, after=named
    )
    with acting as act:
        key = system.use_cases.retry_chooser.store(close, chosen)
        name = f"retry-{close.period}-{system.ports.clock():%Y%m%dT%H%M%S%f}"
        request = {"period": str(close.period), "only": key, "by": by, "act": act.made.name}
        return system.ports.workflow.start(system.state_machine, name, request)


class Grant(NamedTuple):
    """Credit to be granted; `expires` is the end of its last day, `skus` are what it pays for, if not everything."""

    amount: Money
    kind: GrantKind
    expires: datetime | None
    skus: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Say what it is: `12.00 USD of goodwill credit for vm, valid until 2027-03-31`."""
        of = f" for {', '.join(self.skus)}" if self.skus else ""
        return f"{self.amount} of {self.kind} credit{of}{until(self.expires)}"


def grant_credit(system: System, customer: Customer, grant: Grant, reason: str, by: str) -> Customer:
    """Grant a customer credit, and return the customer as they are then.

    Raises
    ------
    UserMistakeError
        There is no reason, or the amount is not valid.
    """
    reason = check_reason(reason, "a reason is needed: it is shown in the customer's history")
    with acting_on(system, "credit.granted", customer, by, why=reason, after=grant.in_words()):
        cashier, name = system.use_cases.cashier, customer.customer_id
        return cashier.credit(name, grant.amount, reason, grant.kind, grant.expires, skus=grant.skus, by=by)


class Held(NamedTuple):
    """A customer whose hold was changed, and why they have not been told of it; empty if they have."""

    customer: Customer
    untold: str


def hold(system: System, customer: Customer, reason: str, by: str) -> Held:
    """Put a customer on hold, and tell them.

    Raises
    ------
    UserMistakeError
        There is no reason, or a person has put them on hold already.
    """
    was = hold_in_words(customer)
    with acting_on(system, "hold.placed", customer, by, why=reason, before=was, after="on hold"):
        held = system.use_cases.hold_desk.hold(customer.customer_id, reason, by)
    return Held(held, _told_of_hold(system, customer))


def release(system: System, customer: Customer, reason: str, by: str) -> Held:
    """Lift a customer's hold, and tell them.

    Raises
    ------
    UserMistakeError
        There is no reason, or they are not on hold.
    """
    was = hold_in_words(customer)
    with acting_on(system, "hold.lifted", customer, by, why=reason, before=was, after="not on hold"):
        released = system.use_cases.hold_desk.release(customer.customer_id, reason, by)
    return Held(released, _told_of_hold(system, customer))


def acting_on(
    system: System, what: str, customer: Customer, by: str, *, why: str, after: str, before: str = ""
) -> AbstractContextManager[Announced]:
    """Record in the audit trail what is about to be done to an account."""
    was = before or balance_in_words(customer)
    return system.use_cases.acts.acting(what, by=by, why=why, before=was, after=after, customer_id=customer.customer_id)


def hold_in_words(customer: Customer) -> str:
    """Say whether a customer is on hold, since when and why."""
    if customer.held_since is None:
        return "not on hold"
    return f"on hold since {customer.held_since:%Y-%m-%d}: {customer.hold_reason}"


def find_customer(system: System, customer_id: str) -> Customer:
    """Read a customer who must exist.

    Raises
    ------
    UserMistakeError
        There is no such customer.
    """
    check_key(customer_id, "the customer's id")
    found = system.ports.books.customer(customer_id)
    if found is None:
        raise UserMistakeError(f"there is no customer {customer_id!r} (ids are case-sensitive, as imported)")
    return found


def expiry(text: str | None) -> datetime | None:
    """Read the last day that credit is good: it expires with that day's end.

    Raises
    ------
    UserMistakeError
        It is not a date.
    """
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UserMistakeError(f"--until {text}: use a date like 2027-03-31") from None


def until(expires: datetime | None) -> str:
    """Say until when credit is valid; empty if it does not expire."""
    return f", valid until {last_day(expires)}" if expires else ""


def _told_of_hold(system: System, customer: Customer) -> str:
    try:
        system.use_cases.hold_keeper.tell(customer.customer_id)
    except TryLaterError as error:
        return f"the customer has not been told: {error}"
    return ""
