"""Stripe's own pages, which customers are sent to: Checkout, and the one on which a card is authenticated.

They are plain forms. What they ask for is what Stripe's test pages ask for: numbers of test cards and test bank
accounts (:mod:`sandbox.stripe.numbers`), and whether the authentication is to succeed.
"""

from collections.abc import Callable, Mapping

from sandbox import pages
from sandbox.stripe import checkout_page, outside
from sandbox.stripe.account import Account, NothingSuchError
from sandbox.stripe.checkout import PAGE
from sandbox.stripe.next_actions import AUTHENTICATE
from sandbox.stripe.objects import PaymentIntent
from sandbox.stripe.sessions import expire_due, session_of
from sandbox.stripe.setup_objects import SetupIntent
from sandbox.wire import Request, Response

ROOT = f"{pages.PREFIX}/stripe/"

type Answer = Callable[[Account], Response]


def read(request: Request) -> Answer:
    """Read what a browser wants; the answer is for the account that has the object.

    Raises
    ------
    NothingSuchError
        There is no such page, or, from the answer, no such object.
    """
    kind, _, reference = request.path.removeprefix(ROOT).partition("/")
    given = pages.submitted(request) if request.method == "POST" else None
    if kind == PAGE and reference:
        return lambda account: _checkout(account, reference, given)
    if kind == AUTHENTICATE and reference:
        return lambda account: _authenticate(account, reference, given)
    raise NothingSuchError(request.path)


def _checkout(account: Account, reference: str, given: Mapping[str, str] | None) -> Response:
    expire_due(account)
    session = account.sessions.find(reference)
    if session is None:
        raise NothingSuchError(reference)
    if given is None:
        return checkout_page.show(account, session)
    return checkout_page.submit(account, session, given)


def _authenticate(account: Account, reference: str, given: Mapping[str, str] | None) -> Response:
    intent = account.payment_intents.find(reference) or account.setup_intents.find(reference)
    if intent is None:
        raise NothingSuchError(reference)
    redirect = (intent.next_action or {}).get("redirect_to_url")
    if intent.status != "requires_action" or redirect is None:
        return pages.page("3D Secure 2 test page", pages.paragraph("There is nothing to authenticate any more."))
    if given is None:
        return _ask(intent)
    succeeds = given.get("outcome") == "complete"
    act = outside.authenticate if isinstance(intent, PaymentIntent) else outside.authenticate_setup
    act(intent.id, succeeds=succeeds)(account)
    return _back(account, intent, str(redirect["return_url"]))


def _ask(intent: PaymentIntent | SetupIntent) -> Response:
    address = f"{ROOT}{AUTHENTICATE}/{intent.id}"
    what = "your card"
    if isinstance(intent, PaymentIntent):
        what = f"a payment of {checkout_page.money(intent.amount, intent.currency)}"
    return pages.page(
        "3D Secure 2 test page",
        pages.paragraph(f"The bank that issued the card wants you to confirm {what}."),
        pages.form(address, (), "Complete", outcome="complete"),
        pages.form(address, (), "Fail", outcome="fail"),
    )


def _back(account: Account, intent: PaymentIntent | SetupIntent, return_url: str) -> Response:
    """Lead back to where the customer came from, with what Stripe adds to the address ("3D Secure", redirects)."""
    session = session_of(account, intent)
    if session is not None:
        return checkout_page.go_on(account, session, return_url)
    kind = "payment_intent" if isinstance(intent, PaymentIntent) else "setup_intent"
    succeeded = intent.status in ("succeeded", "processing")
    added = {
        kind: intent.id,
        f"{kind}_client_secret": intent.client_secret,
        "redirect_status": "succeeded" if succeeded else "failed",
    }
    return pages.see(pages.with_query(return_url, **added))
