"""The reasons for which customers are parked, and what helps with each."""

from collections.abc import Mapping

HELP: Mapping[str, str] = {
    "no_price": "import a price for the SKU; it may be added even after the month",
    "unknown_time_zone": "add their time zone to the setting customer_time_zones, or import them with another one",
    "no_resource": "correct the event, which names no resource, or price the SKU as a whole instead of by resource",
    "too_many_buckets": "price the SKU by larger buckets: at most 1,000,000 of a customer's resources are measured",
    "tax_not_covered": "give the customer a country, or the tax table a rate",
    "unknown_currency": "import the customer with the right currency",
    "currency_mismatch": "import the customer with the account's currency, or settle what is open on it first",
    "paid_by_another": "correct the late usage to 0, and bill it by hand: another account pays for a month it changes",
    "provider_changed": "import the customer with the provider of the snapshot, or with the new one for the next month",
    "no_customer": "import the customer again, who was removed after the snapshot",
    "too_many_lines": "price by SKU instead of by resource: an invoice has at most 15,000 lines",
    "document_too_large": "shorten descriptions, or price by SKU instead of by resource: an invoice has at most 16 MB",
    "amount_too_large": "correct the price or the quantity: an amount has at most 18 digits",
    "payment_unsettled": "wait until the charge has an outcome; if the provider refuses the order as it is, correct "
    "the customer's data or the settings and close again, or book a transfer with `monthclose payments record`",
    "not_approved": "rehearse the month and approve it: their invoice was not in what was approved",
    "not_generated": "see the execution's history in Step Functions for why, and try again",
    "not_booked": "the detail says what is in the way of booking the invoice, which keeps its number",
    "cannot_be_billed": "the detail says why; report it if it names a defect",
}
"""By reason, as `ParkCustomerError` has it."""


def what_helps(reason: str) -> str:
    """Say what to do about a reason; one of another release has its detail."""
    return HELP.get(reason, "the detail says why")
