"""How payment methods look: on a PaymentMethod, and as the details of a charge (Stripe API reference, both pages)."""

from sandbox.stripe.banks import BankAccount
from sandbox.stripe.cards import Card, Decline
from sandbox.wire import JSON

type Means = Card | BankAccount

BILLING_DETAILS: JSON = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
    **dict.fromkeys(("email", "name", "phone", "tax_id")),
}
_CHECKS = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
_US_ACCOUNT = {"account_holder_type": "company", "account_type": "checking", "bank_name": "STRIPE TEST BANK"}


def on_method(means: Means) -> JSON:
    """Return the member of a PaymentMethod that its type names."""
    common = {"fingerprint": f"sandbox{means.last4}", "last4": means.last4}
    if isinstance(means, Card):
        return _card(means, common) | {
            "display_brand": means.brand,
            "generated_from": None,
            "networks": {"available": [means.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
        }
    if means.kind == "us_bank_account":
        networks = {"preferred": "ach", "supported": ["ach"]}
        more = {"financial_connections_account": None, "networks": networks, "status_details": {}}
        return {**common, **_US_ACCOUNT, **more, "routing_number": "110000000"}
    if means.kind == "sepa_debit":
        origin = {"charge": None, "setup_attempt": None}
        return {**common, "bank_code": "37040044", "branch_code": "", "country": "DE", "generated_from": origin}
    return {**common, "sort_code": "108800"}


def on_charge(means: Means, amount: int, decline: Decline | None) -> JSON:
    """Return the member of a charge's ``payment_method_details`` that the type names; the amount in minor units."""
    common = {"fingerprint": f"sandbox{means.last4}", "last4": means.last4}
    if isinstance(means, Card):
        return _card(means, common) | {
            "amount_authorized": amount if decline is None else None,
            "authorization_code": "123456" if decline is None else None,
            "electronic_commerce_indicator": None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": means.brand,
            "network_token": {"used": False},
            "network_transaction_id": "104102106108110" if decline is None else None,
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "three_d_secure": None,
            "transaction_link_id": None,
        }
    mandate = f"mandate_sandbox{means.last4}"
    if means.kind == "us_bank_account":
        return {**common, **_US_ACCOUNT, "mandate": mandate, "payment_reference": None, "routing_number": "110000000"}
    if means.kind == "sepa_debit":
        return {**common, "bank_code": "37040044", "branch_code": "", "country": "DE", "mandate": mandate}
    return {**common, "mandate": mandate, "sort_code": "108800"}


def _card(card: Card, common: JSON) -> JSON:
    return {
        **common,
        "brand": card.brand,
        "checks": dict(_CHECKS),
        "country": "US",
        "exp_month": card.expires[1],
        "exp_year": card.expires[0],
        "funding": "credit",
        "regulated_status": "unregulated",
        "wallet": None,
    }
