"""The lists: what each shows, is searched, filtered and sorted by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Shown(NamedTuple):
    """A column of a list.

    Parameters
    ----------
    kind : str
        How it is shown: `text`, `amount`, `count`, `day`, `time`, `word` (a state or a code), `customer`, `invoice`,
        `period`.
    more : bool
        Whether it is left out on the page, where there is no room, and is in the export only.
    """

    name: str
    label: str
    kind: str = "text"
    more: bool = False


class Filter(NamedTuple):
    """Something that a list can be limited by.

    Parameters
    ----------
    choices : mapping
        What can be chosen: its label and its condition. Empty: the values that the column has.
    """

    name: str
    label: str
    choices: Mapping[str, tuple[str, str]] = {}


@dataclass(frozen=True, slots=True)
class ListSpec:
    """A list.

    Parameters
    ----------
    table : str
        Where its rows are.
    only : str
        The condition that its rows fulfil; empty for all of the table.
    named : bool
        Whether the customers' names come from their own table.
    key : tuple of str
        The columns that tell rows apart: rows that are equal in what they are sorted by stay in this order.
    sort : str
        By what it is sorted at first; `-` before it turns the order round.
    one, many : str
        What a row is, and several of them.
    empty : str
        What is said if there is none.
    searched : tuple of str
        The columns that are searched, beside the customers' ids, names and e-mail addresses.
    amount : str
        The column, or what is made of one, whose sums are shown, by currency; empty if there is none.
    """

    name: str
    title: str
    one: str
    many: str
    table: str
    empty: str
    columns: tuple[Shown, ...]
    key: tuple[str, ...]
    sort: str
    searched: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    amount: str = ""
    amount_label: str = ""
    only: str = ""
    named: bool = True


def _columns(*given: tuple[str, ...]) -> tuple[Shown, ...]:
    """Make columns of name, label, kind; a label in brackets is that of a column of the export only."""
    return tuple(
        Shown(name, label.strip("[]"), kind[0] if kind else "text", more=label.startswith("["))
        for name, label, *kind in given
    )


_CUSTOMER = (("customer_id", "Customer", "customer"), ("name", "Name"))


_OWED = "greatest(balance_minor, 0)"
"""What one customer is owed takes nothing off what another one owes."""
_PERIOD, _CURRENCY, _STATE = Filter("period", "Month"), Filter("currency", "Currency"), Filter("state", "State")

CUSTOMERS = ListSpec(
    "customers",
    "Customers",
    "customer",
    "customers",
    "customers",
    "There are no customers yet: import some (monthclose import customers FILE).",
    _columns(
        *_CUSTOMER,
        ("email", "E-mail"),
        ("country", "Country"),
        ("currency", "Currency"),
        ("provider", "Provider", "word"),
        ("balance_minor", "Owes", "amount"),
        ("receivable_minor", "[Receivable]", "amount"),
        ("credit_minor", "Credit", "amount"),
        ("open_invoices", "Open invoices", "count"),
        ("held_since", "On hold since", "day"),
        ("hold_reason", "[Reason of the hold]"),
    ),
    ("customer_id",),
    "-balance_minor",
    (),
    (
        Filter(
            "standing",
            "Standing",
            {
                "owing": ("Owes something", "balance_minor > 0"),
                "credit": ("Has credit", "credit_minor > 0"),
                "held": ("On hold", "held_since IS NOT NULL"),
                "settled": ("Owes nothing", "balance_minor <= 0"),
            },
        ),
        Filter("country", "Country"),
        _CURRENCY,
        Filter("provider", "Provider"),
    ),
    _OWED,
    "owed",
    named=False,
)
INVOICES = ListSpec(
    "invoices",
    "Invoices",
    "invoice",
    "invoices",
    "invoices",
    "Nothing has been invoiced yet.",
    _columns(
        ("number", "Number", "invoice"),
        *_CUSTOMER,
        ("period", "Month", "period"),
        ("issued_on", "Issued", "day"),
        ("currency", "Currency"),
        ("total_minor", "Total", "amount"),
        ("tax_minor", "[Tax]", "amount"),
        ("collected_minor", "Collected", "amount"),
        ("credited_minor", "[Credited]", "amount"),
        ("written_off_minor", "[Written off]", "amount"),
        ("open_minor", "Open", "amount"),
        ("state", "State", "word"),
        ("replaces", "[Replaces]"),
        ("replaced_by", "[Replaced by]"),
    ),
    ("number",),
    "-number",
    ("number",),
    (_PERIOD, _STATE, _CURRENCY),
    "open_minor",
    "open",
)
PAYMENTS = ListSpec(
    "payments",
    "Payments",
    "payment",
    "payments",
    "payments",
    "Nobody has been charged yet.",
    _columns(
        ("payment_id", "[Payment]"),
        ("number", "Invoice", "invoice"),
        *_CUSTOMER,
        ("period", "Month", "period"),
        ("provider", "Provider", "word"),
        ("currency", "Currency"),
        ("amount_minor", "Amount", "amount"),
        ("collected_minor", "Collected", "amount"),
        ("refunded_minor", "[Refunded]", "amount"),
        ("reversed_minor", "[Reversed]", "amount"),
        ("lost_minor", "[Lost]", "amount"),
        ("state", "State", "word"),
        ("decline_code", "Decline code", "word"),
        ("card_brand", "[Card]", "word"),
        ("attempt", "Attempts", "count"),
        ("charged_at", "Charged", "time"),
        ("settled_at", "[Settled]", "time"),
        ("provider_ref", "[Provider's id]"),
    ),
    ("payment_id",),
    "-charged_at",
    (
        "number",
        "payment_id",
        "provider_ref",
    ),
    (_PERIOD, _STATE, Filter("provider", "Provider"), Filter("decline_code", "Decline code"), _CURRENCY),
    "collected_minor",
    "collected",
)
CREDIT_NOTES = ListSpec(
    "credit-notes",
    "Credit notes",
    "credit note",
    "credit notes",
    "credit_notes",
    "No invoice has been credited.",
    _columns(
        ("number", "Number", "invoice"),
        ("corrects", "Corrects", "invoice"),
        *_CUSTOMER,
        ("period", "Month", "period"),
        ("issued_on", "Issued", "day"),
        ("currency", "Currency"),
        ("total_minor", "Credited", "amount"),
        ("tax_minor", "Tax in it", "amount"),
        ("reason", "Reason"),
    ),
    ("number",),
    "-number",
    (
        "number",
        "corrects",
        "reason",
    ),
    (_PERIOD, _CURRENCY),
    "total_minor",
    "credited",
)
HOLDS = ListSpec(
    "holds",
    "Holds",
    "customer on hold",
    "customers on hold",
    "customers",
    "Nobody is on hold.",
    _columns(
        *_CUSTOMER,
        ("held_since", "Since", "time"),
        ("hold_reason", "Why"),
        ("held_by", "By"),
        ("currency", "Currency"),
        ("balance_minor", "Owes", "amount"),
        ("open_invoices", "Open invoices", "count"),
    ),
    ("customer_id",),
    "held_since",
    ("hold_reason", "held_by"),
    (
        Filter(
            "placed",
            "Placed by",
            {"person": ("A person", "held_by IS NOT NULL"), "policy": ("The policy", "held_by IS NULL")},
        ),
        _CURRENCY,
    ),
    _OWED,
    "owed",
    "held_since IS NOT NULL",
    named=False,
)
PARKED = ListSpec(
    "parked",
    "Parked",
    "parked customer",
    "parked customers",
    "parked",
    "Nobody is parked.",
    _columns(
        *_CUSTOMER,
        ("period", "Month", "period"),
        ("reason", "Reason", "word"),
        ("detail", "What is in the way"),
        ("time", "Since", "time"),
    ),
    ("customer_id", "period"),
    "-time",
    (
        "reason",
        "detail",
    ),
    (_PERIOD, Filter("reason", "Reason")),
)
NOTICES = ListSpec(
    "notices",
    "Notices",
    "notice",
    "notices",
    "notices",
    "Nobody has been told anything yet.",
    _columns(
        *_CUSTOMER,
        ("period", "Month", "period"),
        ("number", "Invoice", "invoice"),
        ("kind", "Says", "word"),
        ("step", "[Step]"),
        ("state", "State", "word"),
        ("why", "Why it came back"),
        ("time", "Sent", "time"),
        ("bounces", "[Bounces]", "count"),
        ("message_id", "[Message]"),
    ),
    ("customer_id", "period", "kind", "step"),
    "-time",
    (
        "number",
        "why",
        "message_id",
    ),
    (
        _PERIOD,
        Filter(
            "arrival",
            "Arrival",
            {
                "came_back": ("Did not arrive", "state IN ('bounced', 'unreachable', 'refused')"),
                "complained": ("Marked as spam", "state = 'complained'"),
                "arrived": ("No sign of trouble", "state IN ('sent', 'claimed')"),
            },
        ),
        Filter("kind", "Says"),
        _STATE,
    ),
)
FINDINGS = ListSpec(
    "findings",
    "Findings",
    "finding",
    "findings",
    "findings",
    "There are no findings: the books tie, and nobody is unfinished or waiting.",
    _columns(
        ("period", "Month", "period"),
        ("check", "Check", "word"),
        ("state", "State", "word"),
        *_CUSTOMER,
        ("detail", "What does not tie"),
    ),
    ("period", "check", "customer_id", "detail"),
    "-period",
    (
        "check",
        "detail",
    ),
    (_PERIOD, Filter("check", "Check"), _STATE),
)
ACTS = ListSpec(
    "audit",
    "Audit trail",
    "act",
    "acts",
    "acts",
    "Nobody has changed anything yet.",
    _columns(
        ("at", "When", "time"),
        ("what", "What"),
        ("by", "By"),
        ("why", "Why"),
        ("period", "Month", "period"),
        ("customer_id", "Customer", "customer"),
        ("invoice", "Invoice", "invoice"),
        ("before", "[Before]"),
        ("after", "[After]"),
        ("who", "[AWS identity]"),
        ("name", "[Act]"),
    ),
    ("at", "name"),
    "-at",
    ("what", "by", "why", "who", "invoice", "before", "after"),
    (_PERIOD, Filter("subject", "What"), Filter("by", "By")),
    named=False,
)

LISTS: Mapping[str, ListSpec] = {
    each.name: each for each in (CUSTOMERS, INVOICES, PAYMENTS, CREDIT_NOTES, HOLDS, PARKED, NOTICES, FINDINGS, ACTS)
}
"""By the name in its address, in the order of the navigation."""
