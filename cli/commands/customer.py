"""`monthclose customer`: one customer's whole story on one screen."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import typer

from cli import acts
from cli.connect import connected
from cli.console import grid, note, print_json, say, show
from cli.system import System
from cli.who import addresses_in_words, references_of
from monthclose.domain.accounts.customer import SELDOM, Customer
from monthclose.domain.accounts.cycles import ON_THE_FIRST, in_words
from monthclose.domain.accounts.grant import Part
from monthclose.domain.accounts.group import payer_for, present_children, present_payer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.closes.close import Stop
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.domain.text import check_key

_KIND_OF_ENTRY = {
    "received": "received",
    "granted": "credit",
    "expired": "expired",
    "refund": "refund",
    "reversal": "reversal",
}
"""What an entry's id says that it books; the others are the invoice's and the payment's own."""


_RANKS = {"act": 0, "close": 0, "invoice": 1, "credit note": 2, "payment": 3, "parked": 5, "hold": 6, "notice": 7}
_BOOKING = 4
"""Kinds in the order in which they lead to each other; all that are not named are bookings of the ledger."""
_MOST_ACTS = 200
"""The newest; `monthclose audit --customer` shows the others."""
_MOST_INVOICES = 24
"""Of a payer, the newest, that are read for lines of one they pay for."""
_TOGETHER = timedelta(milliseconds=5)
"""Records of one commit have times that are as far apart as making them took."""


class Happening(NamedTuple):
    """Something that happened to a customer."""

    time: datetime
    period: Period
    kind: str
    text: str
    detail: str
    rank: int = 0
    """Among what was written together: causes before effects."""


def customer(ctx: typer.Context, customer_id: str, *, in_json: bool) -> None:
    """Show a customer's profile, balance and history."""
    check_key(customer_id, "the customer's id")
    system = connected(ctx)
    found = system.ports.books.customer(customer_id)
    if found is None:
        raise UserMistakeError(f"there is no customer {customer_id!r} (ids are case-sensitive, as imported)")
    story = happenings(system, customer_id)
    if in_json:
        print_json(_as_json(found, story))
    else:
        _print(found, story, _on_payers_invoices(system, found))


def happenings(system: System, customer_id: str) -> list[Happening]:
    """Collect everything that happened to a customer, in order of time."""
    months = system.ports.books.months(customer_id)
    found = [h for period, month in months.items() for h in _of_month(period, month)]
    for period in months:
        close = system.ports.closes.get(period)
        found += [_stopped(period, stop) for stop in close.stops] if close else []
    trail = list(islice(system.ports.audit.find(customer_id=customer_id), _MOST_ACTS))
    return in_order([*found, *map(_act, acts.with_outcomes(trail))])


def _on_payers_invoices(system: System, found: Customer) -> list[tuple[str, str]]:
    """Name the customer's payer, and the payer's invoices that have lines of the customer, the newest first."""
    facts = []
    for payer in dict.fromkeys(payer for _, payer in reversed(found.payers) if payer):
        months = sorted(system.ports.books.months(payer).items(), reverse=True)
        issued = [one for period, month in months if payer_for(found, period) == payer for one in month.invoices]
        having = [
            invoice.number
            for invoice in islice(issued, _MOST_INVOICES)
            if system.use_cases.issued.document(invoice).lines_of(found.customer_id)
        ]
        on = f", on {', '.join(having)}" if having else ""
        when = "billed with" if payer == present_payer(found) else "billed before with"
        facts.append((f"  {when}", f"{payer}{on}: monthclose customer {payer}"))
    return facts


def in_order(happened: Iterable[Happening]) -> list[Happening]:
    """Put what happened in order of time; what was written together has causes before effects."""
    ordered, together = list[Happening](), list[Happening]()
    for happening in sorted(happened, key=lambda h: h.time):
        if together and happening.time - together[0].time > _TOGETHER:
            ordered += sorted(together, key=_cause_first)
            together = []
        together.append(happening)
    return [*ordered, *sorted(together, key=_cause_first)]


def _cause_first(happening: Happening) -> int:
    return happening.rank or _RANKS.get(happening.kind, _BOOKING)


def _act(shown: acts.Shown) -> Happening:
    recorded = shown.recorded
    act = recorded.act
    text = f"{act.what} by {acts.who(recorded)}"
    words = acts.in_words(shown).replace("\n", "; ")
    return Happening(
        act.time, act.period or Period.of(act.time), "act", f"{text}: {words}" if words else text, recorded.name
    )


def _stopped(period: Period, stop: Stop) -> Happening:
    return Happening(stop.time, period, "close", f"stopped: {stop.reason or 'no reason given'}", stop.by)


def _of_month(period: Period, month: CustomerMonth) -> Iterator[Happening]:
    for invoice in month.invoices:
        issued = invoice.issued_on
        booked = [entry.time for entry in month.entries if entry.entry_id == invoice.entry_id]
        time = booked[0] if booked else datetime(issued.year, issued.month, issued.day, tzinfo=UTC)
        now = (
            f"replaced by {invoice.replaced_by}"
            if invoice.replaced_by
            else f"{invoice.open} open"
            if invoice.open
            else "settled"
        )
        detail = f"in place of {invoice.replaces}" if invoice.replaces else ""
        yield Happening(time, period, "invoice", f"{invoice.number} for {invoice.total}, {now}", detail)
    for credit_note in month.credit_notes:
        booked = [entry.time for entry in month.entries if entry.entry_id == credit_note.entry_id]
        text = f"{credit_note.number} for {credit_note.total} of {credit_note.corrects}: {credit_note.reason}"
        yield Happening(booked[0], period, "credit note", text, "")
    for entry in month.entries:
        kind = _KIND_OF_ENTRY.get(entry.entry_id.partition("/")[0], "ledger")
        issues = any(entry.entry_id == invoice.entry_id for invoice in month.invoices)
        yield Happening(entry.time, period, kind, _booking(entry), entry.memo, _RANKS["invoice"] if issues else 0)
    for payment in month.payments:
        which = _which(payment, month)
        for step in payment.history:
            request = f"request {step.request_id}" if step.request_id else ""
            yield Happening(step.time, period, "payment", f"{which}{step.before} → {step.after}: {step.why}", request)
    for notice in month.notices:
        message = ", ".join(filter(None, (notice.why, f"message {notice.message_id}" if notice.message_id else "")))
        yield Happening(notice.time, period, "notice", f"{notice.kind} {notice.state}", message)
    for change in month.holds:
        by = f"by {change.by}" if change.by else ""
        yield Happening(change.time, period, "hold", f"{change.action}: {change.reason}", by)
    if month.parking:
        gone = "" if month.parking.active else " (no longer parked)"
        text = f"{month.parking.reason}: {month.parking.detail}{gone}"
        yield Happening(month.parking.time, period, "parked", text, "")


def _which(payment: Payment, month: CustomerMonth) -> str:
    """Say whose a payment is, if it isn't the close's."""
    if payment.sequence == 1:
        return ""
    of = [invoice.number for invoice in month.invoices if invoice.first_payment == payment.sequence]
    return f"for {of[-1]}, {payment.payment_id}: " if of else f"by hand, {payment.payment_id}: "


def _hold(found: Customer) -> str:
    if not found.held_since:
        return "none"
    by = f", by {found.held_by}" if found.held_by else ""
    return f"since {found.held_since:%Y-%m-%d %H:%M} UTC{by}: {found.hold_reason}"


def _booking(entry: Entry) -> str:
    return ", ".join(f"{leg.account} {Money(leg.minor, entry.currency)}" for leg in entry.legs)


def _method(found: Customer) -> str:
    """Name the payment method that is charged, and say so if it is not the imported one but the customer's own."""
    given = f" (given by the customer on {found.given.given_at:%Y-%m-%d})" if found.given else ""
    return f"{found.payment_method}{given}" if found.payment_method else "no payment method"


def _print(found: Customer, story: list[Happening], with_payers: list[tuple[str, str]]) -> None:
    profile = found.profile
    say(f"{found.customer_id}  {profile.name}", "bold")
    facts = [
        *((f"  {label[0].lower()}{label[1:]}", text) for label, text in addresses_in_words(found)),
        *((f"  {label[0].lower()}{label[1:]}", text) for label, text in references_of(found)),
        ("  country", profile.country or "not given"),
        ("  pays with", f"{profile.payment_provider}, {_method(found)}"),
        *with_payers,
        ("  balance", balance_in_words(found)),
        *((("  of the credit"), _part_in_words(part, found.currency)) for part in found.grants),
        ("  hold", _hold(found)),
    ]
    if found.registered_provider_customer_id:
        facts.append(("  at the provider", found.registered_provider_customer_id))
    if found.open_payment:
        facts.append(("  being charged", f"payment {found.open_payment}"))
    show(grid(facts))
    if not story:
        note("  nothing is on this account itself yet" if with_payers else "  nothing has happened yet", "")
        return
    rows = [
        (f"  {h.time:%Y-%m-%d %H:%M:%S}", str(h.period), h.kind, h.text + (f"  [{h.detail}]" if h.detail else ""))
        for h in story
    ]
    show(grid(rows, header=("  when (UTC)", "month", "what", "")))


def balance_in_words(found: Customer) -> str:
    """Say what a customer owes, or what we owe them."""
    return owed_in_words(found.balance)


def owed_in_words(balance: Money) -> str:
    """Say what a balance is: owed, or credit."""
    if balance.minor < 0:
        return f"{-balance} of credit"
    return f"{balance} owed" if balance else "nothing owed"


def _part_in_words(part: Part, currency: str) -> str:
    until = f", valid until {part.grant.last_day}" if part.grant.expires_at else ""
    of = f" for {', '.join(part.grant.skus)}" if part.grant.skus else ""
    return f"{Money(part.minor, currency)} {part.grant.kind} of {part.grant.granted_at:%Y-%m-%d}{of}{until}"


def grants_as_json(found: Customer) -> list[dict[str, Any]]:
    """Say what of a customer's credit has conditions; amounts in minor units."""
    return [
        {
            "kind": str(grant.kind),
            "left_minor": minor,
            "granted_minor": grant.minor,
            "granted_at": grant.granted_at.isoformat(),
            "last_day": str(grant.last_day) if grant.last_day else None,
            **({"skus": list(grant.skus)} if grant.skus else {}),
        }
        for grant, minor in found.grants
    ]


def _as_json(found: Customer, story: list[Happening]) -> dict[str, Any]:
    profile = found.profile
    return {
        "customer_id": found.customer_id,
        "profile": {
            "name": profile.name,
            "email": profile.email,
            **{name: getattr(profile, name) for name in SELDOM if getattr(profile, name)},
            "country": profile.country,
            "currency": profile.currency,
            "payment_provider": profile.payment_provider,
            "payment_method": profile.payment_method,
        },
        **({"payer": payer} if (payer := present_payer(found)) else {}),
        **({"pays_for": children} if (children := present_children(found)) else {}),
        **({"billing_day": in_words(found.billing_cycles)} if found.billing_cycles != ON_THE_FIRST else {}),
        "balance_minor": found.balance.minor,
        "receivable_minor": found.receivable_minor,
        "credit_minor": found.credit_minor,
        "grants": grants_as_json(found),
        "currency": profile.currency,
        "given_method": found.given.method if found.given else None,
        "provider_customer": found.registered_provider_customer_id,
        "open_payment": found.open_payment,
        "held_since": found.held_since.isoformat() if found.held_since else None,
        "hold_reason": found.hold_reason,
        "held_by": found.held_by,
        "happened": [
            {
                "time": h.time.isoformat(),
                "period": str(h.period),
                "kind": h.kind,
                "text": h.text,
                "detail": h.detail,
            }
            for h in story
        ],
    }
