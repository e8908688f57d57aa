"""The e-mail addresses of a customer: one that every customer has, and others for invoices and for dunning.

Addresses of a purpose take the place of the customer's own; who wants it to get those e-mails, too, lists it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monthclose.domain.accounts.customer import Profile

MOST_ADDRESSES = 20
"""Of a purpose. SES takes 50 recipients of an e-mail, and every one of them counts towards the account's quota."""


class Purpose(StrEnum):
    """What an e-mail is for, and so who gets it."""

    INVOICE = "invoice"
    """An invoice, a correction, a receipt."""
    DUNNING = "dunning"
    """A reminder, or news of a hold."""
    BOTH = "both"
    """The invoice of a close, and that its payment needs something to be done."""


def split_addresses(text: str) -> list[str]:
    """Take addresses apart: a semicolon, a comma or a space is between two; each is there once, whatever its case."""
    found = dict[str, str]()
    for address in text.replace(";", " ").replace(",", " ").split():
        found.setdefault(address.lower(), address)
    return [*found.values()]


def recipients(profile: Profile, purpose: Purpose) -> list[str]:
    """List who gets the e-mails of a purpose: dunning goes where invoices go, if nothing else is said."""
    invoice = profile.invoice_emails or profile.email
    dunning = profile.dunning_emails or invoice
    texts = {Purpose.INVOICE: invoice, Purpose.DUNNING: dunning, Purpose.BOTH: f"{invoice} {dunning}"}
    return split_addresses(texts[purpose])


def every_address(profile: Profile) -> list[str]:
    """List all addresses that e-mails go to, in lower case."""
    return [address.lower() for address in recipients(profile, Purpose.BOTH)]


def without(addresses: Iterable[str], dead: str) -> list[str]:
    """Leave out the addresses that take no e-mails."""
    gone = set(dead.split())
    return [address for address in addresses if address.lower() not in gone]
