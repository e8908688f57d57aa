"""How requests are read and refused, on the pure core."""

from __future__ import annotations

import base64
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe import StripeSandbox
from sandbox.stripe.currencies import MAXIMUM, MINIMUM
from sandbox.stripe.params import Form, decode
from sandbox.wire import Request
from tests.sandbox.driving import CARD_INTENT, Fields, Wire

REFUSED: dict[str, tuple[Fields, str | None, str]] = {
    "an unknown parameter": ({"colour": "red"}, "parameter_unknown", "colour"),
    "an unknown member": ({"automatic_payment_methods[colour]": "red"}, "parameter_unknown", ""),
    "no amount": ({"amount": None}, "parameter_missing", "amount"),
    "no currency": ({"currency": None}, "parameter_missing", "currency"),
    "no integer": ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
    "nothing to pay": ({"amount": "0"}, "parameter_invalid_integer", "amount"),
    "less than nothing": ({"amount": "-500"}, "parameter_invalid_integer", "amount"),
    "too little": ({"amount": "49"}, "amount_too_small", "amount"),
    "too little in yen": ({"amount": "49", "currency": "jpy"}, "amount_too_small", "amount"),
    "too much": ({"amount": MAXIMUM + 1}, "amount_too_large", "amount"),
    "three decimals": ({"amount": "1001", "currency": "kwd"}, "parameter_invalid_integer", "amount"),
    "capitals": ({"currency": "USD"}, None, "currency"),
    "no currency at all": ({"currency": "xxx"}, None, "currency"),
    "an empty string": ({"customer": ""}, "parameter_invalid_empty", "customer"),
    "no such customer": ({"customer": "cus_none"}, "resource_missing", "customer"),
    "no such payment method": ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
    "off-session without confirm": ({"off_session": "true"}, None, "off_session"),
    "what cannot be expanded": ({"expand[]": "colour"}, None, "expand"),
    "no boolean": ({"confirm": "perhaps"}, None, "confirm"),
    "a hash for a string": ({"description[a]": "b"}, None, "description"),
    "a string for a hash": ({"automatic_payment_methods": "yes"}, None, "automatic_payment_methods"),
    "two ways at once": ({"automatic_payment_methods[enabled]": "true"}, None, "allowed_payment_method_types"),
    "a long metadata key": ({f"metadata[{'k' * 41}]": "v"}, None, "metadata"),
    "a long metadata value": ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
    "too many metadata keys": ({f"metadata[k{n}]": "v" for n in range(51)}, None, "metadata"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_parameter_is_refused_and_creates_nothing(wire: Wire, case: str) -> None:
    changes, code, param = REFUSED[case]
    fields = {name: value for name, value in {**CARD_INTENT, **changes}.items() if value is not None}

    answer = wire.post("payment_intents", fields)

    error = answer.json()["error"]
    assert answer.status == 400
    assert (error["type"], error.get("code")) == ("invalid_request_error", code)
    assert error["param"].startswith(param)
    assert wire.get("payment_intents").json()["data"] == []


@pytest.mark.parametrize("currency", MINIMUM)
def test_every_currency_takes_its_smallest_and_largest_amount(wire: Wire, currency: str) -> None:
    step = 100 if currency in ("isk", "ugx") else 10  # zero-decimal currencies that are written with two decimals
    smallest = -(-MINIMUM[currency] // step) * step
    for amount in (smallest, MAXIMUM // step * step):
        assert wire.create_intent(amount=amount, currency=currency)["amount"] == amount


def test_payment_method_types_end_with_the_endive_api(sandbox: StripeSandbox) -> None:
    body = urlencode({"amount": "1500", "currency": "usd", "payment_method_types[]": "card"})

    def create(version: str) -> tuple[int, str | None]:
        headers = {"Authorization": "Bearer sk_test_sandbox", "Stripe-Version": version}
        answer = sandbox.handle(Request.to("POST", "/v1/payment_intents", headers, body))
        return answer.status, answer.json().get("error", {}).get("code")

    assert create("2026-08-26.dahlia") == (200, None)
    assert create("2026-09-30.endive") == (400, "payment_method_types_no_longer_supported")


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("payment_intents/pi_none", "intent"),
        ("customers/cus_none", "id"),
        ("charges/ch_none", "id"),
        ("payment_methods/pm_none", "payment_method"),
        ("customers/cus_none/payment_methods", "id"),
    ],
)
def test_a_missing_object_named_in_the_url_is_404(wire: Wire, path: str, param: str) -> None:
    answer = wire.get(path)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "resource_missing")
    assert answer.json()["error"]["param"] == param


def test_an_unsupported_endpoint_is_404(wire: Wire) -> None:
    answer = wire.get("invoices")
    assert answer.status == 404
    assert "Unrecognized request URL (GET: /v1/invoices)" in answer.json()["error"]["message"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer sk_test_wrong", "Basic !!!", "Digest sk_test_sandbox"])
def test_a_request_without_the_key_is_401(sandbox: StripeSandbox, header: str) -> None:
    answer = sandbox.handle(Request.to("GET", "/v1/customers", {"Authorization": header} if header else {}))
    assert (answer.status, answer.json()["error"]["type"]) == (401, "invalid_request_error")
    assert answer.headers["Request-Id"].startswith("req_")


def test_the_key_may_be_the_user_of_basic_authentication(sandbox: StripeSandbox) -> None:
    basic = base64.b64encode(b"sk_test_sandbox:").decode()
    assert sandbox.handle(Request.to("GET", "/v1/customers", {"authorization": f"Basic {basic}"})).status == 200


def test_requests_are_counted_by_endpoint_and_status(wire: Wire) -> None:
    intent = wire.create_intent()["id"]
    wire.confirm(intent, "pm_card_chargeDeclined")
    wire.confirm(intent, "pm_card_visa")
    wire.get("nothing")

    assert wire.sandbox.request_counts() == {
        "payment_intents.confirm": {200: 1, 402: 1},
        "payment_intents.create": {200: 1},
        "unrecognized": {404: 1},
    }


NAMES = st.text("abcxyz_0189", min_size=1, max_size=6)
VALUES = st.text("ab1 =&[]%+é", max_size=9)
FORMS: st.SearchStrategy[Form] = st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, min_size=1))


@given(form=FORMS)
def test_a_form_is_decoded_to_what_was_encoded(form: Form) -> None:
    pairs = []
    for name, value in form.items():
        if isinstance(value, str):
            pairs.append((name, value))
        else:
            pairs.extend((f"{name}[{member}]", str(inner)) for member, inner in value.items())
    assert decode("&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)) == form


def test_lists_are_decoded_with_and_without_positions() -> None:
    assert decode("a[]=x&a[]=y") == decode("a[0]=x&a[1]=y") == {"a": {"0": "x", "1": "y"}}


@given(
    body=st.binary(max_size=40),
    path=st.sampled_from(["customers", "payment_intents", "payment_methods/pm_card_visa/attach"]),
)
def test_no_body_breaks_the_sandbox(body: bytes, path: str) -> None:
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    assert StripeSandbox().handle(Request.to("POST", f"/v1/{path}", headers, body)).status in (200, 400)
