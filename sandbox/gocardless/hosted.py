"""GoCardless' hosted page: a customer gives their bank account, confirms it, and authorises a payment."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from sandbox import pages
from sandbox.gocardless.account import Account
from sandbox.gocardless.billing_requests import BillingRequest, BillingRequestFlow, missing_of
from sandbox.gocardless.fulfilling import complete, fulfil
from sandbox.gocardless.objects import BankAccount
from sandbox.pages import Field
from sandbox.wire import Request, Response

PATH = f"{pages.PREFIX}/gocardless/billing/static/flow"

_SORT_CODE, _NUMBER = (
    Field("branch_code", "Sort code", "20-00-00"),
    Field("account_number", "Account number", "55779911"),
)
_ACCOUNTS: Mapping[str, tuple[Field, ...]] = {
    "AUD": (Field("branch_code", "BSB", "082-082"), Field("account_number", "Account number", "012345678")),
    "CAD": (
        Field("bank_code", "Institution number", "0003"),
        Field("branch_code", "Transit number", "00006"),
        Field("account_number", "Account number", "1234567"),
    ),
    "DKK": (Field("bank_code", "Registration number", "345"), Field("account_number", "Account number", "3179681")),
    "EUR": (Field("iban", "IBAN", "DE89 3704 0044 0532 0130 00"),),
    "GBP": (_SORT_CODE, _NUMBER),
    "NZD": (Field("account_number", "Account number", "01-0123-0000444-00"),),
    "SEK": (Field("account_number", "Account number", "5491 0000003"),),
    "USD": (Field("bank_code", "Routing number", "026073150"), Field("account_number", "Account number", "2715500356")),
}
_COUNTRIES: Mapping[str, str] = {
    "AUD": "AU",
    "CAD": "CA",
    "DKK": "DK",
    "GBP": "GB",
    "NZD": "NZ",
    "SEK": "SE",
    "USD": "US",
}
_PERSON: Mapping[str, Field] = {
    "email": Field("email", "Email"),
    "given_name": Field("given_name", "First name"),
    "family_name": Field("family_name", "Last name"),
}
_HOLDER = Field("account_holder_name", "Name of the account holder")
_DIGITS: Mapping[str, tuple[int, int]] = {"branch_code": (5, 6), "bank_code": (3, 9), "account_number": (5, 17)}
"""How many digits a number has at least and at most."""


class _WrongError(ValueError):
    """What was typed is not possible; the message is what the page shows."""


type Answer = Callable[[Account], Response | None]


def read(request: Request) -> Answer | None:
    """Read what a browser wants; the answer is None for an account that does not have the flow."""
    if request.path != PATH:
        return None
    reference = dict(parse_qsl(request.query)).get("id", "")
    given = pages.submitted(request) if request.method == "POST" else None

    def answer(account: Account) -> Response | None:
        flow = account.billing_request_flows.find(reference)
        if flow is None:
            return None
        if flow.request.status == "fulfilled":
            return _success(flow)
        if not flow.usable:
            return pages.page("This link has expired", pages.paragraph("Ask the business for a new one."))
        return _visit(account, flow) if given is None else _submit(account, flow, given)

    return answer


def _visit(account: Account, flow: BillingRequestFlow) -> Response:
    if not flow.visited:
        flow.visited = True
        account.emit(flow.request, "flow_visited", links=_about(flow))
    return _show(flow)


def _show(flow: BillingRequestFlow, problem: str = "") -> Response:
    """Show what is to be done next."""
    request = flow.request
    parts = [pages.alert(problem), *_purpose(request)]
    waiting = [action for action in request.actions if action not in request.done]
    if {"collect_customer_details", "collect_bank_account"} & {*waiting}:
        person = [_PERSON[name] for name in missing_of(request.customer)]
        account = [_HOLDER, *_ACCOUNTS[request.currency]] if "collect_bank_account" in waiting else []
        parts.append(pages.form(flow.authorisation_url, [*person, *account], "Continue", step="details"))
    elif "confirm_payer_details" in waiting:
        parts += [
            *_details(request),
            pages.form(flow.authorisation_url, (), "Confirm", step="confirm"),
            pages.form(flow.authorisation_url, (), "Change", step="change"),
        ]
    elif "bank_authorisation" in waiting:
        parts += [
            pages.paragraph("Your bank asks you to approve the payment."),
            pages.form(flow.authorisation_url, (), "Approve", step="approve"),
            pages.form(flow.authorisation_url, (), "Deny", step="deny"),
        ]
    if flow.options["exit_uri"]:
        parts.append(pages.form(flow.authorisation_url, (), "Exit", step="exit"))
    return pages.page("Pay by bank", *parts)


def _purpose(request: BillingRequest) -> list[str]:
    mandate, payment = request.mandate_request, request.payment_request
    lines = []
    if mandate is not None:
        lines.append(f"Set up a Direct Debit ({mandate.scheme}): {mandate.description or 'future payments'}.")
    if payment is not None:
        lines.append(f"Pay {payment.amount / 100:.2f} {payment.currency} now: {payment.description}.")
    return [*map(pages.paragraph, lines), pages.paragraph("Sandbox: no money moves here.")]


def _details(request: BillingRequest) -> list[str]:
    account = request.bank_account
    ending = f"{account.account_holder_name}, account ending in {account.account_number_ending}" if account else ""
    return [pages.paragraph("Check the details before you confirm."), pages.paragraph(ending)]


def _submit(account: Account, flow: BillingRequestFlow, given: Mapping[str, str]) -> Response:
    request, step = flow.request, given.get("step", "")
    if step == "exit" and flow.options["exit_uri"]:
        flow.left = True
        account.emit(request, "flow_exited", links=_about(flow))
        return pages.see(str(flow.options["exit_uri"]))
    try:
        _STEPS[step](account, flow, given)
    except KeyError:
        return _show(flow, "That is not possible now.")
    except _WrongError as error:
        return _show(flow, str(error))
    if request.status == "ready_to_fulfil" and flow.options["auto_fulfil"]:
        fulfil(account, request, "gocardless")
    return _success(flow) if request.status != "pending" else pages.see(flow.authorisation_url)


def _take_details(account: Account, flow: BillingRequestFlow, given: Mapping[str, str]) -> None:
    request = flow.request
    bank = _read_account(request, given) if "collect_bank_account" in _waiting(request) else None
    for name in missing_of(request.customer):
        if not given.get(name):
            raise _WrongError(f"{_PERSON[name].label} is required.")
        request.customer.details[name] = given[name]
    if "collect_customer_details" not in request.done:
        complete(account, request, "collect_customer_details", "collect_customer_details", _about(flow))
    if bank is not None:
        number = bank[0]
        request.bank_account = account.bank_accounts.add(
            BankAccount(
                id=account.ids.new("BA"),
                created_at=account.now(),
                customer=request.customer.id,
                currency=request.currency,
                country_code=bank[1],
                account_holder_name=given["account_holder_name"].upper(),
                account_number_ending=number[-2:],
                account_type="checking" if request.currency == "USD" else None,
            )
        )
        complete(account, request, "collect_bank_account", "collect_bank_account", _about(flow))


def _waiting(request: BillingRequest) -> frozenset[str]:
    return frozenset(request.actions) - request.done


def _read_account(request: BillingRequest, given: Mapping[str, str]) -> tuple[str, str]:
    """Return the number of a bank account and its country."""
    if not given.get("account_holder_name"):
        raise _WrongError("The name of the account holder is required.")
    for wanted in _ACCOUNTS[request.currency]:
        value = re.sub(r"[\s-]", "", given.get(wanted.name, ""))
        if wanted.name == "iban":
            if not _is_iban(value.upper()):
                raise _WrongError("The IBAN is not valid.")
            return value, value[:2].upper()
        low, high = _DIGITS[wanted.name]
        if not re.fullmatch(r"\d+", value) or not low <= len(value) <= high:
            raise _WrongError(f"{wanted.label} is not valid.")
    return re.sub(r"[\s-]", "", given["account_number"]), _COUNTRIES[request.currency]


def _is_iban(value: str) -> bool:
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", value):
        return False
    return int("".join(str(int(letter, 36)) for letter in value[4:] + value[:4])) % 97 == 1


def _confirm(account: Account, flow: BillingRequestFlow, _given: Mapping[str, str]) -> None:
    if _waiting(flow.request) & {"collect_customer_details", "collect_bank_account"}:
        raise _WrongError("Give the details first.")
    complete(account, flow.request, "confirm_payer_details", "payer_details_confirmed", _about(flow))


def _change(_account: Account, flow: BillingRequestFlow, _given: Mapping[str, str]) -> None:
    if not flow.options["lock_bank_account"] and "confirm_payer_details" in _waiting(flow.request):
        flow.request.done.discard("collect_bank_account")
        flow.request.bank_account = None


def _approve(account: Account, flow: BillingRequestFlow, _given: Mapping[str, str]) -> None:
    _at_the_bank(account, flow)
    complete(account, flow.request, "bank_authorisation", "bank_authorisation_authorised", _about(flow))


def _deny(account: Account, flow: BillingRequestFlow, _given: Mapping[str, str]) -> None:
    _at_the_bank(account, flow)
    account.emit(flow.request, "bank_authorisation_denied", origin="payer", links=_about(flow))
    raise _WrongError("The payment was denied at your bank. You can try again.")


def _at_the_bank(account: Account, flow: BillingRequestFlow) -> None:
    if _waiting(flow.request) != {"bank_authorisation"}:
        raise _WrongError("Give the details first.")
    account.emit(flow.request, "bank_authorisation_visited", links=_about(flow))


_STEPS: Mapping[str, Callable[[Account, BillingRequestFlow, Mapping[str, str]], None]] = {
    "details": _take_details,
    "confirm": _confirm,
    "change": _change,
    "approve": _approve,
    "deny": _deny,
}


def _about(flow: BillingRequestFlow) -> dict[str, str]:
    request = flow.request
    account = {"customer_bank_account": request.bank_account.id} if request.bank_account else {}
    return {"billing_request_flow": flow.id, "customer": request.customer.id, **account}


def _success(flow: BillingRequestFlow) -> Response:
    """Show that it is done, and lead back; at once if the flow skips this page."""
    redirect = flow.options["redirect_uri"]
    if redirect and flow.options["skip_success_screen"]:
        return pages.see(str(redirect))
    back = pages.link(str(redirect), "Return to the business") if redirect else ""
    shown = pages.page("Thank you", pages.paragraph("Everything is set up."), back)
    return shown.with_headers({"Refresh": f"3; url={redirect}"}) if redirect else shown
