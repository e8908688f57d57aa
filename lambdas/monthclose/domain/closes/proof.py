"""The proof: do the books tie? A check returns what it found; an empty list means they do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monthclose.domain.accounts.ledger import Account
from monthclose.domain.closes.close import Totals
from monthclose.domain.money import Money
from monthclose.domain.period import Period


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not tie; `check` is a stable code, `detail` a sentence for a person."""

    check: str
    detail: str
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class ProviderCharge:
    """Money that a provider says it collected for one of our payments.

    Parameters
    ----------
    minor : int
        In minor units, less refunds and reversals.
    """

    provider: str
    reference: str
    payment_id: str
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class MoneyReturned:
    """Money of a charge that went back, as a provider recorded it apart from the charge: a refund or a reversal.

    Parameters
    ----------
    minor : int
        In minor units of the charge's currency; negative if money came again, as after a dispute that was won.
    """

    provider: str
    reference: str
    currency: str
    minor: int


NOT_COMPARED = frozenset({"provider_unreachable", "compare_incomplete"})
"""Checks of findings that say that something was not compared: nothing is known to be wrong."""
MOST_FINDINGS = 1000
"""Findings that are kept and listed; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A period's charges through one provider, compared from both sides.

    Parameters
    ----------
    complete : bool
        Whether the provider could be asked for everything, in time.
    charges, payments : int
        Charges that the provider lists; payments of ours that hold money of it (0 if only the sums were compared).
    theirs, ours : mapping
        Money by currency, in minor units, less refunds and reversals.
    booked : int
        Payments that were brought to what the provider says of them.
    findings_in_all : int
        How many there were; `findings` lists the first `MOST_FINDINGS`.
    """

    period: Period
    provider: str
    compared_at: datetime
    complete: bool
    charges: int
    payments: int
    theirs: Mapping[str, int]
    ours: Mapping[str, int]
    booked: int
    findings: tuple[Finding, ...]
    findings_in_all: int


def check_totals(totals: Totals, snapshot: int) -> list[Finding]:
    """Check that every customer is accounted for and that each currency's sums tie, with the ledger too."""
    findings = []
    accounted = sum(totals.customers.values())
    if accounted != snapshot:
        findings.append(Finding("customers", f"the snapshot has {snapshot} customers, but {accounted} have an outcome"))
    for currency in sorted({*totals.money, *totals.ledger}):
        sums = totals.money.get(currency, {})
        findings += _check_equation(currency, sums)
        findings += _check_ledger(currency, sums, totals.ledger.get(currency, {}))
    return findings


def _check_equation(currency: str, sums: Mapping[str, int]) -> list[Finding]:
    settled = sum(sums.get(name, 0) for name in ("collected", "credited", "written_off", "open"))
    difference = sums.get("invoiced", 0) - settled
    if not difference:
        return []
    return [
        Finding(
            "equation",
            f"invoiced differs from collected + credited + written off + open by {Money(difference, currency)}",
        )
    ]


def _check_ledger(currency: str, sums: Mapping[str, int], legs: Mapping[str, int]) -> list[Finding]:
    """Hold the sums of the invoices and payments against the sums of the ledger, account by account."""
    negative, by_providers = sums.get("negative", 0), sums.get("by_providers", 0)
    # Of credit that people booked, and of what expired, there is no other record than the ledger.
    granted, received, expired = (legs.get(a, 0) for a in (Account.ALLOWANCE, Account.BANK, Account.BREAKAGE))
    # What the invoices did not need is the customer's credit; what of that went back after it was used is our loss.
    overpaid, lost = by_providers - sums.get("collected", 0), sums.get("lost", 0)
    credit_notes, tax_credited = sums.get("credit_notes", 0), sums.get("credit_notes_tax", 0)
    tax = sums.get("tax", 0) - tax_credited
    expected = {
        Account.REVENUE: negative + credit_notes - sums.get("invoiced", 0) + tax,
        Account.TAX: -tax,
        Account.CLEARING: by_providers,
        Account.BANK: received,
        Account.ALLOWANCE: granted,
        Account.BREAKAGE: expired,
        Account.RECEIVABLE: sums.get("open", 0),
        Account.CREDIT: sums.get("credited", 0)
        - credit_notes
        - negative
        - granted
        - received
        - expired
        - overpaid
        - lost,
        Account.WRITE_OFF: sums.get("written_off", 0) + lost,
    }
    return [
        Finding(
            "ledger",
            f"the ledger has {account} at {Money(legs.get(account, 0), currency)}, "
            f"the invoices give {Money(minor, currency)}",
        )
        for account in Account
        if legs.get(account, 0) != (minor := expected.get(account, 0))
    ]


def check_provider_sums(ours: Mapping[str, int], theirs: Mapping[str, int], provider: str) -> list[Finding]:
    """Compare the money collected by our record with a provider's own, by currency, in minor units."""
    return [
        Finding(
            "provider_sum",
            f"we collected {Money(ours.get(currency, 0), currency)}, "
            f"{provider} says {Money(theirs.get(currency, 0), currency)}",
        )
        for currency in sorted({*ours, *theirs})
        if ours.get(currency, 0) != theirs.get(currency, 0)
    ]
