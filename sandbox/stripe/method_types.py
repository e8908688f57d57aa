"""How a PaymentIntent is given the types of payment method that it accepts."""

from dataclasses import dataclass

from sandbox.stripe import errors
from sandbox.stripe.banks import CURRENCIES
from sandbox.stripe.params import Params
from sandbox.wire import JSON

LAST_WITH_PAYMENT_METHOD_TYPES = "2026-09-29"
"""From API version 2026-09-30.endive on, Stripe refuses ``payment_method_types`` (changelog: "Removes the payment
method types parameter from Payment Intents and Setup Intents"). stripe-python 16.1 sends a later version."""

_NO_LONGER = (
    "The `payment_method_types` parameter is no longer supported in this API version. Use dynamic payment methods, "
    "`allowed_payment_method_types` or `excluded_payment_method_types` instead."
)
_ONE_OF = "You may only specify one of these parameters: {names}."
_NONE_KNOWN = (
    "The payment method types provided ({names}) leave none to pay with: the sandbox has cards, us_bank_account, "
    "sepa_debit and bacs_debit."
)


@dataclass(frozen=True, slots=True)
class MethodTypes:
    """What a PaymentIntent says of its payment method types.

    ``automatic`` is its ``automatic_payment_methods``, null if the types were named one by one.
    """

    automatic: JSON | None
    allowed: list[str] | None


def read_allowed(params: Params) -> list[str] | None:
    """Read ``allowed_payment_method_types`` of a Checkout Session, whose methods are automatic without it."""
    types = params.values("allowed_payment_method_types")
    if types is not None and not {"card", *CURRENCIES} & {*types}:
        raise errors.invalid_parameter("allowed_payment_method_types", _NONE_KNOWN.format(names=", ".join(types)))
    return types


def read_method_types(params: Params, api_version: str) -> MethodTypes:
    """Read ``allowed_payment_method_types``, ``payment_method_types`` or ``automatic_payment_methods``.

    With none of them payment methods are automatic, which is the default since API version 2023-08-16.

    Parameters
    ----------
    api_version : str
        The request's ``Stripe-Version``; empty for a client that sends none, which is taken for an old one.
    """
    automatic = params.nested("automatic_payment_methods")
    enabled = automatic.flag("enabled") if automatic else None
    redirects = (automatic.choice("allow_redirects", "always", "never") if automatic else None) or "always"
    named = {name: params.values(name) for name in ("allowed_payment_method_types", "payment_method_types")}
    if named["payment_method_types"] is not None and api_version[:10] > LAST_WITH_PAYMENT_METHOD_TYPES:
        code = "payment_method_types_no_longer_supported"
        raise errors.invalid_parameter("payment_method_types", _NO_LONGER, code)
    given = [name for name, types in named.items() if types is not None]
    if len(given) + bool(enabled) > 1:
        names = ", ".join([*(["automatic_payment_methods"] if enabled else []), *given])
        raise errors.invalid_parameter(given[0], _ONE_OF.format(names=names))
    if not given:
        return MethodTypes({"allow_redirects": redirects, "enabled": True} if enabled is not False else None, None)
    types = named[given[0]] or []
    if not {"card", *CURRENCIES} & {*types}:
        raise errors.invalid_parameter(given[0], _NONE_KNOWN.format(names=", ".join(types)))
    return MethodTypes(None, types)
