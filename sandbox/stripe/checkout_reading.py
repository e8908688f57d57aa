"""Reads what a Checkout Session is to be (Stripe API reference, "Create a Checkout Session")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.pages import is_address
from sandbox.stripe import errors
from sandbox.stripe.currencies import check_amount, check_currency
from sandbox.stripe.method_types import read_allowed
from sandbox.stripe.params import Params
from sandbox.stripe.session_objects import Mode, Wanted

_MODES: Mapping[str, Mode] = {"payment": "payment", "setup": "setup"}
_LOCALES = (
    *("auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr"),
    *("hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl"),
    *("sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW"),
)
_SUBMIT_TYPES = ("auto", "book", "donate", "pay")
_MOST_LINES = 100
_SHORTEST, _LONGEST = 30 * 60, 24 * 60 * 60

_NOT_A_URL = "Not a valid URL"
_ONLY_ONE = "You may only specify one of these parameters: customer, customer_email."
_SETUP_ONLY = "`currency` can only be passed in `setup` mode: what is bought has the currency of its price."
_NEEDS_CURRENCY = "You must pass `currency` in `setup` mode unless you pass `allowed_payment_method_types`."
_PAYMENT_ONLY = "You can not pass `{name}` in `setup` mode."
_NO_LINES = "You must pass `line_items` in `payment` mode."
_EXPIRY = "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation."
_ONE_CURRENCY = "All items must have the same currency: {first} and {other} cannot be combined."
_FOR_INTENT: Mapping[Mode, str] = {"payment": "payment_intent_data", "setup": "setup_intent_data"}


@dataclass(frozen=True, slots=True)
class Bought:
    """A line of what is to be bought; the unit's amount in minor units."""

    name: str
    unit_amount: int
    currency: str
    quantity: int


def read_wanted(params: Params, bought: list[Bought]) -> Wanted:
    """Read everything but the expiry; the lines have been read.

    Raises
    ------
    StripeError
        400; also for what Stripe has and the sandbox has not, such as ``subscription`` mode.
    """
    name = params.choice("mode", *_MODES) or "payment"
    mode = _MODES[name]
    params.choice("ui_mode", "hosted_page")
    success_url, cancel_url = _address(params, "success_url"), _address(params, "cancel_url")
    if success_url is None:
        raise errors.missing_parameter("success_url")
    customer, email = params.text("customer"), params.text("customer_email")
    if customer and email:
        raise errors.invalid_parameter("customer_email", _ONLY_ONE)
    creation = params.choice("customer_creation", "always", "if_required")
    submit_type = params.choice("submit_type", *_SUBMIT_TYPES)
    _refuse_in_setup(mode, customer_creation=creation, submit_type=submit_type)
    allowed, currency = read_allowed(params), params.text("currency")
    _check_currency(mode, currency, allowed)
    details, metadata = _read_intent(params, mode)
    return Wanted(
        mode=mode,
        success_url=success_url,
        cancel_url=cancel_url,
        customer=customer,
        customer_email=email,
        customer_creation=creation or ("if_required" if mode == "payment" and not customer else None),
        client_reference_id=params.text("client_reference_id"),
        currency=bought[0].currency if bought else currency,
        allowed=allowed,
        locale=params.choice("locale", *_LOCALES),
        submit_type=submit_type,
        billing_address_collection=params.choice("billing_address_collection", "auto", "required"),
        metadata=params.metadata() or {},
        for_intent=details,
        intent_metadata=metadata,
    )


def _check_currency(mode: Mode, currency: str | None, allowed: list[str] | None) -> None:
    if currency is not None:
        check_currency(currency)
    if mode == "payment" and currency:
        raise errors.invalid_parameter("currency", _SETUP_ONLY)
    if mode == "setup" and not (currency or allowed):
        raise errors.invalid_parameter("currency", _NEEDS_CURRENCY, "parameter_missing")


def _refuse_in_setup(mode: Mode, **given: str | None) -> None:
    for name, value in given.items():
        if mode == "setup" and value is not None:
            raise errors.invalid_parameter(name, _PAYMENT_ONLY.format(name=name))


def _address(params: Params, name: str) -> str | None:
    value = params.text(name)
    if value is not None and not is_address(value):
        raise errors.invalid_parameter(name, _NOT_A_URL, "url_invalid")
    return value


def _read_intent(params: Params, mode: Mode) -> tuple[dict[str, str], dict[str, str]]:
    """Read what the intent gets, with its metadata; that of the other mode is refused as unknown here."""
    inner = params.nested(_FOR_INTENT[mode])
    if inner is None:
        return {}, {}
    names = ["description"]
    details = {}
    if mode == "payment":
        names += ["receipt_email", "statement_descriptor_suffix"]
        usage = inner.choice("setup_future_usage", "off_session", "on_session")
        capture = inner.choice("capture_method", "automatic", "automatic_async")
        details = {"setup_future_usage": usage, "capture_method": capture}
    details |= {name: inner.text(name) for name in names}
    return {name: value for name, value in details.items() if value is not None}, inner.metadata() or {}


def read_expiry(params: Params) -> Callable[[int], int]:
    """Read ``expires_at``: 30 minutes to 24 hours (the default) after the session's creation."""
    wanted = params.integer("expires_at")

    def at(now: int) -> int:
        if wanted is None:
            return now + _LONGEST
        if not _SHORTEST <= wanted - now <= _LONGEST:
            raise errors.invalid_integer("expires_at", _EXPIRY)
        return wanted

    return at


def read_lines(params: Params) -> list[Bought]:
    """Read ``line_items``, each with a ``price_data`` (the sandbox has no prices): at most 100, of one currency."""
    mode = params.choice("mode", *_MODES) or "payment"
    bought = _read_items(params)
    if mode == "setup" and bought:
        raise errors.invalid_parameter("line_items", _PAYMENT_ONLY.format(name="line_items"))
    if mode == "payment" and not bought:
        raise errors.invalid_parameter("line_items", _NO_LINES, "parameter_missing")
    if len(bought) > _MOST_LINES:
        raise errors.invalid_parameter("line_items", f"You may pass up to {_MOST_LINES} line items.")
    for item in bought:
        if item.currency != bought[0].currency:
            message = _ONE_CURRENCY.format(first=bought[0].currency, other=item.currency)
            raise errors.invalid_parameter("line_items", message)
    return bought


def _read_items(params: Params) -> list[Bought]:
    return [_read_item(item) for item in params.hashes("line_items")]


def _read_item(item: Params) -> Bought:
    price = item.nested("price_data")
    if price is None:
        raise errors.missing_parameter(item.label("price_data"))
    currency, amount = price.text("currency"), price.integer("unit_amount")
    product = price.nested("product_data")
    name = None if product is None else product.text("name")
    given = {"currency": currency, "unit_amount": amount, "product_data": product}
    for member, value in given.items():
        if value is None:
            raise errors.missing_parameter(price.label(member))
    assert currency is not None
    assert amount is not None
    assert product is not None
    if name is None:
        raise errors.missing_parameter(product.label("name"))
    product.text("description")
    product.metadata()
    quantity = item.integer("quantity")
    if quantity is None or quantity < 1:
        raise errors.invalid_integer(item.label("quantity"), "This value must be greater than or equal to 1.")
    check_amount(amount, check_currency(currency))
    return Bought(name, amount, currency, quantity)
