"""Stripe's pages for payment details: Checkout in setup mode, through the official SDK.

Setup mode takes no money. What is due is charged by us once the payment method is known, by the one protocol that
charges anything: a page that collected the money itself would be a second order beside ours, and both could be paid
(Stripe, "Set up future payments").
"""

from datetime import UTC, datetime

import stripe

from monthclose.adapters.idempotency_keys import idempotency_key
from monthclose.adapters.page_marks import page_marks, whose_page
from monthclose.adapters.stripe.client import services
from monthclose.adapters.stripe.errors import member, translated
from monthclose.ports import BeforeRequest, OpenedPage, PageAnswer, PageOrder, PageState

_LONGEST_KEY = 255
_SETUP_INTENT = "seti_"
_STATES = {"complete": PageState.GIVEN, "expired": PageState.OVER}


class StripePages:
    """`HostedPages` on Stripe's API v1. A call is one request, as the SDK must not retry: requests are paced."""

    provider = "stripe"
    needs_payer = True

    def __init__(self, api_key: str, api_base: str, http_client: stripe.HTTPClient | None = None) -> None:
        self._client = services(api_key, api_base, http_client)

    def open(self, order: PageOrder, before_request: BeforeRequest = lambda: None) -> OpenedPage:  # noqa: ARG002
        """Create a Checkout Session. What is given on it is attached to the Stripe customer, for off-session use."""
        marks = page_marks(order.customer_id)
        with translated(moves_money=False):
            session = self._client.checkout.sessions.create(
                {
                    "mode": "setup",
                    "customer": order.payer,
                    "currency": order.currency.lower(),
                    "success_url": order.back,
                    "cancel_url": order.back,
                    "metadata": marks,
                    "setup_intent_data": {"metadata": marks},
                },
                {
                    "idempotency_key": idempotency_key(
                        order.customer_id, "page", order.asked_at.isoformat(), longest=_LONGEST_KEY
                    )
                },
            )
        return OpenedPage(session.id, session.url or "")

    def look_up(self, reference: str) -> PageAnswer:
        """Retrieve a Checkout Session (`cs_…`) with its SetupIntent, or a SetupIntent (`seti_…`)."""
        with translated(moves_money=False):
            if reference.startswith(_SETUP_INTENT):
                return _answer(reference, self._client.setup_intents.retrieve(reference), None)
            session = self._client.checkout.sessions.retrieve(reference, {"expand": ["setup_intent"]})
        intent = session.setup_intent
        if not isinstance(intent, stripe.SetupIntent):  # a session of another mode, or one that nobody has opened
            state = PageState.OVER if session.status == "expired" else PageState.OPEN
            return PageAnswer(state, reference, _customer_id(session))
        return _answer(reference, intent, session)


def _answer(reference: str, intent: stripe.SetupIntent, session: stripe.checkout.Session | None) -> PageAnswer:
    """Read a SetupIntent: with a session that is complete it may still be processing (a bank debit's checks)."""
    about = session or intent
    state = _STATES.get(str(session.status), PageState.OPEN) if session else PageState.GIVEN
    if state is not PageState.OVER:
        state = PageState.GIVEN if intent.status == "succeeded" and state is PageState.GIVEN else PageState.OPEN
    if intent.status == "canceled":
        state = PageState.OVER
    return PageAnswer(
        state,
        reference,
        _customer_id(about),
        _id(intent.payment_method) if state is PageState.GIVEN else "",
        _id(intent.customer),
        datetime.fromtimestamp(about.created, UTC),
    )


def _customer_id(about: stripe.checkout.Session | stripe.SetupIntent) -> str:
    return whose_page(about.metadata.to_dict() if about.metadata else None)


def _id(reference: str | stripe.StripeObject | None) -> str:
    """Read a member that holds an object's id, or is the object."""
    return str(member(reference, "id") if isinstance(reference, stripe.StripeObject) else reference or "")
