"""Who a customer is and where their e-mails go, in words: for the command and for the dashboard."""

from monthclose.domain.accounts.addresses import Purpose, recipients
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.cycles import ON_THE_FIRST, in_words


def addresses_of(profile: Profile) -> list[tuple[str, list[str]]]:
    """List where e-mails go, by purpose where that differs from the customer's own address."""
    rows = [("E-mail", [profile.email])]
    if profile.invoice_emails:
        rows.append(("Invoices go to", recipients(profile, Purpose.INVOICE)))
    if profile.dunning_emails:
        rows.append(("Reminders go to", recipients(profile, Purpose.DUNNING)))
    return rows


def references_of(customer: Customer) -> list[tuple[str, str]]:
    """List what few customers have: a contact, what they want on their invoices."""
    profile = customer.profile
    rows = [
        ("Contact", profile.contact),
        ("Purchase order", profile.purchase_order),
        ("Cost centre", profile.cost_centre),
        ("Billing day", "" if customer.billing_cycles == ON_THE_FIRST else in_words(customer.billing_cycles)),
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
