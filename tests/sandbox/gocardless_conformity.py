"""Checks documents against what GoCardless publishes (`published.json`): members, types, what may be null, enums."""

from __future__ import annotations

from typing import Any

from sandbox.gocardless.published import published

SOMETIMES: dict[str, set[str]] = {
    # members that the API reference says are there only now and then
    "CustomerBankAccount": {"account_type", "payer_name_verification_result"},  # ACH; where names are verified
    "Mandate": {"next_possible_standard_ach_charge_date"},  # ACH
    "MandateLinks": {"new_mandate"},  # replaced
    "Payment": {"app_fee", "faster_ach"},  # made by an app; ACH
    "PaymentLinks": {"instalment_schedule", "payout", "subscription"},  # part of one
    "PaymentFx": {"fx_currency"},  # foreign exchange
    "RefundFx": {"fx_currency"},
    "PayoutFx": {"fx_currency"},
    "PayoutItemLinks": {"mandate", "refund"},  # refunds
    "BillingRequest": {"payment_context_code", "payment_purpose_code", "purpose_code"},
    "BillingRequestAction": {
        *("available_currencies", "institution_guess_status"),  # of actions that the sandbox does not ask for
        *("bank_authorisation", "collect_customer_details"),  # of those that have it
    },
    "BillingRequestLinks": {
        *("bank_authorisation", "payment_provider", "customer_bank_account"),
        *("instalment_schedule_request", "instalment_schedule_request_instalment_schedule"),
        *("mandate_request", "mandate_request_mandate", "payment_request", "payment_request_payment"),
        *("subscription_request", "subscription_request_subscription"),
    },
    "BillingRequestMandateRequestLinks": {"mandate"},  # fulfilled
    "BillingRequestPaymentRequestLinks": {"payment"},
    "BillingRequestResourcesCustomerBankAccount": {"account_type", "payer_name_verification_result"},
    "Event": {"customer_notifications", "source"},  # own notifications; where somebody used the API
    "EventDetails": {
        *("bank_account_id", "currency", "item_count", "property"),  # of creditors and exports
        *(
            "reason_code",
            "scheme",
            "will_attempt_retry",
            "not_retried_reason",
        ),  # the bank's doing; payments that failed
    },
}
_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,), "list": (list,)}


def differences(kind: str, document: dict[str, Any], where: str = "") -> list[str]:
    """Every way in which a document is not as published."""
    members = published()["objects"][kind]
    here = where or kind
    sometimes = members.keys() if kind == "EventLinks" else SOMETIMES.get(kind, set())
    found = [f"{here}.{name} is not published" for name in document.keys() - members.keys()]
    found += [f"{here}.{name} is missing" for name in members.keys() - document.keys() - sometimes]
    for name in members.keys() & document.keys():
        found += _wrong(f"{here}.{name}", members[name], document[name])
    return found


def _wrong(where: str, member: dict[str, Any], value: Any) -> list[str]:
    kind = member["is"]
    if value is None:
        return [] if member.get("nullable") else [f"{where} is null"]
    if isinstance(kind, list):
        return [] if value in kind else [f"{where} is {value}, none of {kind}"]
    if kind == "texts":
        texts = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
        return [] if texts else [f"{where} is no object of texts"]
    if kind in _TYPES:
        right = isinstance(value, _TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)
        return [] if right else [f"{where} is {value!r}, no {kind}"]
    return differences(kind, value, where) if isinstance(value, dict) else [f"{where} is no object"]
