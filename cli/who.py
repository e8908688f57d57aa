"""Who a customer is and where their e-mails go, in words: for the command and for the dashboard."""

from monthclose.domain.accounts.addresses import Purpose, recipients
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.cycles import ON_THE_FIRST, in_words
from monthclose.domain.accounts.group import present_children, present_payer
from monthclose.domain.calendar import zones_in_words
from monthclose.domain.words import count

_MOST_NAMED = 20
"""Of the customers that somebody pays for."""


def addresses_of(profile: Profile) -> list[tuple[str, list[str]]]:
    """List where e-mails go, by purpose where that differs from the customer's own address."""
    rows = [("E-mail", [profile.email])]
    if profile.invoice_emails:
        rows.append(("Invoices go to", recipients(profile, Purpose.INVOICE)))
    if profile.dunning_emails:
        rows.append(("Reminders go to", recipients(profile, Purpose.DUNNING)))
    return rows


def references_of(customer: Customer) -> list[tuple[str, str]]:
    """List what few customers have: a contact, what they want on their invoices, who pays for whom."""
    profile, children = customer.profile, present_children(customer)
    shown = ", ".join(children[:_MOST_NAMED])
    more = f" and {count(len(children) - _MOST_NAMED)} more" if len(children) > _MOST_NAMED else ""
    rows = [
        ("Contact", profile.contact),
        ("Purchase order", profile.purchase_order),
        ("Cost centre", profile.cost_centre),
        ("Billing day", "" if customer.billing_cycles == ON_THE_FIRST else in_words(customer.billing_cycles)),
        ("Time zone", zones_in_words(customer.billing_zones)),
        ("Invoices go to the payer", present_payer(customer)),
        ("Pays for", f"{shown}{more}"),
    ]
    return [(label, text) for label, text in rows if text]


def addresses_in_words(customer: Customer) -> list[tuple[str, str]]:
    """Write the addresses on a line for each purpose, and say which take no e-mails."""
    dead = customer.unreached
    return [
        (
            label,
            ", ".join(f"{one} (takes no e-mails of ours)" if one.lower() in dead else one for one in addresses),
        )
        for label, addresses in addresses_of(customer.profile)
    ]
